"""Proofs and claims as plain values: what each witness says and rests on, and what a claim lacks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.claims import needed, standing
from pytest_paygate.core.proof import ProofStatus, rests_on

if TYPE_CHECKING:
    from pytest_paygate.core.events import ProofRecorded
    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.run import RunState

NEVER_RECORDED = "none was recorded"


@dataclass(frozen=True, slots=True)
class ProofView:
    """One witness. `rests` is its time, amount, ids and the head of its extract's hash."""

    name: str
    source: str
    status: str
    detail: str
    rests: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim with all its witnesses, those that were never recorded as well."""

    claim: str
    tally: str
    witnesses: tuple[ProofView, ...]


def proof_view(proof: ProofRecorded) -> ProofView:
    """The view of one recorded proof."""
    return ProofView(proof.name, proof.source, proof.status.value, proof.detail, rests_on(proof), proof.extract_sha256)


def claim_views(state: RunState, gate: Gate) -> tuple[ClaimView, ...]:
    """The claims of a run in the gate's order.

    Args:
        state: the run, which has started.
        gate: its gate.
    """
    wanted = needed(gate.claims, state.mode)
    found = []
    for claim, tally in standing(gate.claims, state.proofs, state.mode).items():
        ours = [proof for proof in state.proofs if proof.claim == claim]
        absent = [kind for kind in wanted.get(claim, ()) if kind not in {proof.witness for proof in ours}]
        lines = [
            *(proof_view(proof) for proof in ours),
            *(
                ProofView(f"{claim}_{kind}", kind.source, ProofStatus.MISSING.value, NEVER_RECORDED, "", "")
                for kind in absent
            ),
        ]
        found.append(ClaimView(claim, tally, tuple(lines)))
    return tuple(found)
