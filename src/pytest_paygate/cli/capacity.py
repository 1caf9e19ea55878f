"""`paygate capacity`: shows an environment's charges left, begins a period, and lets one paused charge through.

Owns the words on the terminal. A grant and an override are typed at the controlling terminal, as an approval is; both
stand in the capacity log with who, when, why and until when. Nothing here moves money or needs a secret but the
store's.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.typing_terminal import type_at_terminal
from pytest_paygate.core import capacity as log
from pytest_paygate.core import capacity_rules as rules
from pytest_paygate.core.environment import choose
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal, configuration
from pytest_paygate.core.inert import inert
from pytest_paygate.exposure.stores import store_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.core.capacity import Book, CapacityEntry, CapacityLine
    from pytest_paygate.core.live_ports import CapacityLog

_LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """An environment whose charges are counted: its log and its rules."""

    name: str
    rules: rules.CapacityRules
    log: CapacityLog

    def read(self) -> Book:
        """The whole log."""
        return asyncio.run(self.log.read(self.name))

    def add(self, decide: Callable[[Book], CapacityEntry], at: datetime) -> Book:
        """Add one line."""
        return asyncio.run(self.log.change(self.name, decide, at))


_ENV = click.option("--env", "environment", default="", metavar="NAME", help="Environment; default: live_env.")
_REPORTS = click.option("--reports", default="", metavar="DIR", help="Where the store lies; default: reports/.")
_BY = click.option("--by", required=True, metavar="NAME", help="Who says so.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why.")


@click.group(invoke_without_command=True)
@_ENV
@_REPORTS
@click.option("--all", "whole", is_flag=True, help=f"The whole log, not its last {_LINES_SHOWN} lines.")
@click.pass_context
@told
def capacity(context: click.Context, *, environment: str, reports: str, whole: bool) -> None:
    """Show how many charges an environment has left, its pause level, and its log."""
    context.obj = {"environment": environment, "reports": reports}
    if context.invoked_subcommand is None:
        counted = _counted(environment, reports)
        book = counted.read()
        _show(counted, book)
        _show_log(book, whole=whole)


@capacity.command()
@_ENV
@_REPORTS
@_BY
@_REASON
@click.option("--units", type=int, default=None, metavar="N", help="How many charges; default: the whole budget.")
@click.pass_obj
@told
def grant(  # noqa: PLR0913 - one argument for each option
    obj: dict[str, str], *, environment: str, reports: str, by: str, reason: str, units: int | None
) -> None:
    """Begin a period: so many charges from now on, and the pause level afresh."""
    counted = _counted(environment or obj["environment"], reports or obj["reports"])
    _check_words(by, reason)
    now = datetime.now(UTC)
    entry = rules.grant(counted.rules, by=by, reason=reason, units=units, now=now)
    _show(counted, counted.read())
    wanted = f"{entry.units} units"
    _ask(by, f"begin a period of {wanted} until {entry.until}: {inert(reason)}", wanted)
    _show(counted, counted.add(lambda _: entry, now))


@capacity.command()
@_ENV
@_REPORTS
@_BY
@_REASON
@click.option("--until", required=True, metavar="TIME", help="How long it may be used, like 2026-11-21T12:00:00Z.")
@click.pass_obj
@told
def override(  # noqa: PLR0913 - one argument for each option
    obj: dict[str, str], *, environment: str, reports: str, by: str, reason: str, until: str
) -> None:
    """Let the next charge through a safety pause: one charge, once, until a time."""
    counted = _counted(environment or obj["environment"], reports or obj["reports"])
    _check_words(by, reason)
    end = _moment(until)

    def decide(book: Book) -> log.Overridden:
        return rules.override(book, counted.rules, by=by, reason=reason, until=end, now=datetime.now(UTC))

    book = counted.read()
    entry = decide(book)
    _show(counted, book)
    wanted = "1 charge"
    _ask(by, f"let {wanted} through the safety pause of {counted.name} until {entry.until}: {inert(reason)}", wanted)
    _show(counted, counted.add(decide, datetime.now(UTC)))


def _counted(name: str, reports: str) -> Counted:
    project = open_project(reports=reports)
    chosen = name or project.settings.live_env
    settings = choose(project.settings, chosen, project.settings_file)
    found = rules.rules_of(settings.capacity)
    if found is None:
        raise configuration(
            f"{project.settings_file}: env.{chosen}.capacity",
            "is missing, so nothing counts the charges of this environment",
            expected="budget, pause_below and period",
            observed="none",
            next_step="Write them; see docs/reference/paygate-toml.md.",
        )
    return Counted(chosen, found, store_of(project.reports, project.store_dsn()).capacity)


def _check_words(by: str, reason: str) -> None:
    """Refuse a name or a reason that has no place in the log."""
    for option, text in (("--by", by), ("--reason", reason)):
        if not re.fullmatch(log.NAME, text):
            raise ApprovalError(
                Refusal(
                    refused=f"{option} cannot stand in the capacity log",
                    expected="one line of 1 to 200 characters that does not begin with a space",
                    observed=f"{len(text)} characters, or others",
                    money=NOTHING_MOVED,
                    next_step="Write it shorter, in one line.",
                )
            )


def _ask(by: str, what: str, wanted: str) -> None:
    type_at_terminal(f"\n  {inert(by)}: to {what}\n  type what it comes to, like {wanted}\n  > ", wanted)


def _show(counted: Counted, book: Book) -> None:
    standing = rules.standing(book, counted.rules, datetime.now(UTC))
    click.echo(f"  {'environment':<12} {counted.name}: {counted.rules.told()}")
    click.echo(f"  {'left':<12} {inert(standing.told())}")
    click.echo(f"  {'pause level':<12} {standing.pause_level}")
    click.echo(f"  {'next charge':<12} {inert(standing.refusal) or 'may be taken'}")


def _show_log(book: Book, *, whole: bool) -> None:
    lines = book.lines if whole else book.lines[-_LINES_SHOWN:]
    click.echo(f"  {'log':<12} {len(book.lines)} lines, the last one {book.head[:16]}…")
    for line in lines:
        click.echo(f"  {line.seq:>6} {line.at} {inert(_told(line))}")


def _told(line: CapacityLine) -> str:
    match line.entry:
        case log.Granted() as entry:
            return f"GRANTED {entry.units} of {entry.budget} until {entry.until} by {entry.by}: {entry.reason}"
        case log.Overridden() as entry:
            return f"OVERRIDE for one charge until {entry.until} by {entry.by}: {entry.reason}"
        case log.Taken() as entry:
            by = "" if entry.override_seq is None else f", by the override in line {entry.override_seq}"
            return f"taken by {entry.gate_id} {entry.run_id}{by}"
        case log.GivenBack() as entry:
            return f"given back by {entry.run_id}: {entry.reason}"
        case log.Judged() as entry:
            return f"{entry.verdict} of {entry.run_id}"


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ApprovalError(
            Refusal(
                refused="--until is not a moment",
                expected="a time with its zone, like 2026-11-21T12:00:00Z",
                observed=repr(text[:40]),
                money=NOTHING_MOVED,
                next_step="Correct it.",
            )
        )
    return found.astimezone(UTC)
