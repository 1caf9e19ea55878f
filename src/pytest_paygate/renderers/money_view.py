"""The money of a run as it adds up: gross, tax, refund, what is outstanding, the provider's fee, and the net. Pure.

Rules:
- amounts come from the exposure's ledger looks where there are any, else from the facts that the gate names;
- an amount nobody recorded is unknown, never zero;
- two witnesses of one amount that differ are said to differ; nothing is averaged or preferred in silence;
- amounts of different currencies are never added;
- where a row saw other charges or refunds than were counted, nothing is said to be outstanding or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.run import RunState

UNKNOWN = "not recorded"
# Checks that count charges and refunds in the provider's ledger: one that fails saw others than the rows recorded.
COUNTING_CHECKS = frozenset(
    {"charge_given_back", "no_other_charge", "nothing_beside", "one_charge", "one_refund", "unpaid_took_nothing"}
)


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """One line of the account: an id for deep links, what it is, the amount as shown, and where it was read."""

    line_id: str
    label: str
    amount: str
    source: str


@dataclass(frozen=True, slots=True)
class MoneyView:
    """The whole account. `adds_up` is None when too little is known to say; `check` is the sentence about it.

    `is_outstanding` says that money has not come back as far as is known, whether or not the sums agree.
    """

    lines: tuple[MoneyLine, ...]
    adds_up: bool | None
    check: str
    charged: str
    refunded: str
    outstanding: str
    is_outstanding: bool

    @property
    def word(self) -> str:
        """The sum check in a word or two."""
        if self.adds_up is None:
            return "not known"
        if not self.adds_up:
            return "DOES NOT ADD UP"
        return "adds up, MONEY IS OUTSTANDING" if self.is_outstanding else "adds up"


@dataclass(frozen=True, slots=True)
class _Witnessed:
    """One amount as the ledger and the rows tell it; None where one does not."""

    ledger: Money | None
    fact: Money | None
    fact_name: str = ""

    @property
    def amount(self) -> Money | None:
        return self.ledger if self.ledger is not None else self.fact

    @property
    def source(self) -> str:
        if self.ledger is not None:
            return "the provider's ledger"
        return f"fact {self.fact_name}" if self.fact is not None else ""

    @property
    def differs(self) -> bool:
        return self.ledger is not None and self.fact is not None and self.ledger != self.fact


def account(state: RunState, gate: Gate) -> MoneyView | None:
    """The account of a run, or None for a gate and run in which no money is known of.

    Args:
        state: the run.
        gate: its gate.
    """
    if gate.money is None and not state.exposure.charges:
        return None
    paid, refunded = _paid(state, gate), _refunded(state, gate)
    tax = _fact(state, "" if gate.money is None else gate.money.tax)
    fee, fee_source = _fee(state, gate)
    uncounted = _uncounted(state, gate)
    outstanding = None if uncounted else _less(paid.amount, refunded.amount)
    lines = [
        _line("gross", "Gross charged", paid.amount, paid.source),
        _line("tax", "of which tax", tax, "" if gate.money is None else f"fact {gate.money.tax}"),
        _line("refunded", "Refunded", refunded.amount, refunded.source),
        _line("outstanding", "Outstanding", outstanding, "gross less refunded"),
        _line("fee", "Provider's fee, not returned on a refund", fee, fee_source),
        _line("net", "Net of the run", _net(outstanding, fee), "outstanding less fee"),
    ]
    adds_up, check = _check(paid, refunded, tax, outstanding)
    if adds_up is None and uncounted and paid.amount is not None:
        back = "" if refunded.amount is None else f" and {refunded.amount} refunded"
        check = f"Counted were {paid.amount} charged{back}, but {uncounted}."
    if adds_up is None and _may_be_out(state, gate):
        trace_id = "" if state.started is None else f" {state.started.trace_id}"
        unread = "No charge was recorded, though a row that can move money began." if paid.amount is None else check
        check = f"{unread} Money may be out: look trace id{trace_id} up at the provider and refund what it shows."
    return MoneyView(
        tuple(lines),
        adds_up,
        check,
        charged=_shown(paid.amount),
        refunded=_shown(refunded.amount),
        outstanding=_shown(outstanding),
        is_outstanding=outstanding is not None and outstanding.minor > 0,
    )


def _uncounted(state: RunState, gate: Gate) -> str:
    """What a row saw in the ledger besides what was recorded, as a clause; empty when none did.

    A settled run has counted everything of its trace id itself.
    """
    if state.exposure.settled is not None:
        return ""
    saw = next((row for row in state.rows.values() if row.failed_check in COUNTING_CHECKS), None)
    if saw is None:
        return ""
    said = f"{saw.reason} (expected {saw.expected}, observed {saw.observed})"
    return f"row {gate.number(saw.row_id)} ({saw.row_id}) saw otherwise: {said}"


def _may_be_out(state: RunState, gate: Gate) -> bool:
    """Whether money may have moved that no row recorded: nobody has looked since, or somebody saw it succeed."""
    exposure = state.exposure
    began = any(row.money and state.rows[row.id].began for row in gate.all_rows())
    if not began or (state.is_guarded and not exposure.is_open):
        return False
    return exposure.sent is None or exposure.sent.outcome is not SendOutcome.NOT_SENT


def _paid(state: RunState, gate: Gate) -> _Witnessed:
    name = "" if gate.money is None else gate.money.paid
    return _Witnessed(_sum(charge.amount for charge in state.exposure.charges.values()), _fact(state, name), name)


def _refunded(state: RunState, gate: Gate) -> _Witnessed:
    """What came back. Only a guarded run is told by the ledger that nothing has come back yet."""
    name = "" if gate.money is None else gate.money.refunded
    charges = state.exposure.charges.values()
    seen = any(charge.refunds for charge in charges) or (state.is_guarded and bool(charges))
    ledger = _sum(Money(charge.refunded_minor, charge.amount.currency) for charge in charges) if seen else None
    return _Witnessed(ledger, _fact(state, name), name)


def _fee(state: RunState, gate: Gate) -> tuple[Money | None, str]:
    known = _fact(state, "" if gate.money is None else gate.money.fee)
    if known is not None and gate.money is not None:
        return known, f"fact {gate.money.fee}"
    if gate.purchase is not None and (state.exposure.charges or _paid(state, gate).amount is not None):
        return Money.parse(gate.purchase.fee), "expected, from the gate's [purchase]"
    return None, ""


def _check(
    paid: _Witnessed, refunded: _Witnessed, tax: Money | None, outstanding: Money | None
) -> tuple[bool | None, str]:
    for what, amount in (("charged", paid), ("refunded", refunded)):
        if amount.differs:
            return False, f"Does not add up: the ledger says {amount.ledger} {what}, the rows recorded {amount.fact}."
    if paid.amount is None:
        return None, "Nothing is known to have been charged."
    if tax is not None and (tax.currency != paid.amount.currency or tax.minor > paid.amount.minor):
        return False, f"Does not add up: {tax} of tax in {paid.amount}."
    if refunded.amount is None or outstanding is None:
        return None, f"{paid.amount} charged; what came back was not recorded."
    sum_of_it = f"{paid.amount} charged − {refunded.amount} refunded = {outstanding} outstanding."
    if outstanding.minor < 0:
        return False, f"Does not add up: more came back than was charged. {sum_of_it}"
    return True, f"Adds up: {sum_of_it}"


def _fact(state: RunState, name: str) -> Money | None:
    value = state.facts.get(name)
    return value if isinstance(value, Money) else None


def _sum(amounts: Iterator[Money]) -> Money | None:
    """The sum of amounts of one currency; None of nothing, or of several currencies."""
    listed = list(amounts)
    if not listed or len({amount.currency for amount in listed}) != 1:
        return None
    return Money(sum(amount.minor for amount in listed), listed[0].currency)


def _less(one: Money | None, other: Money | None) -> Money | None:
    if one is None or other is None or one.currency != other.currency:
        return None
    return Money(one.minor - other.minor, one.currency)


def _net(outstanding: Money | None, fee: Money | None) -> Money | None:
    """What the run leaves with the team: normally the fee, lost."""
    return _less(outstanding, fee)


def _line(line_id: str, label: str, amount: Money | None, source: str) -> MoneyLine:
    return MoneyLine(line_id, label, _shown(amount), source if amount is not None else "")


def _shown(amount: Money | None) -> str:
    return UNKNOWN if amount is None else str(amount)
