"""What the tests of the commands are given."""

from __future__ import annotations

import pytest

from tests.attack.keys import Team, team


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """People with keys: ops, ann and bob stand in the allowed-signers file, eve does not."""
    return team(tmp_path_factory.mktemp("keys"))
