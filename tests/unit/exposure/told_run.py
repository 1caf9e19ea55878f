"""A live run up to its money row, in memory, folded by the real rules: what the tests of the exposure folder drive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.ports import Charge
from pytest_paygate.core.run import IllegalEventError, RunState, apply
from tests.unit.core.stories import BEFORE_BUYING, SOURCE
from tests.unit.core.test_exposure import ARMED

if TYPE_CHECKING:
    from pytest_paygate.core.events import EventBody, Mode
    from pytest_paygate.core.money import Money

AT = "2026-11-21T09:15:00+00:00"
CREATED = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
PURCHASE = b"""[purchase]
product = "product_id"
amount = "EUR 5.00"
tax = "EUR 0.83"
fee = "EUR 0.33"
ledger = "bank"
payments = ["shop"]
says_live = "keys"
refund = "at the provider"
"""
# The gate of the stories without guards and capacity, with and without a purchase.
PLAIN = SOURCE.replace(b"[capacity]\nrequired = true\n", b"").split(b"[[guards]]", maxsplit=1)[0]
BUYING = PLAIN.replace(b"[facts]", PURCHASE + b"[facts]")


@dataclass
class ToldRun:
    """A recorder that folds what it is told, and keeps it; `illegal` is a kind of event that it does not take."""

    source: bytes
    state: RunState = field(default_factory=RunState)
    events: list[EventBody] = field(default_factory=list)
    illegal: str = ""

    def record(self, body: EventBody) -> int:
        """Fold one event, and keep it."""
        if body.kind == self.illegal:
            raise IllegalEventError("not now")
        self.state = apply(self.state, body, len(self.events), AT)
        self.events.append(body)
        return len(self.events) - 1


def at_its_money_row(source: bytes = PLAIN, mode: Mode | None = None) -> ToldRun:
    """A run whose plan, approval, lock and operator are there, inside its money row; nothing of that is in `events`."""
    gate = read_gate(source, "gate.toml")
    run = ToldRun(source)
    for event in (*BEFORE_BUYING, *ARMED):
        told = event
        if event.kind == "run_started":
            told = event.model_copy(update={"gate": gate.model_dump(mode="json"), "mode": mode or event.mode})
        run.record(told)
    run.events.clear()
    return run


def outside_of_rows(source: bytes = PLAIN) -> ToldRun:
    """A run with pre-flight and no row open."""
    run = at_its_money_row(source)
    run.state = replace(run.state, open_row=None)
    return run


def charge(amount: Money, charge_id: str = "ch_1", payment_id: str = "pi_1") -> Charge:
    """A charge as the ledger shows it: captured, of which less was authorised first."""
    return Charge(
        charge_id,
        payment_id,
        amount=replace(amount, minor=amount.minor + 7),
        captured=amount,
        refunded=replace(amount, minor=0),
        succeeded=True,
        is_captured=True,
        created=CREATED,
        livemode=True,
    )
