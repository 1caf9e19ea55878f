"""A small world for the crash sweep: a target that sells, a payer, a provider with a ledger, and a clock that jumps.

Shares nothing with the engine: it knows what really happened, which no journal and no answer can be sure of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AMOUNT_MINOR = 500


class Paying(StrEnum):
    """When, and how often, the purchase turns into a charge."""

    AT_ONCE = "at once"
    LATE = "20 s late"
    VERY_LATE = "10 min late"
    TWICE = "twice"
    AFTER_CLOSE = "after the link was closed"
    NEVER = "never"


class Refunding(StrEnum):
    """What becomes of a refund."""

    SUCCEEDS = "succeeds"
    PENDING = "pending, then succeeds"
    FAILS = "fails"
    SLOW_TO_SHOW = "succeeds, and is shown only later"


LATENESS_SECONDS = {
    Paying.AT_ONCE: 5.0,
    Paying.LATE: 25.0,
    Paying.VERY_LATE: 605.0,
    Paying.TWICE: 35.0,
    Paying.AFTER_CLOSE: 10.0,
    Paying.NEVER: 5.0,
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What kind of world it is. `provider_caps`: it never gives back more than was charged, whatever the key."""

    paying: Paying
    refunding: Refunding
    target_dedups: bool
    provider_caps: bool
    restart_seconds: float


class Charge:
    """Money taken."""

    __slots__ = ("at", "charge_id")

    def __init__(self, charge_id: str, at: float) -> None:
        self.charge_id = charge_id
        self.at = at


class Refund:
    """Money on its way back."""

    __slots__ = ("amount_minor", "at", "charge_id", "key", "refund_id")

    def __init__(self, refund_id: str, charge_id: str, amount_minor: int, key: str, at: float) -> None:
        self.refund_id = refund_id
        self.charge_id = charge_id
        self.amount_minor = amount_minor
        self.key = key
        self.at = at


class World:
    """Everything outside the engine. `purchases` counts the purchase requests that reached the target."""

    __slots__ = ("charges", "closed_at", "paid", "purchases", "refunds", "scheduled", "sent", "t", "traits")

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.t = 0.0
        self.purchases = 0
        self.sent = 0
        self.paid = False
        self.closed_at: float | None = None
        self.scheduled: list[float] = []
        self.charges: list[Charge] = []
        self.refunds: list[Refund] = []

    def copy(self) -> World:
        """The same world, to go on differently."""
        other = World.__new__(World)
        other.traits = self.traits
        other.t = self.t
        other.purchases = self.purchases
        other.sent = self.sent
        other.paid = self.paid
        other.closed_at = self.closed_at
        other.scheduled = self.scheduled[:]
        other.charges = self.charges[:]
        other.refunds = self.refunds[:]
        return other

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what was due happens."""
        self.t += seconds
        if self.scheduled and min(self.scheduled) <= self.t:
            for at in [at for at in self.scheduled if at <= self.t]:
                self.scheduled.remove(at)
                self._charge(at)

    def _charge(self, at: float) -> None:
        self.paid = True
        self.charges.append(Charge(f"ch_{len(self.charges) + 1}", at))

    def buy(self) -> None:
        """The target receives a purchase request."""
        self.purchases += 1
        if self.purchases > 1 and self.traits.target_dedups:
            return
        paying = self.traits.paying
        if paying is Paying.AT_ONCE:
            self.scheduled.append(self.t + 1.0)
        elif paying is Paying.LATE:
            self.scheduled.append(self.t + 20.0)
        elif paying is Paying.VERY_LATE:
            self.scheduled.append(self.t + 600.0)
        elif paying is Paying.TWICE:
            self.scheduled += [self.t + 1.0, self.t + 30.0]

    def is_payable(self) -> bool:
        """Whether somebody with the link could still pay."""
        return self.purchases > 0 and not self.paid and self.closed_at is None

    def close(self) -> None:
        """The link is closed; whoever was paying at that moment may still get through."""
        if not self.is_payable():
            return
        self.closed_at = self.t
        if self.traits.paying is Paying.AFTER_CLOSE:
            self.scheduled.append(self.t + 5.0)
        elif self.traits.paying is not Paying.TWICE:
            # The target's own late retries of the provider are not stopped by the link being closed.
            return

    def refund(self, charge_id: str, amount_minor: int, key: str) -> str:
        """The provider receives a refund request; why it refuses, or nothing. A known key does nothing twice."""
        if any(refund.key == key and refund.charge_id == charge_id for refund in self.refunds):
            return ""
        if self.traits.provider_caps:
            good = sum(refund.amount_minor for refund in self.refunds_of(charge_id) if self.status(refund) != "failed")
            if good + amount_minor > AMOUNT_MINOR:
                return "refused: charge_already_refunded"
        self.refunds.append(Refund(f"re_{len(self.refunds) + 1}", charge_id, amount_minor, key, self.t))
        return ""

    def refunds_of(self, charge_id: str) -> list[Refund]:
        """Every refund of one charge."""
        return [refund for refund in self.refunds if refund.charge_id == charge_id]

    def shown_refunds_of(self, charge_id: str) -> list[Refund]:
        """The refunds of one charge that the provider's list shows by now."""
        lag_seconds = 25.0 if self.traits.refunding is Refunding.SLOW_TO_SHOW else 0.0
        return [refund for refund in self.refunds_of(charge_id) if self.t >= refund.at + lag_seconds]

    def status(self, refund: Refund) -> str:
        """Where a refund stands now."""
        refunding = self.traits.refunding
        if refunding is Refunding.FAILS:
            return "failed" if self.t >= refund.at + 3.0 else "pending"
        if refunding is Refunding.PENDING:
            return "succeeded" if self.t >= refund.at + 30.0 else "pending"
        return "succeeded"
