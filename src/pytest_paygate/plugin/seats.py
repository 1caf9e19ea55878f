"""Who is at the gate in this session: a person at their seats, or what stands in where nobody is.

Owns the choice, and opening the seats once for each run. What is asked there is `adapters.operator_person`'s business.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from pytest_paygate.core.environment import Payer
from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, Refusal
from pytest_paygate.core.seats import Waiting
from pytest_paygate.core.settlement import SettlePolicy
from pytest_paygate.plugin.options import wants_page
from pytest_paygate.plugin.stash import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

    from pytest_paygate.adapters.operator_person import PersonOperator
    from pytest_paygate.core.ports import Operator
    from pytest_paygate.core.seats import Seat
    from pytest_paygate.plugin.gate_run import GateRun

TERMINAL = "/dev/tty"
AFTERWARDS = "`paygate recover` then says what became of it."
_PERSON = "person"


def operator_of(run: GateRun) -> Operator:
    """The operator of a run: a person where a person pays, the payer that stands in for one elsewhere.

    Raises:
        ConfigurationError: when a person is to pay and there is no seat to ask them at.
    """
    if run.payer is Payer.PERSON:
        return person(run)
    from pytest_paygate.adapters.operator_scripted import CARDS, ScriptedOperator

    return ScriptedOperator(run.payer, recorder=run.journal, clock=run.clock, card=CARDS[run.mode])


def person(run: GateRun) -> PersonOperator:
    """The person of a run, at every seat of the session; opened on first use and closed with the run.

    Raises:
        ConfigurationError: when there is no seat.
    """
    if _PERSON not in run.resources:
        run.resources[_PERSON] = _seated(run)
    return run.resources[_PERSON]  # type: ignore[no-any-return]


@contextlib.contextmanager
def waiting(run: GateRun, wait: Waiting) -> Iterator[None]:
    """Show a wait to whoever sits here, also in a run that asks nobody; a countdown that ends unreached is told on."""
    over = run.runs.notices.countdown(run, wait) if wait.is_countdown else None
    try:
        with _shown(run, wait):
            yield
    finally:
        if over is not None:
            over()


def _shown(run: GateRun, wait: Waiting) -> AbstractContextManager[None]:
    if hasattr(run.runs.config, "workerinput"):
        return contextlib.nullcontext()
    try:
        return person(run).waiting(wait)
    except ConfigurationError:
        return contextlib.nullcontext()


@contextlib.contextmanager
def settling(run: GateRun) -> Iterator[None]:
    """Say at the seats that what is open is being settled, and what a second Ctrl-C would mean."""
    if not run.state.exposure.is_open or _PERSON not in run.resources:
        yield
        return
    person(run).tell(
        f"Refunding and closing what this run has opened. Ctrl-C leaves that to the guardian; {AFTERWARDS}"
    )
    now = run.clock.elapsed_seconds()
    with waiting(run, Waiting("the ledger to show that nothing is open", now, now + SettlePolicy().give_up_seconds)):
        yield


def missing_seat(config: pytest.Config) -> str:
    """Why nobody can be asked in this session, as the system says it; empty where somebody can.

    A terminal counts, and the page of `--operator=web`.
    """
    if wants_page(config):
        return ""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def usual_seconds(run: GateRun) -> float | None:
    """How long the row that is running took in earlier runs of this gate and environment, None when not known."""
    known = run.state.history
    rows = () if known is None else known.usual
    return next((row.median_seconds for row in rows if row.row == run.state.open_row), None)


def _seated(run: GateRun) -> PersonOperator:
    from pytest_paygate.adapters.operator_person import PersonOperator

    return PersonOperator(
        _seats(run),
        recorder=run.journal,
        clock=run.clock,
        told=run.told,
        match_code=lambda: f"{secrets.randbelow(10_000):04}",
        called=lambda card: run.runs.notices.operator_needed(run, card),
    )


def _seats(run: GateRun) -> list[Seat]:
    config = run.runs.config
    page = config.stash.get(PAGE, None)
    seats: list[Seat] = [] if page is None else [page.seat()]
    try:
        return [_terminal(run), *seats]
    except OSError as error:
        if seats:
            return seats
        raise ConfigurationError(
            Refusal(
                refused="a person is to pay, but this process has no terminal to ask them on",
                expected="a controlling terminal, or --operator=web for a page in the operator's browser",
                observed=error.strerror or type(error).__name__,
                money=NOTHING_MOVED,
                next_step="Start it from a terminal, add --operator=web, or choose --payer=http or --payer=browser "
                "for a dry run.",
            )
        ) from None


def _terminal(run: GateRun) -> Seat:
    from pytest_paygate.adapters.seat_screen import open_seat

    plain = bool(run.runs.config.getoption("paygate_plain", None))
    return open_seat(TERMINAL, os.environ, run.clock.elapsed_seconds, plain=plain)
