"""Designs that look reasonable and lose money. The sweep must catch every one, or it proves nothing of the product."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core import purchase as buying
from pytest_paygate.core import settlement as steps
from pytest_paygate.core.money import Money
from tests.sweep.engine import AMOUNT, RUN_ID, Design, Life

if TYPE_CHECKING:
    from collections.abc import Generator

_KEYS = itertools.count()


def all_of_them() -> list[Design]:
    """Every wrong design, by name."""
    return [
        Design("the journal is written after the call", buy=_send_first),
        Design("the purchase is sent again on recovery", resends=True),
        Design("the ledger is looked at once", make=_made(_OneLook), strict=False),
        Design("only the first charge is refunded", look=_first_only),
        Design("refund keys are random", make=_made(_RandomKeys)),
        Design("a pending refund counts as refunded", look=_pending_is_done),
        Design("links are not closed", look=_not_payable),
        Design("a recovered run may pass", passes_after_recovery=True),
        Design("the journal is not forced to disk", syncs=False, strict=False),
        Design("no time is left for late charges", horizon=False),
        Design("no answer means not sent", buy=_timeout_is_not_sent),
        Design("half of a charge is refunded", make=_made(_Half), look=_half_is_enough, strict=False),
        Design("a failed refund is not escalated", make=_made(_Silent)),
        Design("an empty ledger means settled", make=_made(_EmptyIsFine)),
    ]


def _made(kind: type[steps.Settlement]) -> object:
    def make(life: Life, policy: steps.SettlePolicy) -> steps.Settlement:
        return kind(RUN_ID, lambda: life.exposure, policy, lambda: life.world.t)

    return make


def _intent() -> ex.ChargeIntended:
    return ex.ChargeIntended(
        amount_minor=AMOUNT.minor,
        cap_minor=AMOUNT.minor,
        currency=AMOUNT.currency,
        method="POST",
        path="/orders",
        body_sha256="0" * 64,
    )


def _send_first() -> Generator[object, object, object]:
    sent = yield buying.Send()
    yield steps.Record(_intent())
    yield steps.Record(ex.ChargeSent(outcome=buying.outcome_of(sent), status=sent.status))


def _timeout_is_not_sent() -> Generator[object, object, object]:
    yield steps.Record(_intent())
    sent = yield buying.Send()
    outcome = ex.SendOutcome.SEEN if sent.status else ex.SendOutcome.NOT_SENT
    yield steps.Record(ex.ChargeSent(outcome=outcome, status=sent.status))


class _OneLook(steps.Settlement):
    def steps(self) -> Generator[steps.Step, object, steps.SettleOutcome]:
        self._began = self.seconds()
        seen = yield steps.Look()
        if seen is not None:
            yield from self._note(seen)
            yield from self._refund_all()
        return steps.SettleOutcome.SETTLED


class _RandomKeys(steps.Settlement):
    def _intent(self, charge: object, via: ex.Via) -> ex.RefundIntended:
        return super()._intent(charge, via).model_copy(update={"idempotency_key": f"random-{next(_KEYS)}"})


class _Half(steps.Settlement):
    def _intent(self, charge: object, via: ex.Via) -> ex.RefundIntended:
        whole = super()._intent(charge, via)
        return whole.model_copy(update={"amount_minor": whole.amount_minor // 2})


class _Silent(steps.Settlement):
    def _escalate(self, charge: object, reason: str) -> Generator[steps.Step, object, None]:
        del reason
        self._given_up.add(charge.charge_id)
        return
        yield


class _EmptyIsFine(steps.Settlement):
    def _is_over(self, seen: steps.Sightings) -> bool:
        return not seen.charges or super()._is_over(seen)

    def _close_payable(self, seen: steps.Sightings) -> Generator[steps.Step, object, None]:
        del seen
        return
        yield

    def _conclude(self) -> Generator[steps.Step, object, None]:
        if not any(payment.payable for payment in self.view().payments.values()):
            yield from super()._conclude()


def _first_only(seen: steps.Sightings) -> steps.Sightings:
    return steps.Sightings(seen.charges[:1], seen.payments)


def _not_payable(seen: steps.Sightings) -> steps.Sightings:
    return steps.Sightings(seen.charges, tuple(replace(payment, payable=False) for payment in seen.payments))


def _pending_is_done(seen: steps.Sightings) -> steps.Sightings:
    return _refunds(seen, lambda refund: replace(refund, status="succeeded"))


def _half_is_enough(seen: steps.Sightings) -> steps.Sightings:
    return _refunds(seen, lambda refund: replace(refund, amount=Money(AMOUNT.minor, AMOUNT.currency)))


def _refunds(seen: steps.Sightings, change: object) -> steps.Sightings:
    charges = tuple(replace(charge, refunds=tuple(map(change, charge.refunds))) for charge in seen.charges)
    return steps.Sightings(charges, seen.payments)
