"""A pytest plugin for one gate run: plants what it is told in that run's sandbox, and reads back what acted.

Loaded by name into the run's own process. It adds parameters to what the sandbox starts with, and asks the running
sandbox's control surface right before it stops. It touches nothing that the gate looks at, but for the checks of a run
that it is told to let relent: as many as that number are set aside as they find something, and it keeps in which row.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_paygate.checks.check import Check, Finding
    from pytest_paygate.plugin.row_checks import Checks as RowChecks
    from pytest_paygate.sandbox.server import Sandbox as Started

# JSON: fault -> parameters. The folder's file of that name says afterwards how often each fault acted.
PLANTED_VARIABLE = "PLANTED_FAULTS"
FIRED_FILE = "fired.json"
# How many checks may be set aside. The folder's file of that name says afterwards which were, in order: check -> row.
RELENTING_VARIABLE = "RELENTING_CHECKS"
RELENTED_FILE = "relented.json"
_ASK_SECONDS_MAX = 10


def pytest_configure(config: pytest.Config) -> None:
    """Stand at the door of the sandbox, in with the faults and out with the counts; and set checks aside."""
    _plant(Path(config.rootpath) / FIRED_FILE, json.loads(os.environ[PLANTED_VARIABLE]))
    if most := int(os.environ.get(RELENTING_VARIABLE, "0")):
        _relent(Path(config.rootpath) / RELENTED_FILE, most)


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


def _relent(told: Path, most: int) -> None:
    from pytest_paygate.plugin.row_checks import Checks

    verify = Checks.verify
    relented: dict[str, str | None] = {}

    def verify_or_relent(row: RowChecks, check: Check[...], /, *args: Any, **kwargs: Any) -> None:
        def judge(*facts: Any, **more: Any) -> Finding | None:
            found = check.judge(*facts, **more)
            if found is None or (check.id not in relented and len(relented) == most):
                return found
            relented.setdefault(check.id, row._run.state.open_row)
            told.write_text(json.dumps(relented))
            return None

        verify(row, replace(check, judge=judge), *args, **kwargs)

    Checks.verify = verify_or_relent
