"""`paygate gate GATE`: exits 0 only for a verified GO, so that a pipeline can wait for it. Fails closed.

Exit codes: 0 GO, 1 NO-GO, 2 refused or invalid, 3 cannot decide, 20 PENDING.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.verify import INVALID, UNDECIDED, examine
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.events import Mode
from pytest_paygate.core.launch import LaunchRun, failures_item, launch, signed_judgement
from pytest_paygate.core.verdict import EXIT_CODES, Decision, Verdict, is_for_launch
from pytest_paygate.reporting.index_writing import KnownRuns, known_runs, newest_live
from pytest_paygate.reporting.launching import gather, launch_run

if TYPE_CHECKING:
    from collections.abc import Callable

_STRENGTH = list(Mode)
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is decided, and the sentences that say why."""

    code: int
    lines: tuple[str, ...]


@click.command()
@click.argument("gate_id", metavar="GATE")
@click.option(
    "--require",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.LIVE.value,
    show_default=True,
    help="The least of the four lives that counts.",
)
@click.option("--max-age", default="", metavar="AGE", help="How old the run may be: 90m, 24h, 7d.")
@click.option("--commit", default="", metavar="SHA", help="The commit it must have been obtained on.")
@click.option("--env", "environment", default="", metavar="NAME", help="Count runs of this environment only.")
@click.option("--policy", "policy_file", default="", metavar="FILE", help="Whom to believe; see `paygate verify`.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def gate(  # noqa: PLR0913 - one for each option
    *, gate_id: str, require: str, max_age: str, commit: str, environment: str, policy_file: str, reports: str
) -> None:
    """Say whether the newest run of a GATE allows to go on."""
    wanted = Wanted(gate_id, Mode(require), _age(max_age), commit.lower(), environment)
    answer = decide(Path(reports), wanted, Path(policy_file) if policy_file else None, SystemClock().now())
    for line in answer.lines:
        click.echo(line)
    sys.exit(answer.code)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pipeline asks for."""

    gate_id: str
    require: Mode
    max_age: timedelta | None
    commit: str
    environment: str


def decide(root: Path, wanted: Wanted, policy: Path | None, now: datetime) -> Answer:
    """Decide from the newest run that counts.

    Args:
        root: the reports folder.
        wanted: what is asked for.
        policy: whom to believe, as for `paygate verify`.
        now: the time.

    Raises:
        ConfigurationError: when `golive.toml` cannot be used.
        JournalError: when the sign-offs cannot be trusted.
    """
    runs = known_runs(root)
    name = _newest(runs, wanted)
    if not name:
        return _answer(EXIT_CODES[Verdict.PENDING], "PENDING", f"gate {wanted.gate_id} has no {wanted.require} run yet")
    folder = root / wanted.gate_id / name
    run = launch_run(folder)
    code, told_lines = examine(folder, policy)
    if code == INVALID or run.problem or run.state.started is None:
        return _answer(INVALID, "INVALID", f"run {name} is not believed", *told_lines[:1], run.problem)
    if code == UNDECIDED:
        return _answer(UNDECIDED, "CANNOT DECIDE", f"run {name}", *told_lines)
    for refusal in (_wrong_commit(run, wanted), _too_old(run, wanted, now)):
        if refusal:
            return _answer(1, "NO-GO", refusal)
    decisions, lines = _decided(root, runs, run, now)
    worst = max(decisions, key=(Decision.GO, Decision.PENDING, Decision.NO_GO).index)
    code = {Decision.GO: 0, Decision.PENDING: EXIT_CODES[Verdict.PENDING], Decision.NO_GO: 1}[worst]
    return _answer(code, worst.value, f"run {name} of gate {wanted.gate_id}", *lines, *told_lines[1:])


def _decided(root: Path, runs: KnownRuns, run: LaunchRun, now: datetime) -> tuple[list[Decision], list[str]]:
    """The run's own decision with its sign-offs and, for a live one, the items that rest on it."""
    facts = gather(root, newest_live(root, runs))
    judgement = signed_judgement(run, facts.sign_offs)
    decisions = [judgement.decision]
    lines = [f"  verdict      {judgement.verdict}", *(f"  - {reason}" for reason in judgement.reasons)]
    if is_for_launch(run.state.mode):
        mine = {item.id for item in facts.go_live.items if not item.gates or run.gate_id in item.gates}
        mine.add(failures_item(run.gate_id))
        whole = launch({**facts.runs, run.gate_id: run}, facts.go_live, facts.sign_offs, now)
        for line in whole.lines:
            if line.item in mine:
                decisions.append(line.decision)
                lines += [f"  - {line.item}: {line.why}"] if line.decision is not Decision.GO else []
    return decisions, lines


def _newest(runs: KnownRuns, wanted: Wanted) -> str:
    """The newest run that counts; one that cannot be read counts, since nobody knows what it did."""
    least = _STRENGTH.index(wanted.require)
    counts: Callable[[Mode], bool] = lambda mode: _STRENGTH.index(mode) >= least  # noqa: E731 - reads best beside its use
    found = [
        line.run_id
        for line in runs.lines
        if line.gate == wanted.gate_id and counts(line.mode) and wanted.environment in {"", line.environment}
    ]
    found += [run.run_id for run in runs.of_unknown(wanted.gate_id, counts)]
    return max(found, default="")


def _wrong_commit(run: LaunchRun, wanted: Wanted) -> str:
    told_commit = "" if run.state.started is None else run.state.started.commit
    if not wanted.commit or (
        len(wanted.commit) >= 7 and told_commit.startswith(wanted.commit) and "-" not in told_commit
    ):
        return ""
    return f"run {run.run_id} was obtained on commit {told_commit}, not on {wanted.commit}"


def _too_old(run: LaunchRun, wanted: Wanted, now: datetime) -> str:
    if wanted.max_age is None:
        return ""
    try:
        began = datetime.fromisoformat(run.state.started_at).astimezone(UTC)
    except ValueError:
        return f"run {run.run_id} does not say when it began"
    if began - now > timedelta(minutes=5):
        return f"run {run.run_id} began in the future: {run.state.started_at}"
    return f"run {run.run_id} is older than allowed: {run.state.started_at}" if now - began > wanted.max_age else ""


def _age(text: str) -> timedelta | None:
    if not text:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise configuration(
            "--max-age",
            "is not an age",
            expected="a number with m, h or d, such as 7d",
            observed=repr(text),
            next_step="Correct it.",
        )
    return int(found[1]) * _UNITS[found[2]]


def _answer(code: int, word: str, *lines: str) -> Answer:
    first, *rest = lines
    return Answer(code, (f"{word}: {first}", *(line for line in rest if line)))
