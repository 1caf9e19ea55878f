"""A receiver of notices, the rehearsal project, and the demo gate."""

from __future__ import annotations

import pytest

from tests.notices.receiver import Receiver
from tests.plugin.project import project as demo
from tests.rehearsal.conftest import project, sandbox

__all__ = ["demo", "project", "sandbox"]


@pytest.fixture
def receiver():
    """A receiver that takes everything."""
    made = Receiver()
    yield made
    made.close()
