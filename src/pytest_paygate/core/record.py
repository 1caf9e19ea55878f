"""The record of a run: everything a machine may want to know of it, in one JSON document with a published schema.

Owns the shapes only; `renderers/record.py` fills them from a folded journal. A field is added, never renamed or given
another meaning, within one `schema_version`. The schema itself is `docs/reference/record.schema.json`.
"""

from __future__ import annotations

from typing import Any

from pytest_paygate.core.events import SCHEMA_VERSION, Mode, RowStatus
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.proof import ProofStatus, WitnessKind
from pytest_paygate.core.verdict import Decision, Verdict

SCHEMA_ID = "https://pytest-paygate.dev/schemas/record-v1.json"
FactJson = str | int | float | bool | list[str] | dict[str, str | int]


class RecordedProof(Model):
    """What one witness says.

    `claim` is what it witnesses, `at` the time on its own clock, `ids` what it names; `extract_sha256` is the hash of
    what was taken over of it. Each is empty where there was none.
    """

    name: str
    source: str
    status: ProofStatus
    detail: str
    claim: str = ""
    witness: WitnessKind | None = None
    at: str = ""
    amount: str = ""
    ids: dict[str, str] = Field(default_factory=dict)
    extract_sha256: str = ""


class RecordedClaim(Model):
    """How many witnesses of one claim hold, such as `2 of 3`; one that is needed and was never recorded is counted."""

    id: str
    witnesses: str


class RecordedCheck(Model):
    """One check that was made in a row: the statement it looks for facts against, and whether it held."""

    id: str
    holds: str
    held: bool


class RecordedRow(Model):
    """One row or pre-flight check. `number` is `P1` for pre-flight and `1` for the walkthrough."""

    number: str
    id: str
    title: str
    status: RowStatus
    reason: str
    expected: str
    observed: str
    trace: str
    elapsed_seconds: float = Field(ge=0)
    waiver: str = ""
    facts: dict[str, FactJson]
    proofs: tuple[RecordedProof, ...]
    checks: tuple[RecordedCheck, ...] = ()


class RecordedCriterion(Model):
    """One line of the acceptance checklist. `due` is the day a person's sign-off is due, or empty."""

    id: str
    title: str
    owner: str
    status: RowStatus
    reason: str
    due: str


class RecordedAmount(Model):
    """One amount of the account, as shown, and where it was read."""

    id: str
    amount: str
    source: str


class RecordedItem(Model):
    """One thing to do."""

    owner: str
    text: str
    command: str


class RecordedOddity(Model):
    """Something odd that does not decide by itself."""

    code: str
    detail: str


class Record(Model):
    """One run of one gate. Times are ISO 8601 in UTC; `money_adds_up` is null when too little is known."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    gate: str
    gate_title: str
    gate_sha256: str
    suite_sha256: str
    environment: str
    mode: Mode
    target: str
    account: str
    trace_id: str
    commit: str
    build: str
    operator: str
    attended: bool
    approvers: tuple[str, ...]
    tool: str
    started_at: str
    ended_at: str
    elapsed_seconds: float = Field(ge=0)
    verdict: Verdict
    decision: Decision
    reasons: tuple[str, ...]
    rows: tuple[RecordedRow, ...]
    criteria: tuple[RecordedCriterion, ...]
    money: tuple[RecordedAmount, ...]
    money_adds_up: bool | None
    proofs: tuple[RecordedProof, ...]
    claims: tuple[RecordedClaim, ...] = ()
    anomalies: tuple[RecordedOddity, ...]
    action_items: tuple[RecordedItem, ...]
    damage: str
    journal_sha256: str


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a record."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **Record.model_json_schema(mode="serialization"),
    }
