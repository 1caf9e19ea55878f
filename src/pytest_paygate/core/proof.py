"""Proofs: independent witnesses of one claim, each with its source, its own clock and the extract it rests on.

Rules:
- a proof holds, is missing, or contradicts; it is never assumed;
- the witnesses of one claim are matched on one trace id, and agree on every id and amount that two of them tell;
- a witness without a readable time of its own is missing: nobody can say that it speaks of this run;
- a missing proof makes a run CONDITIONAL at best, a contradicting one FAIL: contradiction is worse than absence;
- a proof is recorded once under its name and never taken back.
Pure. What the extract of a witness holds is exactly what was taken over of it, so that a reader can hash it again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.core.events import ProofRecorded
    from pytest_paygate.core.money import Money

# The name of the proof that the trace id was unknown to the log before anything was bought.
FRESH = "fresh"
# How far the clock of a witness may be from ours; beyond it, the witness speaks of another time.
CLOCKS_APART_SECONDS = 300


class ProofStatus(StrEnum):
    """What a witness says."""

    HOLDS = "holds"
    MISSING = "missing"
    CONTRADICTS = "contradicts"


class WitnessKind(StrEnum):
    """Who may bear witness: the answer that was given, the application's own log, the provider's ledger."""

    HTTP = "http"
    LOG = "log"
    LEDGER = "ledger"

    @property
    def source(self) -> str:
        """Who that is, for a reader."""
        return {"http": "target answer", "log": "application log", "ledger": "provider ledger"}[self.value]


@dataclass(frozen=True, slots=True)
class Witness:
    """What one witness says of a claim, as far as it was taken over.

    `said` is its word in the shape of a short plain phrase, such as `201` or `order_completed`; `at` is its own clock,
    None when it told no readable time; `trace_id` is empty when it named none.
    """

    kind: WitnessKind
    said: str
    trace_id: str
    at: datetime | None
    ids: Mapping[str, str] = field(default_factory=dict)
    amount: Money | None = None

    @property
    def moment(self) -> str:
        """Its time as the journal keeps it, ISO 8601 in UTC; empty without one."""
        return "" if self.at is None else self.at.astimezone(UTC).isoformat()

    @property
    def extract_sha256(self) -> str:
        """SHA-256 of the extract: `said`, `trace_id`, `at`, `ids`, `amount` as JSON, keys sorted, no spaces, UTF-8."""
        amount = "" if self.amount is None else str(self.amount)
        extract = {
            "said": self.said,
            "trace_id": self.trace_id,
            "at": self.moment,
            "ids": dict(self.ids),
            "amount": amount,
        }
        return hashlib.sha256(
            json.dumps(extract, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a claim apart from its witnesses.

    `amount` is what the plan or an earlier claim says, None where that is not compared; `began` and `now` are the run's
    first moment and the present one; `after` is the same witness of a claim that must have come before.
    """

    trace_id: str
    began: datetime
    now: datetime
    amount: Money | None = None
    after: ProofRecorded | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a witness is worth, and why in words; the words of one that holds say what it said."""

    status: ProofStatus
    why: str


def weigh(witness: Witness, expected: Expected, earlier: Iterable[ProofRecorded]) -> Weighed:
    """Compare one witness with what is known and with the other witnesses of its claim.

    Args:
        witness: what it says.
        expected: what is known apart from the witnesses.
        earlier: the proofs recorded for the same claim so far.

    Returns:
        CONTRADICTS with every difference named, MISSING where it says too little, HOLDS otherwise.
    """
    against = [
        *_against_expected(witness, expected),
        *(found for proof in earlier for found in _against(witness.ids, _amount(witness), proof)),
    ]
    if against:
        return Weighed(ProofStatus.CONTRADICTS, "; ".join(against))
    if not witness.trace_id:
        return Weighed(ProofStatus.MISSING, "it names no trace id")
    if witness.at is None:
        return Weighed(ProofStatus.MISSING, "its time cannot be read")
    return Weighed(ProofStatus.HOLDS, witness.said)


def disagreements(proofs: Iterable[ProofRecorded]) -> tuple[str, ...]:
    """Where proofs that hold one by one do not agree with each other, in words; of one claim each."""
    seen: list[ProofRecorded] = []
    found = []
    for proof in proofs:
        if proof.status is ProofStatus.HOLDS and proof.claim:
            for other in seen:
                if other.claim == proof.claim:
                    found += [f"{proof.name}: {why}" for why in _against(proof.ids, proof.amount, other)]
            seen.append(proof)
    return tuple(found)


def tally(proofs: Iterable[ProofRecorded]) -> str:
    """How many proofs hold, such as `2 of 3`."""
    counted = Counter(proof.status for proof in proofs)
    return f"{counted[ProofStatus.HOLDS]} of {counted.total()}"


def rests_on(proof: ProofRecorded) -> str:
    """What a proof rests on, for a reader: time, amount, ids and the head of its extract's hash; empty without any."""
    parts = [
        proof.at,
        proof.amount,
        *(f"{name} {value}" for name, value in proof.ids.items()),
        f"SHA-256 {proof.extract_sha256[:12]}" if proof.extract_sha256 else "",
    ]
    return ", ".join(part for part in parts if part)


def _amount(witness: Witness) -> str:
    return "" if witness.amount is None else str(witness.amount)


def _against_expected(witness: Witness, expected: Expected) -> Iterable[str]:
    if witness.trace_id and witness.trace_id != expected.trace_id:
        yield "it names another trace id"
    if witness.amount is not None and expected.amount is not None and witness.amount != expected.amount:
        yield f"it says {witness.amount}, expected is {expected.amount}"
    if witness.at is None:
        return
    apart = timedelta(seconds=CLOCKS_APART_SECONDS)
    if not expected.began - apart <= witness.at <= expected.now + apart:
        yield f"its time {witness.moment} is not within this run"
    if expected.after is not None and expected.after.at and witness.at < datetime.fromisoformat(expected.after.at):
        yield f"its time {witness.moment} is before {expected.after.name} at {expected.after.at}"


def _against(ids: Mapping[str, str], amount: str, other: ProofRecorded) -> Iterable[str]:
    """Where one witness differs from another in what both of them tell."""
    if other.status is ProofStatus.MISSING:
        return
    for name in sorted(ids.keys() & other.ids.keys()):
        if ids[name] != other.ids[name]:
            yield f"it says {name} {ids[name]}, {other.name} says {other.ids[name]}"
    if amount and other.amount and amount != other.amount:
        yield f"it says {amount}, {other.name} says {other.amount}"
