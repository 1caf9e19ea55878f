"""The hooks that a conftest or another plugin can implement; known in every project, so that a conftest may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_paygate.core.notices import Notice


@pytest.hookspec
def pytest_paygate_notify(notice: Notice) -> None:
    """Called when an operator is needed, a refund is overdue, and with a run's verdict.

    It is called on a thread of its own, one notice after another. Whatever it raises is journalled as an anomaly and
    told at the end of the session; it changes nothing else.

    Args:
        notice: what happened; see `docs/reference/notices.md`.
    """
