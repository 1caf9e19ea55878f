"""Writing what a session leaves behind: each run's report and evidence, then the pages across runs.

Reads journals back from disk, so that a report never shows anything the journal does not hold. A report that cannot be
written is never a pass: the outcome then carries the failure, and the exit code says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.adapters.run_directory import RunDirectory, journals, replace_whole
from pytest_paygate.core.errors import ApprovalError, JournalError
from pytest_paygate.core.run import IllegalEventError, RunState, fold
from pytest_paygate.core.verdict import Verdict, judge
from pytest_paygate.renderers import incident, index_pages, session_report
from pytest_paygate.renderers.view import ReportView, statuses, view
from pytest_paygate.reporting import sealing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(slots=True)
class Outcome:
    """What the end of a session says of one gate. `failure` names a report that could not be written."""

    verdict: Verdict
    headline: str
    lines: list[str] = field(default_factory=list)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """With which SSH key a bundle is sealed, and whose it is."""

    key: Path
    principal: str


def write(root: Path, identity: str, gate_ids: Sequence[str], *, signing: Signing | None = None) -> list[Outcome]:
    """Write the reports of the gates that ran in this session, and rebuild the index pages.

    Args:
        root: the reports folder.
        identity: the session's run id.
        gate_ids: gates this process knows; an xdist controller knows none and finds them by their folders.
        signing: the key to seal with; None leaves bundles unsigned.
    """
    found = {path.parent.parent.name for path in journals(root) if path.parent.name == identity}
    outcomes = [
        _write_run(root, gate_id, identity, signing)
        for gate_id in [*gate_ids, *sorted(found - {*gate_ids})]
        if gate_id in found
    ]
    if outcomes:
        failure = _write_indexes(root, sorted(found))
        for outcome in outcomes:
            outcome.failure = outcome.failure or failure
            if outcome.failure:
                outcome.lines.append(f"  report    NOT WRITTEN: {outcome.failure}")
    return outcomes


def load(path: Path) -> tuple[RunState, ReportView, int]:
    """Read one run back, from the first of its journal files on, with the number of its files.

    Raises:
        JournalError: when it cannot be read or is damaged.
        IllegalEventError: when it tells an impossible story.
        ValueError: when it holds no run.
    """
    read = read_run(path.parent)
    state = fold(read.journal.entries)
    return state, view(state, read.journal.head, read.journal.torn_bytes), read.files


def _write_run(root: Path, gate_id: str, identity: str, signing: Signing | None) -> Outcome:
    directory = RunDirectory(root, gate_id, identity)
    try:
        state, report, files = load(directory.path / "journal.jsonl")
    except (JournalError, IllegalEventError, ValueError) as error:
        return Outcome(
            Verdict.INCOMPLETE,
            f"gate {gate_id}: INCOMPLETE — its journal cannot be read",
            [f"  {error}"],
            failure="the journal cannot be read",
        )
    judgement = judge(state)
    outcome = Outcome(judgement.verdict, f"{report.banner} · gate {gate_id}: {judgement.verdict}")
    outcome.lines = [
        f"  {report.sentence}",
        *(f"  - {reason}" for reason in judgement.reasons[1:6]),
        f"  {report.banner_text}",
        f"  rows      {statuses(report.rows)}, pre-flight {statuses(report.preflight)}",
    ]
    # Whoever carries a run on reports on the whole of it again, beside what was reported before.
    again = f"-{files - 1}" if files > 1 else ""
    evidence = session_report.as_evidence(state, dict(report.hashes)["journal head"])
    try:
        directory.write_new(f"report{again}.md", session_report.as_markdown(report).encode())
        html = directory.write_new(f"report{again}.html", session_report.as_html(report).encode())
        directory.write_new(f"evidence{again}.json", evidence.encode())
        if incident.is_needed(state):
            path = directory.write_new(f"incident{again}.md", incident.incident(state).encode())
            outcome.lines.append(f"  INCIDENT  money is outstanding: {path}")
        sealing.seal(
            directory,
            files - 1,
            key=None if signing is None else signing.key,
            principal="" if signing is None else signing.principal,
        )
        outcome.lines.append(f"  report    {html}")
        outcome.lines.append(f"  journal   {directory.path / 'journal.jsonl'}")
    except (JournalError, ApprovalError) as error:
        outcome.failure = error.refusal.refused
    return outcome


def _write_indexes(root: Path, gate_ids: Sequence[str]) -> str:
    """Rebuild the pages across runs; returns what could not be written, or nothing."""
    runs: list[ReportView] = []
    unreadable: list[index_pages.UnreadableRun] = []
    for path in reversed(list(journals(root))):
        try:
            runs.append(load(path)[1])
        except (JournalError, IllegalEventError, ValueError) as error:
            reason = str(error).splitlines()[0]
            unreadable.append(index_pages.UnreadableRun(path.parent.parent.name, path.parent.name, reason))
    try:
        for gate_id in gate_ids:
            mine = [run for run in runs if run.gate_id == gate_id]
            damaged = [run for run in unreadable if run.gate_id == gate_id]
            replace_whole(root / gate_id / "sessions.md", index_pages.sessions(gate_id, mine, damaged).encode())
        lines = index_pages.launch_lines(runs)
        replace_whole(root / "go-no-go.md", index_pages.go_no_go_markdown(lines).encode())
        replace_whole(root / "go-no-go.html", index_pages.go_no_go_html(lines).encode())
    except JournalError as error:
        return error.refusal.refused
    return ""
