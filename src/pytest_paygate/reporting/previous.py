"""Finding the newest run of a gate in an environment among the reports, and believing its bundle or saying why not.

Owns which run is the newest. Whether it is what was asked for is decided in `core.previous_run`.

Rules (each held by a test):
- the newest run counts, whatever it was: an older PASS behind a newer run of the same environment proves nothing;
- a newer run that cannot be read counts too, since nobody knows what it did;
- a bundle that is not sealed, was changed, or whose seal is not in the log of seals is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.report_logs import sign_offs
from pytest_paygate.adapters.run_directory import journals
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.launch import LaunchRun, signed_judgement
from pytest_paygate.core.previous_run import Asked, PreviousRun, absent, weigh
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.seal_chain import Sealed, check_chain, check_place
from pytest_paygate.core.strict import BundleError
from pytest_paygate.reporting.reading import load

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def previous_run(reports: Path, asked: Asked, now: datetime, *, besides: str = "") -> PreviousRun:
    """The newest run of a gate in an environment, and whether it is what was asked for.

    Args:
        reports: the reports folder.
        asked: what is asked for.
        now: the time, aware.
        besides: the session that asks; its own runs are not previous ones.
    """
    others: list[str] = []
    for path in reversed(list(journals(reports, asked.gate_id))):
        folder = path.parent
        if folder.name == besides:
            continue
        try:
            started = load(folder).state.started
        except (JournalError, ValueError):
            started = None
        if started is None:
            return absent(asked, f"run {folder.name}: its journal cannot be read", folder.name)
        if started.environment == asked.environment:
            return _believed(reports, folder, asked, now)
        others.append(f"{folder.name} is of environment {started.environment}")
    seen = f"; the newest, {others[0]}" if others else ""
    return absent(asked, f"no run of gate {asked.gate_id} in environment {asked.environment}{seen}")


def _believed(reports: Path, folder: Path, asked: Asked, now: datetime) -> PreviousRun:
    try:
        found = believe(read_folder(folder))
        log = seal_log.read(reports)
        sealed = Sealed(asked.environment, folder.name, asked.gate_id, found.seal, found.previous)
        check_place(check_chain(log, asked.environment), sealed)
        verdict = signed_judgement(LaunchRun(found.state, found.seal), sign_offs(reports)).verdict
    except (BundleError, JournalError, IllegalEventError, OSError) as error:
        return absent(asked, f"run {folder.name}: {str(error).splitlines()[0]}", folder.name)
    if found.state.started is None or found.state.started.run_id != folder.name:
        return absent(asked, f"run {folder.name}: its bundle is another run's", folder.name)
    return weigh(asked, found.state, verdict, now)
