"""Which runs a launch rests on, read back from disk and checked: the newest live run of each gate and its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.golive_file import read_go_live
from pytest_paygate.adapters.report_logs import sign_offs
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.launch import GoLive, Launch, LaunchRun, launch
from pytest_paygate.core.run import IllegalEventError, RunState
from pytest_paygate.core.strict import BundleError
from pytest_paygate.reporting.reading import LoadedRun, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from pytest_paygate.core.sign_offs import SignOff


@dataclass(frozen=True, slots=True)
class LaunchFacts:
    """Everything a launch decision is made from."""

    runs: Mapping[str, LaunchRun | None]
    go_live: GoLive
    sign_offs: tuple[SignOff, ...]

    def decide(self, now: datetime) -> Launch:
        """The checklist as of now."""
        return launch(self.runs, self.go_live, self.sign_offs, now)


def gather(root: Path, newest_live: Mapping[str, Path | None]) -> LaunchFacts:
    """Read what a launch rests on.

    Args:
        root: the reports folder.
        newest_live: for each gate known the folder of its newest live run, or None.

    Raises:
        ConfigurationError: when `golive.toml` cannot be used.
        JournalError: when the sign-offs cannot be trusted.
    """
    go_live = read_go_live(root)
    gates = dict.fromkeys([*go_live.gates, *newest_live])
    runs = {}
    for gate_id in gates:
        folder = newest_live.get(gate_id)
        runs[gate_id] = None if folder is None else launch_run(folder)
    return LaunchFacts(runs, go_live, tuple(sign_offs(root)))


def launch_run(folder: Path) -> LaunchRun:
    """One run as a launch sees it: what its journal says, and whether its bundle is to be believed."""
    try:
        loaded = load(folder)
    except (JournalError, ValueError) as error:
        return LaunchRun(RunState(), "", str(error).splitlines()[0])
    return _sealed(loaded)


def _sealed(loaded: LoadedRun) -> LaunchRun:
    if loaded.state.damage:
        return LaunchRun(loaded.state, "", loaded.state.damage)
    try:
        believed = believe(read_folder(loaded.folder))
    except (BundleError, JournalError, IllegalEventError, OSError) as error:
        return LaunchRun(loaded.state, "", str(error).splitlines()[0])
    return LaunchRun(believed.state, believed.seal)
