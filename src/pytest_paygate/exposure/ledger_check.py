"""Reading at the provider again what a verified journal says stands in its ledger. Read-only; nothing is written.

Owns the reading and the three outcomes of one claim: the same, different, or not to be read. What counts as different
is in `core.ledger_claims`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import PaygateError, ProviderError
from pytest_paygate.core.ledger_claims import (
    ChargeClaim,
    RefundClaim,
    charge_differences,
    claims,
    payment_differences,
    refund_differences,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.core.ledger_claims import Claim
    from pytest_paygate.core.ports import Provider
    from pytest_paygate.core.run import RunState

_NOT_THERE = "resource_missing"


class Outcome(StrEnum):
    """What came of looking one claim up."""

    SAME = "same"
    DIFFERS = "DIFFERS"
    UNREADABLE = "CANNOT BE READ"


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim looked up: which object, what came of it, and why."""

    name: str
    outcome: Outcome
    reason: str = ""


async def compare(state: RunState, providers: Mapping[str, Provider]) -> list[Finding]:
    """Look every claim of a run up.

    Args:
        state: a run whose journal was verified.
        providers: clients by name; a claim of one that is not there cannot be read.
    """
    return [await _look(claim, providers) for claim in claims(state)]


async def _look(claim: Claim, providers: Mapping[str, Provider]) -> Finding:
    name = _name(claim)
    provider = providers.get(claim.provider)
    if provider is None:
        return Finding(name, Outcome.UNREADABLE, f"the environment has no provider {claim.provider or 'for it'}")
    try:
        differences = await _differences(claim, provider)
    except ProviderError as error:
        if error.status == 404 or error.code == _NOT_THERE:
            return Finding(name, Outcome.DIFFERS, "it is not in the ledger")
        return Finding(name, Outcome.UNREADABLE, error.refusal.refused)
    except PaygateError as error:
        return Finding(name, Outcome.UNREADABLE, error.refusal.refused)
    return Finding(name, Outcome.DIFFERS if differences else Outcome.SAME, "; ".join(differences))


async def _differences(claim: Claim, provider: Provider) -> list[str]:
    if isinstance(claim, ChargeClaim):
        charges = await provider.charges(claim.payment_id)
        mine = [charge for charge in charges if charge.charge_id == claim.charge_id]
        return charge_differences(claim, mine[0]) if mine else ["it is not in the ledger"]
    if isinstance(claim, RefundClaim):
        return refund_differences(claim, await provider.read_refund(claim.refund_id))
    return payment_differences(claim, await provider.payment(claim.payment_id))


def _name(claim: Claim) -> str:
    if isinstance(claim, ChargeClaim):
        return f"charge {claim.charge_id} {claim.amount}"
    if isinstance(claim, RefundClaim):
        return f"refund {claim.refund_id} {claim.amount}"
    return f"payment {claim.payment_id} at {claim.provider}"
