"""Claims: what a gate wants witnessed, by whom and in which modes, and what a run's journal lacks of it.

Owns the rule that a witness which was never recorded counts as missing: a test that was deleted proves nothing. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.events import Mode
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.proof import FRESH, ProofStatus, WitnessKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_paygate.core.events import ProofRecorded

_ID = r"^[a-z][a-z0-9_]{0,39}$"


class Claim(Model):
    """Something that must be witnessed, such as `purchase` or `refund`.

    A claim may stand more than once with other `modes`, for a witness that only some environments have. One that needs
    the log also needs the proof that its trace id was unknown there before.
    """

    id: str = Field(pattern=_ID)
    needs: tuple[WitnessKind, ...] = Field(min_length=1)
    modes: tuple[Mode, ...] = tuple(Mode)


def needed(claims: Iterable[Claim], mode: Mode) -> dict[str, tuple[WitnessKind, ...]]:
    """The witnesses that each claim needs in a mode, in the order in which the gate names them."""
    found: dict[str, tuple[WitnessKind, ...]] = {}
    for claim in claims:
        if mode in claim.modes:
            found[claim.id] = (*found.get(claim.id, ()), *claim.needs)
    return found


def twice(claims: Iterable[Claim]) -> str:
    """The first witness that a claim asks for twice in one mode, such as `purchase.log`; empty when there is none."""
    seen: set[tuple[str, WitnessKind, Mode]] = set()
    for claim in claims:
        for kind in claim.needs:
            for mode in claim.modes:
                if (claim.id, kind, mode) in seen:
                    return f"{claim.id}.{kind}"
                seen.add((claim.id, kind, mode))
    return ""


def unwitnessed(claims: Iterable[Claim], proofs: Sequence[ProofRecorded], mode: Mode) -> tuple[str, ...]:
    """What a run's journal lacks of its claims, one sentence each.

    Args:
        claims: the gate's.
        proofs: every proof the run recorded, whatever it says.
        mode: the run's life.
    """
    found = []
    wanted = needed(claims, mode)
    for claim, kinds in wanted.items():
        recorded = {proof.witness for proof in proofs if proof.claim == claim}
        absent = [kind.value for kind in kinds if kind not in recorded]
        if absent:
            found.append(f"claim {claim} has no witness of kind {', '.join(absent)}: none was recorded")
    if any(WitnessKind.LOG in kinds for kinds in wanted.values()) and not any(one.name == FRESH for one in proofs):
        found.append("the trace id was never looked up in the log before the purchase")
    return tuple(found)


def standing(claims: Iterable[Claim], proofs: Sequence[ProofRecorded], mode: Mode) -> dict[str, str]:
    """How many witnesses of each claim hold, such as `2 of 3`; a witness that is needed and absent is counted."""
    wanted = needed(claims, mode)
    found = {}
    for claim in dict.fromkeys([*wanted, *(proof.claim for proof in proofs if proof.claim)]):
        ours = [proof for proof in proofs if proof.claim == claim]
        absent = len(set(wanted.get(claim, ())) - {proof.witness for proof in ours})
        holds = sum(proof.status is ProofStatus.HOLDS for proof in ours)
        found[claim] = f"{holds} of {len(ours) + absent}"
    return found
