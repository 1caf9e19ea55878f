"""Proofs: independent witnesses of one fact, each with its source, matched on one trace id.

Rules:
- a proof holds, is missing, or contradicts; it is never assumed;
- a missing proof makes a run CONDITIONAL at best, a contradicting one FAIL: contradiction is worse than absence;
- a proof is recorded once under its name and never taken back.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_paygate.core.events import ProofRecorded


class ProofStatus(StrEnum):
    """What a witness says."""

    HOLDS = "holds"
    MISSING = "missing"
    CONTRADICTS = "contradicts"


def tally(proofs: Iterable[ProofRecorded]) -> str:
    """How many proofs hold, such as `2 of 3`."""
    counted = Counter(proof.status for proof in proofs)
    return f"{counted[ProofStatus.HOLDS]} of {counted.total()}"
