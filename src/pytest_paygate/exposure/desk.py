"""The desk where every request that moves money passes: the last thing before the bytes are sent.

Owns the order of intent, lock and send, and the cap on the very bytes. Whether money may move at all was decided by the
interlock; the desk asks once more, and refuses whatever comes by without having passed it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypeVar

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core import purchase as buying
from pytest_paygate.core.errors import NOTHING_MOVED, InterlockError, PaygateError, Refusal, TargetError
from pytest_paygate.core.events import ProbeIntended
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.exposure_events import Via
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Outgoing
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.settlement import Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Protocol

    from pytest_paygate.core.events import EventBody
    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.ports import Charge, HttpAnswer, Provider, Recorder, Refund
    from pytest_paygate.core.run import RunState

    class Preconditions(Protocol):
        """What must hold right before the one purchase; see `watching.Watch`."""

        async def look_again(self) -> None:
            """Read every guard again; `GuardBreachError` when one does not hold."""

        async def take_capacity(self) -> None:
            """Take a unit of capacity where the gate asks for one; `InterlockError` when none may be taken."""

        async def return_capacity(self, reason: str) -> None:
            """Give the unit back, if one was taken and nothing can have been sent."""


Answered = TypeVar("Answered", bound="HttpAnswer")

# Names under which a request may carry what is to be charged, in minor units.
_AMOUNT_KEYS = frozenset({"amount", "amount_minor", "amount_total", "total", "total_minor", "price", "price_minor"})
# Reads move nothing.
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class MoneyDesk:
    """The desk of one run. Implements `core.ports.Desk`.

    Args:
        run_id: the run; refund keys are derived from it.
        recorder: the run's journal.
        state: the run as its journal tells it.
        cap: the most one charge may be; None where the amount itself is the cap (dry runs without caps).
        closed: why no money may move now, or nothing.
        holds_lock: whether the environment's lock is still ours; asked last.
        before: what must hold right before the purchase.
    """

    def __init__(  # noqa: PLR0913 - what a desk must know
        self,
        run_id: str,
        *,
        recorder: Recorder,
        state: Callable[[], RunState],
        cap: Money | None,
        closed: Callable[[], str],
        holds_lock: Callable[[], Awaitable[bool]],
        before: Preconditions | None = None,
    ) -> None:
        self._run_id = run_id
        self._recorder = recorder
        self._state = state
        self._cap = cap
        self._closed = closed
        self._holds_lock = holds_lock
        self._before = before

    async def buy(self, amount: Money, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Send the one purchase of the run; see `core.ports.Desk`."""
        self._check_open(request)
        cap = amount if self._cap is None else self._cap
        self._check_cap(amount, cap, request)
        if self._before is None or self._state().exposure.intent is not None:
            return await self._bought(amount, cap, request, send)
        await self._before.look_again()
        await self._before.take_capacity()
        try:
            return await self._bought(amount, cap, request, send)
        finally:
            sent = self._state().exposure.sent
            if self._state().exposure.intent is None or (sent and sent.outcome is ex.SendOutcome.NOT_SENT):
                await self._before.return_capacity("the purchase was not sent")

    async def _bought(
        self, amount: Money, cap: Money, request: Outgoing, send: Callable[[], Awaitable[Answered]]
    ) -> Answered:
        """Carry the purchase out, step by step."""
        running = buying.purchase(
            amount,
            cap,
            method=request.method,
            path=request.path,
            body_sha256=hashlib.sha256(request.body).hexdigest(),
        )
        answer: Answered | None = None
        failure: TargetError | None = None
        back: object = None
        while True:
            try:
                step = running.send(back)
            except StopIteration:
                break
            back = None
            match step:
                case Record():
                    self._record(step.event, request)
                case buying.HoldsLock():
                    back = await self._holds_lock()
                case buying.Send():
                    try:
                        answer = await send()
                        back = buying.Sent(answer.status)
                    except TargetError as error:
                        failure = error
                        back = buying.Sent(0, error.failure, connected=not error.unsent)
                    except BaseException as error:
                        # Cut off in the middle: what it did is not known, and the run must not end without saying so.
                        self._recorder.record(
                            ex.ChargeSent(outcome=ex.SendOutcome.AMBIGUOUS, failure=type(error).__name__)
                        )
                        raise
        if failure is not None:
            raise failure
        if answer is None:
            raise _refused(
                "lock_held",
                request,
                expected="the environment's lock, held without a break",
                observed="the lease lapsed, or somebody else took the lock",
                next_step="Run `paygate recover`, then start again with a fresh approval.",
            )
        return answer

    async def refund(self, charge: Charge, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Ask the target to give a charge back; see `core.ports.Desk`."""
        self._check_open(request)
        self._record(self._seen(charge), request)
        known = self._state().exposure.charges[charge.charge_id]
        if known.asked or known.is_refunded:
            raise _refused(
                "refund_once",
                request,
                expected="a charge of which no refund was asked for",
                observed=f"charge {charge.charge_id}, for which a refund was asked for before",
                next_step="Look at the refunds of the charge at the provider; settling sees to what is still open.",
            )
        self._record(self._intent(known, Via.TARGET), request)
        try:
            answer = await send()
        except TargetError as error:
            self._refund_refused(charge, error.failure)
            raise
        if not 200 <= answer.status < 300:
            self._refund_refused(charge, f"status {answer.status}")
        return answer

    async def refund_at_provider(self, charge: Charge, provider: Provider, *, trace_id: str) -> Refund:
        """Give a charge back at its provider directly, where the target did not: once, with the run's own key.

        Args:
            charge: as the ledger shows it.
            provider: whose ledger that is.
            trace_id: the run's.

        Raises:
            InterlockError: when money may not move now, or the provider was asked before.
            ProviderError: when the provider refuses or its answer did not arrive; settling then sees to it.
        """
        request = Outgoing("POST", f"{provider.name}/refunds", b"")
        self._check_open(request)
        if charge.charge_id not in self._state().exposure.charges:
            self._record(self._seen(charge), request)
        known = self._state().exposure.charges[charge.charge_id]
        if Via.PROVIDER in known.asked or known.is_refunded:
            raise _refused(
                "refund_once",
                request,
                expected="a charge that its provider was not asked to refund",
                observed=f"charge {charge.charge_id}, which its provider was asked to refund before",
                next_step="Look at the refunds of the charge at the provider; settling sees to what is still open.",
            )
        intent = self._intent(known, Via.PROVIDER)
        self._record(intent, request)
        amount = Money(intent.amount_minor, intent.currency)
        try:
            refund = await provider.refund(
                known.payment_id, amount, idempotency_key=intent.idempotency_key, trace_id=trace_id
            )
        except PaygateError as error:
            reason = type(error).__name__
            self._recorder.record(ex.RefundRefused(via=Via.PROVIDER, charge_id=charge.charge_id, reason=reason))
            raise
        self._record(
            ex.RefundSeen(
                provider=known.provider,
                refund_id=refund.refund_id,
                charge_id=charge.charge_id,
                amount_minor=refund.amount.minor,
                currency=refund.amount.currency,
                status=refund.status.value,
                failure_reason=refund.failure_reason,
                created=refund.created.isoformat(),
            ),
            request,
        )
        return refund

    async def probe(self, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Send a probe once its intent is on disk; see `core.ports.Desk`."""
        body_sha256 = hashlib.sha256(request.body).hexdigest()
        try:
            self._recorder.record(ProbeIntended(method=request.method, path=request.path, body_sha256=body_sha256))
        except IllegalEventError as error:
            raise _refused(
                "dry_run",
                request,
                expected="probes of the target in a sandbox or staging run only",
                observed=str(error),
                next_step="Probe where run.may_probe says so; a live run sends its one purchase and nothing else.",
            ) from None
        return await send()

    def _seen(self, charge: Charge) -> ex.ChargeSeen:
        return ex.ChargeSeen(
            provider=self._ledger(),
            charge_id=charge.charge_id,
            payment_id=charge.payment_id,
            amount_minor=charge.captured.minor,
            currency=charge.captured.currency,
            created=charge.created.isoformat(),
        )

    def _intent(self, known: ChargeState, via: Via) -> ex.RefundIntended:
        return ex.RefundIntended(
            via=via,
            provider=known.provider,
            charge_id=known.charge_id,
            payment_id=known.payment_id,
            amount_minor=known.amount.minor - known.refunded_minor,
            currency=known.amount.currency,
            idempotency_key=refund_key(self._run_id, known.charge_id),
        )

    def check_undeclared(self, request: Outgoing) -> None:
        """Refuse a request that is sent as one that moves money, without saying whether it charges or refunds."""
        state = self._state()
        if not state.is_guarded or request.method in _READS or state.phase == "settling":
            return
        raise _refused(
            "declared",
            request,
            expected="charge= or refund= on every request that moves money in a live run",
            observed="once=True alone",
            next_step="Say in the suite what the request moves: post(…, charge=amount) or post(…, refund=charge).",
        )

    def check_row(self, request: Outgoing) -> None:
        """Refuse a write to the target from a row that moves money, unless it says what it moves.

        In every mode: a purchase that was not declared is not journalled before it is sent, and nobody refunds it.
        """
        state = self._state()
        row = state.gate.row(state.open_row) if state.gate is not None and state.open_row is not None else None
        if row is None or not row.money or request.method in _READS or state.phase == "settling":
            return
        raise _refused(
            "declared",
            request,
            expected=f"charge= or refund= on what row {row.id}, which moves money, sends to the target",
            observed="neither",
            next_step="Say what it moves: post(…, charge=amount) or post(…, refund=charge). What moves nothing belongs "
            "into a row without money = true.",
        )

    def _refund_refused(self, charge: Charge, reason: str) -> None:
        self._recorder.record(ex.RefundRefused(via=Via.TARGET, charge_id=charge.charge_id, reason=reason))

    def _ledger(self) -> str:
        gate = self._state().gate
        return gate.purchase.ledger if gate is not None and gate.purchase is not None else "provider"

    def _check_open(self, request: Outgoing) -> None:
        reason = self._closed()
        if reason:
            raise _refused(
                "armed",
                request,
                expected="a run whose interlock has let money move",
                observed=reason,
                next_step="Start the gate with --live --confirm, and read what it refuses.",
            )

    def _check_cap(self, amount: Money, cap: Money, request: Outgoing) -> None:
        over = amount.currency != cap.currency or amount.minor > cap.minor
        found = [minor for minor in _amounts(request.body) if minor > cap.minor]
        if over or found:
            raise _refused(
                "within_caps",
                request,
                expected=f"at most {cap}",
                observed=f"{amount}" if over else f"{found[0]} minor units in the request itself",
                next_step="Correct the amount, or the cap in paygate.toml.",
            )

    def _record(self, event: EventBody, request: Outgoing) -> None:
        try:
            self._recorder.record(event)
        except IllegalEventError as error:
            raise _refused(
                "once",
                request,
                expected="what the journal of this run allows",
                observed=str(error),
                next_step="A purchase is sent once, a charge is refunded once: look up what the first one did.",
            ) from None


def _refused(name: str, request: Outgoing, *, expected: str, observed: str, next_step: str) -> InterlockError:
    return InterlockError(
        (name,),
        Refusal(
            refused=f"interlock: {request.method} {request.path} is not sent, because of {name}",
            expected=expected,
            observed=observed,
            money=f"{NOTHING_MOVED} This request was not sent.",
            next_step=next_step,
        ),
    )


def _amounts(body: bytes) -> Iterator[int]:
    """Integers in a JSON body that stand where an amount stands."""
    try:
        document = json.loads(body)
    except ValueError:
        return
    nodes = [document]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                if key in _AMOUNT_KEYS and isinstance(value, int) and not isinstance(value, bool):
                    yield value
                nodes.append(value)
        elif isinstance(node, list):
            nodes.extend(node)
