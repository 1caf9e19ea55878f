"""How a row says what it saw: comparisons, and the questions that every payment gate asks of a charge and a poll.

Owns the words of a failed row and what it means for the money. Sends nothing and must not decide a verdict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import (
    NOTHING_MOVED,
    PaygateError,
    Refusal,
    RowFailedError,
    RowPendingError,
    configuration,
)
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Capability, HoldPoint, PaymentStatus
from pytest_paygate.exposure.planning import is_live_like

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pytest_paygate.adapters.polling import PollResult
    from pytest_paygate.checks.check import Check
    from pytest_paygate.core.ports import Account, Charge, Operator, Payment, Provider, Refund
    from pytest_paygate.plugin.gate_run import GateRun

P = ParamSpec("P")
T = TypeVar("T")


class Checks:
    """What a row may say of a run. `Run` is one."""

    def __init__(self, run: GateRun) -> None:
        self._run = run

    def verify(self, check: Check[P], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have a check judge what was observed, and fail the row when it finds something.

        The journal keeps that the check was made. A row that goes on over a failed check fails all the same.

        Args:
            check: one of `pytest_paygate.checks`, or a suite's own.
            args: the facts that it asks for.
            kwargs: more of them.

        Raises:
            RowFailedError: with what the check found.
        """
        self._run.checks_made[check.id] = check.holds
        found = check.judge(*args, **kwargs)
        if found is None:
            return
        self._run.failed_check = self._run.failed_check or check.id
        self.fail(
            found.what,
            observed=self._run.plain(found.observed),
            expected=self._run.plain(found.expected),
            next_step=found.next_step,
        )

    def check(self, what: str, *, observed: object, expected: object, next_step: str = "") -> None:
        """Fail the row unless what was observed equals what was expected, in value and in type.

        Args:
            what: what is compared, as a noun phrase.
            observed: what came back.
            expected: what the plan, the catalogue or the provider says.
            next_step: what the reader can do; a general sentence when empty.

        Raises:
            RowFailedError: when they differ.
        """
        if type(observed) is not type(expected) or observed != expected:
            self.fail(what, observed=self._run.plain(observed), expected=self._run.plain(expected), next_step=next_step)

    def fail(self, what: str, *, observed: str, expected: str, next_step: str = "") -> NoReturn:
        """Fail the row.

        Raises:
            RowFailedError: always.
        """
        raise RowFailedError(
            Refusal(
                refused=self._run.told(f"{what} is not as expected"),
                expected=self._run.told(expected),
                observed=self._run.told(observed),
                money=money_sentence(self._run),
                next_step=self._run.told(next_step)
                or f"Read the row's lines in the session log; trace id {self._run.trace_id}.",
            )
        )

    def pending(self, what: str, *, expected: str, observed: str, next_step: str) -> NoReturn:
        """End the row as PENDING: it waits for something only a person can give.

        Raises:
            RowPendingError: always.
        """
        raise RowPendingError(
            Refusal(
                refused=self._run.told(what),
                expected=self._run.told(expected),
                observed=self._run.told(observed),
                money=money_sentence(self._run),
                next_step=self._run.told(next_step),
            )
        )

    def anomaly(self, code: str, detail: str) -> None:
        """Journal something odd that does not decide the row. `detail` is shown only as far as it is plain."""
        self._run.journal.record(ev.AnomalyRecorded(code=self._run.plain(code), detail=self._run.plain(detail)))

    def reached(self, what: str, seen: PollResult[T], *, expected: str, next_step: str = "") -> T:
        """What the last look of a poll brought; fails the row unless the poll has reached its goal.

        Args:
            what: what was waited for, as a noun phrase.
            seen: what the poll saw.
            expected: the word that was waited for.
            next_step: what the reader can do; a general sentence when empty.

        Raises:
            RowFailedError: when the goal was not reached.
        """
        if not seen.reached or seen.last is None:
            self.fail(what, observed=self._run.plain(seen.told), expected=expected, next_step=next_step)
        return seen.last

    def one_charge(self, charges: Sequence[Charge]) -> Charge:
        """The one charge that was taken; attempts that took nothing do not count.

        Args:
            charges: every charge of a payment, as the provider's ledger shows them.

        Raises:
            RowFailedError: when none or several were taken.
        """
        from pytest_paygate.checks.charges import one_charge

        self.verify(one_charge, charges)
        return next(charge for charge in charges if charge.succeeded)

    def check_charge(self, charge: Charge, *, amount: Money) -> None:
        """Fail the row unless a charge is captured in full, under this run's trace id and in this run's mode.

        Args:
            charge: as the provider's ledger shows it.
            amount: what the plan says.

        Raises:
            RowFailedError: when it is not.
        """
        from pytest_paygate.checks import charges

        self.verify(charges.charge_whole, charge, amount)
        self.verify(charges.charge_trace, charge, self._run.trace_id)
        self.verify(charges.charge_mode, charge, livemode=is_live_like(self._run.mode))

    def check_refund(self, refund: Refund, *, charge_id: str, amount: Money) -> None:
        """Fail the row unless a refund has succeeded, in full, and is of that charge.

        Args:
            refund: as the provider's ledger shows it.
            charge_id: the charge that was to come back.
            amount: what was taken.

        Raises:
            RowFailedError: when it is not.
        """
        from pytest_paygate.checks import refunds

        self.verify(refunds.refund_whole, refund, charge_id, amount)

    def check_fee(self, fee: Money) -> None:
        """Fail the row when a provider has kept far more of a charge than the gate's `[purchase]` plans with.

        A row asks this last: whatever the fee, the rest of the money has to come back first.

        Args:
            fee: what the provider's ledger shows of it.

        Raises:
            RowFailedError: when it is far more. A gate that plans no purchase plans no fee.
        """
        if self._run.gate.purchase is None:
            return
        from pytest_paygate.checks import bookkeeping

        self.verify(bookkeeping.fee_near_plan, fee, Money.parse(self._run.gate.purchase.fee))

    def check_account(self, account: Account, *, provider: str) -> None:
        """Fail the row unless a key opens the account that `paygate.toml` pins, in this run's mode.

        Args:
            account: the account behind the key, as the provider tells it.
            provider: the provider's name, such as `stripe`.

        Raises:
            RowFailedError: when it is another account, or of the other mode.
            ConfigurationError: when `paygate.toml` pins none.
        """
        environment = self._run.environment
        pinned = environment.providers[provider].account if provider in environment.providers else ""
        key = f"env.{environment.name}.providers.{provider}.account"
        if not pinned:
            raise configuration(
                f"{self._run.runs.settings_file}: {key}",
                "is missing",
                expected="the account that the key must belong to, like acct_…",
                observed="none",
                next_step=f'After making sure that it is yours: account = "{self._run.plain(account.account_id)}"',
            )
        from pytest_paygate.checks import accounts

        self.verify(accounts.account_pinned, account, pinned, provider, key)
        self.verify(accounts.account_mode, account, provider, livemode=is_live_like(self._run.mode))

    async def ask_to_pay(
        self,
        operator: Operator,
        url: str,
        *,
        amount: Money,
        deadline_seconds: float,
        look: Callable[[], Awaitable[Payment]] | None = None,
    ) -> None:
        """Have the operator, or the payer that stands in for one, pay on a hosted page; a hold point named `pay`.

        Args:
            operator: who pays.
            url: the hosted page.
            amount: what the page must ask for.
            deadline_seconds: how long the hold point stays open.
            look: reads the payment at the provider, so that the hold point ends by itself once it has succeeded.

        Raises:
            RowFailedError: when nobody has paid by then.
            PaygateError: when the page cannot be used.
        """
        answer = await operator.hold(
            HoldPoint(
                hold_id="pay",
                title=f"Pay {amount}",
                instructions=(
                    f"Expect {amount} on the page. Pay with a card that may be used here.",
                    "The page says when it is paid. Then come back.",
                ),
                deadline_seconds=deadline_seconds,
                url=url,
                notice=None if look is None else self._noticing(look, deadline_seconds),
            )
        )
        self.check("whether the payment was made", observed=answer.answered, expected=True)

    def _noticing(
        self, look: Callable[[], Awaitable[Payment]], deadline_seconds: float
    ) -> Callable[[], Awaitable[bool]]:
        from pytest_paygate.adapters.polling import Poll

        return Poll(recorder=self._run.journal, clock=self._run.clock).noticing(
            "payment_noticed",
            look,
            value=lambda payment: payment.status.value,
            goal={PaymentStatus.SUCCEEDED.value},
            # A payment that failed can be tried again on the page.
            bad={PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
            deadline_seconds=deadline_seconds,
        )

    async def fee_of(self, provider: Provider, charge: Charge) -> Money | None:
        """What the provider keeps of a charge; None where its ledger does not tell. `check_fee` judges it.

        Args:
            provider: whose ledger the charge is in.
            charge: as that ledger shows it.
        """
        if not charge.balance_transaction_id or Capability.BALANCE_TRANSACTIONS not in provider.capabilities:
            return None
        try:
            return (await provider.balance_transaction(charge.balance_transaction_id)).fee
        except PaygateError:
            self.anomaly("fee_unreadable", "the ledger line of the charge could not be read")
            return None


def money_began(run: GateRun) -> bool:
    """Whether any row that can move money has begun in this run."""
    return any(row.money and run.state.rows[row.id].began for row in run.gate.all_rows())


def told_of_money(run: GateRun, refusal: Refusal) -> Refusal:
    """A refusal as a row ends with it: what speaks for one call alone must not deny what the run has moved before it.

    Args:
        run: whose row ended.
        refusal: what the row ended with; one that says nothing moved gets the run's own sentence in its place.
    """
    if not refusal.money.startswith(NOTHING_MOVED):
        return refusal
    return replace(refusal, money=money_sentence(run) + refusal.money.removeprefix(NOTHING_MOVED))


def money_sentence(run: GateRun) -> str:
    """What a failure now means for the money, from what the journal says has begun."""
    from pytest_paygate.renderers.money_view import account

    if not money_began(run):
        return NOTHING_MOVED
    exposure = run.state.exposure
    if run.state.is_guarded and exposure.intent is None:
        return NOTHING_MOVED
    if exposure.settled is not None:
        return "What moved has come back: every charge of this run is refunded."
    counted = account(run.state, run.gate)
    if counted is not None and counted.adds_up and not counted.is_outstanding:
        return (
            f"{counted.charged} was charged and {counted.refunded} came back, as far as the rows counted. "
            f"Look trace id {run.trace_id} up at the provider and refund only what it shows beyond that."
        )
    kind = {ev.Mode.LIVE: "Real money", ev.Mode.STAGING: "Test money"}.get(run.mode, "Sandbox money")
    return (
        f"{kind} may have moved in this run: look trace id {run.trace_id} up at the provider and refund what it shows."
    )
