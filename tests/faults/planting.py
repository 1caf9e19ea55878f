"""A pytest plugin for one gate run: plants what it is told in that run's sandbox, and reads back what acted.

Loaded by name into the run's own process. It adds parameters to what the sandbox starts with, and asks the running
sandbox's control surface right before it stops; it touches nothing that the gate looks at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_paygate.sandbox.server import Sandbox as Started

# JSON: fault -> parameters. The folder's file of that name says afterwards how often each fault acted.
PLANTED_VARIABLE = "PLANTED_FAULTS"
FIRED_FILE = "fired.json"
_ASK_SECONDS_MAX = 10


def pytest_configure(config: pytest.Config) -> None:
    """Stand at the door of the sandbox: in with the faults, out with the counts."""
    from pytest_paygate.sandbox.server import Sandbox  # only this run's process pays for it

    planted: Mapping[str, Mapping[str, object]] = json.loads(os.environ[PLANTED_VARIABLE])
    start, stop = Sandbox.start.__func__, Sandbox.stop
    told = Path(config.rootpath) / FIRED_FILE

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
