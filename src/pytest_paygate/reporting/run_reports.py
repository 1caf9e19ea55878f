"""Writing what a session leaves behind: each run's report and evidence, then the pages across runs.

Reads journals back from disk, so that a report never shows anything the journal does not hold. A report that cannot be
written is never a pass: the outcome then carries the failure, and the exit code says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.adapters import quarantine
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.report_logs import add_history
from pytest_paygate.adapters.run_directory import RunDirectory, journals
from pytest_paygate.core.bundle import is_quarantined
from pytest_paygate.core.errors import ApprovalError, JournalError
from pytest_paygate.core.history import line_of
from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.renderers import incident, session_report
from pytest_paygate.renderers.gate_evidence import as_gate_evidence
from pytest_paygate.renderers.record import as_json, record
from pytest_paygate.renderers.view import statuses
from pytest_paygate.reporting import sealing
from pytest_paygate.reporting.index_writing import write_indexes
from pytest_paygate.reporting.reading import LoadedRun, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.secret import Secret
    from pytest_paygate.renderers.view import ReportView


@dataclass(slots=True)
class Outcome:
    """What the end of a session says of one gate.

    `failure` names a report that could not be written; `summary` is the Markdown for a CI job's page, `page` the HTML
    report; `leaked` says that a secret was found in the run's folder; `state` is the run as its journal tells it, None
    where that cannot be read.
    """

    verdict: Verdict
    headline: str
    lines: list[str] = field(default_factory=list)
    failure: str = ""
    summary: str = ""
    page: Path | None = None
    leaked: bool = False
    state: RunState | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """With which SSH key a bundle is sealed, and whose it is."""

    key: Path
    principal: str


def write(
    root: Path,
    identity: str,
    gate_ids: Sequence[str],
    *,
    signing: Signing | None = None,
    secrets: Iterable[Secret] = (),
) -> list[Outcome]:
    """Write the reports of the gates that ran in this session, and rebuild the index pages.

    Args:
        root: the reports folder.
        identity: the session's run id.
        gate_ids: gates this process knows; an xdist controller knows none and finds them by their folders.
        signing: the key to seal with; None leaves bundles unsigned.
        secrets: what the session held; no file of a run may hold any of it.
    """
    scanner = Scanner(secrets)
    found = {path.parent.parent.name for path in journals(root) if path.parent.name == identity}
    outcomes = [
        _write_run(root, gate_id, identity, signing, scanner)
        for gate_id in [*gate_ids, *sorted(found - {*gate_ids})]
        if gate_id in found
    ]
    if outcomes:
        failure = write_indexes(root, sorted(found), SystemClock().now())
        for outcome in outcomes:
            outcome.failure = outcome.failure or failure
            if outcome.failure:
                outcome.lines.append(f"  report    NOT WRITTEN: {outcome.failure}")
    return outcomes


def _write_run(root: Path, gate_id: str, identity: str, signing: Signing | None, scanner: Scanner) -> Outcome:
    directory = RunDirectory(root, gate_id, identity)
    try:
        run = load(directory.path)
    except (JournalError, ValueError) as error:
        return Outcome(
            Verdict.INCOMPLETE,
            f"gate {gate_id}: INCOMPLETE — its journal cannot be read",
            [f"  {error}"],
            failure="the journal cannot be read",
        )
    report = run.view()
    outcome = Outcome(report.verdict, f"{report.banner} · gate {gate_id}: {report.verdict}", state=run.state)
    outcome.lines = [
        f"  {report.sentence}",
        *(f"  - {reason}" for reason in report.reasons[1:6]),
        f"  {report.banner_text}",
        f"  rows      {statuses(report.rows)}, pre-flight {statuses(report.preflight)}",
        *_money_line(report),
    ]
    if run.state.damage:
        outcome.failure = "the journal is damaged"
    try:
        _write_files(directory, run, report, outcome)
        if _shut(directory, scanner, run.files - 1, outcome):
            return outcome
        seal = "" if run.state.damage else _seal(directory, run, signing)
        add_history(root, line_of(run.state, report.seconds, seal))
        outcome.lines += [f"  report    {outcome.page}", f"  journal   {directory.path / 'journal.jsonl'}"]
    except (JournalError, ApprovalError) as error:
        outcome.failure = outcome.failure or error.refusal.refused
    return outcome


def _write_files(directory: RunDirectory, run: LoadedRun, report: ReportView, outcome: Outcome) -> None:
    # Whoever carries a run on reports on the whole of it again, beside what was reported before.
    again = f"-{run.files - 1}" if run.files > 1 else ""
    directory.write_new(f"report{again}.md", session_report.as_markdown(report).encode())
    html = directory.write_new(f"report{again}.html", session_report.as_html(report).encode())
    directory.write_new(f"evidence{again}.json", as_json(record(run.state, report)).encode())
    gate = run.state.gate
    if gate is not None and gate.evidence is not None:
        name = gate.evidence.file.replace(".json", f"{again}.json")
        directory.write_new(name, as_gate_evidence(run.state, gate.evidence).encode())
    if incident.is_needed(run.state):
        path = directory.write_new(f"incident{again}.md", incident.incident(run.state).encode())
        outcome.lines.append(f"  INCIDENT  money is outstanding: {path}")
    outcome.page = html
    outcome.summary = session_report.as_summary(report, str(html))


def _shut(directory: RunDirectory, scanner: Scanner, number: int, outcome: Outcome) -> bool:
    """Search what the run has written, and quarantine it if a secret stands in it; such a run is never sealed."""
    found = quarantine.search(scanner, [directory.path], directory.path)
    if not found:
        return False
    outcome.leaked, outcome.page, outcome.summary = True, None, ""
    before, _, verdict = outcome.headline.rpartition(": ")
    finds = "a secret stands" if len(found) == 1 else f"secrets stand {len(found)} times"
    outcome.headline = f"{before}: QUARANTINED (otherwise {verdict}) — {finds} in its files"
    outcome.lines += [
        *(f"  LEAK      {one}" for one in found[:5]),
        f"  quarantine {quarantine.shut(directory, found, number)}; the bundle is not sealed and counts for nothing",
        "  next      Rotate what is named above, find out how it got there, and run the gate again.",
    ]
    return True


def told_of_session(root: Path, identity: str) -> list[dict[str, str]]:
    """What the runs of one session were against, each by its gate; runs that cannot be read are left out."""
    told = []
    for path in journals(root):
        if path.parent.name == identity and not is_quarantined(file.name for file in path.parent.iterdir()):
            with contextlib.suppress(JournalError, ValueError):
                report = load(path.parent).view()
                head = {name.replace(" ", "_"): value for name, value in report.head}
                told.append({"gate": report.gate_id, "run": report.run_id, "verdict": report.verdict.value, **head})
    return told


def _seal(directory: RunDirectory, run: LoadedRun, signing: Signing | None) -> str:
    return sealing.seal(
        directory,
        run.files - 1,
        key=None if signing is None else signing.key,
        principal="" if signing is None else signing.principal,
    )


def _money_line(report: ReportView) -> Iterator[str]:
    if report.money is not None:
        yield f"  money     {report.money.check}"
