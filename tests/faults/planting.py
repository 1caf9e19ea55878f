"""A pytest plugin for one gate run: plants what it is told in that run's sandbox, and reads back what acted.

Loaded by name into the run's own process. It adds parameters to what the sandbox starts with, and asks the running
sandbox's control surface right before it stops. It touches nothing that the gate looks at, but for the checks that it
is told to take away: those find nothing, and it counts how often they were asked.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_paygate.checks.check import Check
    from pytest_paygate.plugin.row_checks import Checks as RowChecks
    from pytest_paygate.sandbox.server import Sandbox as Started

# JSON: fault -> parameters. The folder's file of that name says afterwards how often each fault acted.
PLANTED_VARIABLE = "PLANTED_FAULTS"
FIRED_FILE = "fired.json"
# JSON: a list of ids of checks. The folder's file of that name says afterwards how often each was asked.
REMOVED_VARIABLE = "REMOVED_CHECKS"
REMOVED_FILE = "removed.json"
_ASK_SECONDS_MAX = 10


def pytest_configure(config: pytest.Config) -> None:
    """Stand at the door of the sandbox, in with the faults and out with the counts; and take checks away."""
    _plant(Path(config.rootpath) / FIRED_FILE, json.loads(os.environ[PLANTED_VARIABLE]))
    if removed := json.loads(os.environ.get(REMOVED_VARIABLE, "[]")):
        _remove(Path(config.rootpath) / REMOVED_FILE, removed)


def _plant(told: Path, planted: Mapping[str, Mapping[str, object]]) -> None:
    from pytest_paygate.sandbox.server import Sandbox  # only this run's process pays for it

    start, stop = Sandbox.start.__func__, Sandbox.stop

    def start_planted(cls: type[Started], **options: Any) -> Started:
        return start(cls, **{**options, "faults": {**(options.get("faults") or {}), **planted}})

    def stop_and_tell(sandbox: Started) -> None:
        address = f"{sandbox.description.control_url}/_sandbox/faults"
        with build_opener(ProxyHandler({})).open(address, timeout=_ASK_SECONDS_MAX) as answer:
            faults = json.load(answer)["faults"]
        told.write_text(json.dumps({fault["name"]: fault["fired"] for fault in faults if fault["fired"]}))
        stop(sandbox)

    Sandbox.start = classmethod(start_planted)
    Sandbox.stop = stop_and_tell


def _remove(told: Path, removed: list[str]) -> None:
    from pytest_paygate.plugin.row_checks import Checks

    verify = Checks.verify
    asked: Counter[str] = Counter()

    def verify_without(row: RowChecks, check: Check[...], /, *args: Any, **kwargs: Any) -> None:
        if check.id in removed:
            asked[check.id] += 1
            told.write_text(json.dumps(asked))
            check = replace(check, judge=lambda *_args, **_kwargs: None)
        verify(row, check, *args, **kwargs)

    Checks.verify = verify_without
