"""Every key under which this plugin keeps something in pytest's stashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_paygate.exposure.gathering import LiveSession
    from pytest_paygate.plugin.page import SessionPage
    from pytest_paygate.plugin.runs import Runs

# The gates of this pytest session; absent until the first gate file is collected.
RUNS: pytest.StashKey[Runs] = pytest.StashKey()
# Short spellings of our options that are active in this session.
SPELLINGS: pytest.StashKey[tuple[str, ...]] = pytest.StashKey()
# The run a gate item belongs to, and the id of its row.
GATE: pytest.StashKey[str] = pytest.StashKey()
ROW: pytest.StashKey[str] = pytest.StashKey()
# What a live session says of itself; absent unless --live or --confirm is set.
LIVE: pytest.StashKey[LiveSession] = pytest.StashKey()
# The operator's page of a session that has one, once its rows are collected.
PAGE: pytest.StashKey[SessionPage] = pytest.StashKey()
