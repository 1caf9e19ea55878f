"""`paygate sign-off ITEM`: a person's word for one line of the launch checklist, with evidence, for today's bundles.

Without an item it lists what waits for somebody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.report_logs import add_sign_off
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import folder_of
from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.core.launch import FAILURES_TITLE, bound_seals, failed_before, failures_item
from pytest_paygate.core.sign_offs import SignOff
from pytest_paygate.core.verdict import Decision
from pytest_paygate.reporting.index_writing import known_runs, newest_live, write_indexes
from pytest_paygate.reporting.launching import LaunchFacts, gather, launch_run

EVIDENCE_BYTES_MAX = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Signable:
    """One item that can be signed: what it says, whose word it needs, and the bundles it rests on."""

    item: str
    title: str
    owner: str
    seals: dict[str, str]


@click.command("sign-off")
@click.argument("item", required=False, default="")
@click.option("--by", default="", metavar="NAME", help="Who signs.")
@click.option("--evidence", default="", metavar="FILE", help="What it rests on: a bank statement, a minute.")
@click.option("--run", default="", metavar="RUN", help="Sign a criterion of this run instead of the newest live one.")
@click.option("--no-go", "refused", is_flag=True, help="Refuse instead: the item becomes NO-GO.")
@click.option("--note", default="", metavar="TEXT", help="A sentence of your own.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def sign_off(*, item: str, by: str, evidence: str, run: str, refused: bool, note: str, reports: str) -> None:  # noqa: PLR0913 - one for each option
    """Sign an ITEM of the launch: gate/criterion, or an id from golive.toml."""
    root = Path(reports)
    runs = known_runs(root)
    facts = gather(root, newest_live(root, runs))
    if not item:
        _list_waiting(facts)
        return
    chosen = _chosen(item, facts, folder_of(run, root) if run else None)
    file = _evidence(evidence)
    if not by.strip():
        raise _missing("--by", "the name of the person who signs")
    made: list[SignOff] = []

    def make(previous: str) -> SignOff:
        made.append(
            SignOff(
                item=item,
                by=by.strip(),
                at=SystemClock().now().isoformat(timespec="seconds").replace("+00:00", "Z"),
                evidence=file.name,
                evidence_sha256=_digest(file),
                seals=chosen.seals,
                refused=refused,
                note=note,
                previous=previous,
            )
        )
        return made[0]

    add_sign_off(root, make)
    click.echo(f"{'REFUSED' if refused else 'SIGNED'}: {chosen.title}")
    click.echo(f"  by        {made[0].by} at {made[0].at}; the item's owner is {chosen.owner}")
    click.echo(f"  evidence  {made[0].evidence}, sha256 {made[0].evidence_sha256}")
    for gate, seal in chosen.seals.items():
        click.echo(f"  bundle    {gate}: {seal}")
    failure = write_indexes(root, runs.gates(), SystemClock().now())
    if failure:
        raise click.ClickException(f"The sign-off is on record, but the pages were not rebuilt: {failure}")
    click.echo(f"  pages     {root / 'go-no-go.html'}")


def _list_waiting(facts: LaunchFacts) -> None:
    launch = facts.decide(SystemClock().now())
    click.echo(f"Launch: {launch.decision}")
    for line in launch.lines:
        if line.decision is not Decision.GO:
            click.echo(f"  {line.decision:<8} {line.item}  ({line.owner}) {line.title}: {line.why}")


def _chosen(item: str, facts: LaunchFacts, folder: Path | None) -> Signable:
    known = {one.item: one for one in _signable(facts, folder)}
    if item in known:
        return known[item]
    raise configuration(
        f"item {item!r}",
        "cannot be signed",
        expected=f"one of: {', '.join(known) or 'nothing waits for a person'}.{nearest(item, known)}",
        observed=repr(item),
        next_step="A criterion needs person = true in gate.toml and a sealed run; an item stands in golive.toml. "
        "Name a run that is not live with --run.",
    )


def _signable(facts: LaunchFacts, folder: Path | None) -> list[Signable]:
    runs = [run for run in facts.runs.values() if run is not None]
    if folder is not None:
        runs = [launch_run(folder)]
    found: list[Signable] = []
    for run in runs:
        gate = run.state.gate
        for criterion in gate.criteria if gate is not None and run.seal else ():
            if criterion.person and run.state.mode in criterion.modes:
                title = f"{criterion.title} (run {run.run_id}, {run.state.mode})"
                one = Signable(f"{run.gate_id}/{criterion.id}", title, criterion.owner, {run.gate_id: run.seal})
                found.append(one)
        if run.seal and failed_before(run.state):
            title = f"{FAILURES_TITLE} (run {run.run_id}, {run.state.mode})"
            found.append(Signable(failures_item(run.gate_id), title, "operator", {run.gate_id: run.seal}))
    seals = {gate: "" if run is None else run.seal for gate, run in facts.runs.items()}
    found += [Signable(one.id, one.title, one.owner, bound_seals(one, seals)) for one in facts.go_live.items]
    return found


def _evidence(name: str) -> Path:
    if not name:
        raise _missing("--evidence", "a file: a sign-off without evidence proves nothing")
    file = Path(name)
    size = file.stat().st_size if file.is_file() else 0
    if not 0 < size <= EVIDENCE_BYTES_MAX:
        raise configuration(
            f"--evidence {name}",
            "is not evidence",
            expected=f"a file with something in it, up to {EVIDENCE_BYTES_MAX // 1024 // 1024} MiB",
            observed=f"{size} bytes" if file.is_file() else "no such file",
            next_step="Name the file that shows it. Only its name and hash are recorded.",
        )
    return file


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _missing(option: str, expected: str) -> Exception:
    return configuration(option, "is missing", expected=expected, observed="nothing", next_step="Add it.")
