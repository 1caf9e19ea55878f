"""The session report in its two forms, and the evidence file: three layouts of one folded journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_paygate.core.events import SCHEMA_VERSION
from pytest_paygate.core.facts import to_json
from pytest_paygate.core.verdict import judge
from pytest_paygate.renderers import templating
from pytest_paygate.renderers.session_log import reference

if TYPE_CHECKING:
    from pytest_paygate.core.run import RunState
    from pytest_paygate.renderers.view import ReportView


def as_html(report: ReportView) -> str:
    """One self-contained page: no script, no request, strict content security policy."""
    return templating.html("report.html", {"r": report})


def as_markdown(report: ReportView) -> str:
    """The same content for a pull request or a chat."""
    return templating.markdown("report.md", {"r": report})


def as_evidence(state: RunState, journal_head: str) -> str:
    """The run as one JSON document: verdict, every row with status, every fact with its kind.

    Raises:
        ValueError: for a journal without a run in it.
    """
    if state.started is None or state.gate is None:
        raise ValueError("a journal without run_started has no evidence")
    gate, judgement = state.gate, judge(state)
    document = {
        "schema_version": SCHEMA_VERSION,
        "run_id": state.started.run_id,
        "gate": gate.id,
        "gate_sha256": state.started.gate_sha256,
        "environment": state.started.environment,
        "mode": state.started.mode,
        "target": state.started.target,
        "trace_id": state.started.trace_id,
        "commit": state.started.commit,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "verdict": judgement.verdict,
        "reasons": list(judgement.reasons),
        "rows": [
            {
                "number": gate.number(row.row_id),
                "id": row.row_id,
                "status": row.status,
                "reason": row.reason,
                "trace": reference(row),
                "facts": {name: to_json(gate.facts[name], value) for name, value in row.facts.items()},
            }
            for row in state.rows.values()
        ],
        "criteria": [
            {"id": result.criterion.id, "status": result.status, "reason": result.reason}
            for result in judgement.criteria
        ],
        "proofs": [proof.model_dump(mode="json", exclude={"kind"}) for proof in state.proofs],
        "journal_sha256": journal_head,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
