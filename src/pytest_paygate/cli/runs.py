"""Finding a run by its id, or by its folder, below the reports."""

from __future__ import annotations

from pathlib import Path

from pytest_paygate.adapters.run_directory import journals
from pytest_paygate.core.errors import configuration, nearest


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
