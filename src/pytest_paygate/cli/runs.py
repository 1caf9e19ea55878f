"""Finding a run by its id, or by its folder, below the reports, and reading it as far as it can be believed."""

from __future__ import annotations

from pathlib import Path

from pytest_paygate.adapters.run_directory import journals
from pytest_paygate.core.bundle import is_quarantined
from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.reporting.reading import LoadedRun, load


def folder_of(run: str, reports: Path) -> Path:
    """The folder of a run.

    Args:
        run: a run's id, the start of one, or its folder.
        reports: the reports folder.

    Raises:
        ConfigurationError: when there is no such run, or more than one.
    """
    if (Path(run) / "journal.jsonl").is_file():
        return Path(run)
    known = {path.parent.name: path.parent for path in journals(reports)}
    found = [folder for name, folder in known.items() if name.startswith(run)] if run else []
    if run in known:
        return known[run]
    if len(found) == 1:
        return found[0]
    raise configuration(
        f"run {run!r}",
        "is not there" if not found else f"could be any of {len(found)}",
        expected=f"the id of a run below {reports.name}/, or its folder.{nearest(run, known)}",
        observed=f"{len(known)} runs",
        next_step="See reports/<gate>/sessions.md for the runs there are.",
    )


def newest_of(gate_id: str, reports: Path) -> str:
    """The newest run of a gate by its id; the text itself where it is no gate's. For reading, never for signing."""
    return max((path.parent.name for path in journals(reports) if path.parent.parent.name == gate_id), default=gate_id)


def loaded(run: str, reports: str) -> LoadedRun:
    """One run, as far as it can be believed.

    Args:
        run: a run's id, the start of one, its folder, or a gate's id for its newest run.
        reports: the reports folder.

    Raises:
        ConfigurationError: when there is no such run, or no run can be read from its journal.
        JournalError: when its files cannot be read.
    """
    folder = folder_of(newest_of(run, Path(reports)), Path(reports))
    if is_quarantined(path.name for path in folder.iterdir()):
        raise configuration(
            f"run {folder.name}",
            "is quarantined",
            expected="a run in whose files no secret was found",
            observed="quarantine.json, which says what was found where",
            next_step="Rotate what it names; read the files themselves only where nobody else can.",
        )
    try:
        return load(folder)
    except ValueError as error:
        raise configuration(
            f"run {folder.name}",
            "cannot be shown",
            expected="a journal that begins with the start of a run, of this version",
            observed=str(error),
            next_step="Keep the files as they are; look the run up at the provider with `paygate orphans`.",
        ) from None
