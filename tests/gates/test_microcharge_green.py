"""The microcharge gate passes on the embedded fleet, alone and beside e2e, and leaves what its domain asks for."""

from __future__ import annotations

import json
import shutil

import pytest

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.core.bundle import believe
from tests.gate_runs import INI, ROOT, copy_gate, run_gate

SIX = ["probe", "checkout", "pay", "refund", "proofs", "event"]
KEYS = {
    "run_id": str,
    "timestamp": str,
    "amount_cents": int,
    "payment_intent_id": str,
    "refund_id": str,
    "refund_latency_seconds": int,
    "proof_1_http": {"status": int, "x_trace_id": str, "session_id": str},
    "proof_2_logs": {"event": str, "timestamp": str, "matching_trace": bool},
    "proof_3_stripe": {"payment_status": str, "refund_status": str, "a8_checksum": str},
    "a8_event_id": str,
    "verdict": str,
}


# Put beside the gates, it takes one check away.
WITHOUT = """
from dataclasses import replace
from pytest_paygate.plugin.row_checks import Checks

verify = Checks.verify

def verify_without(row, check, /, *args, **kwargs):
    if check.id == "previous_run_passed":
        check = replace(check, judge=lambda *_args, **_kwargs: None)
    verify(row, check, *args, **kwargs)

Checks.verify = verify_without
"""


# Put beside the gates, no server of the embedded world tells the time.
TIMELESS = """
import uvicorn

made = uvicorn.Config.__init__

def made_timeless(config, *args, **kwargs):
    made(config, *args, **{**kwargs, "date_header": False})

uvicorn.Config.__init__ = made_timeless
"""


def shape(document):
    """Keys and types of a document."""
    return {key: shape(value) if isinstance(value, dict) else type(value) for key, value in document.items()}


def events(result):
    """The journal's events."""
    return [json.loads(line)["event"] for line in (result.folder / "journal.jsonl").read_text().splitlines()]


def test_green_on_the_embedded_fleet(tmp_path):
    """Without any flag and without a past the gate passes: nine checks, six rows, three proofs, nothing outstanding."""
    copy_gate(tmp_path, "microcharge")

    result = run_gate(tmp_path, "suites/microcharge", measured=True)

    assert result.exit_code == 0, result.output
    assert [row["id"] for row in result.evidence["rows"] if not row["number"].startswith("P")] == SIX
    assert set(result.statuses.values()) == {"PASS"}
    assert "Adds up: USD 0.50 charged − USD 0.50 refunded = USD 0.00 outstanding." in result.output
    assert "PASS, 24 left, pause level 3" in result.output
    assert believe(read_folder(result.folder)).verdict == "PASS"


def test_a_target_that_tells_no_time_stops_nothing_after_the_checkout(tmp_path):
    """Without a `Date` header every row passes, the money is back, and only the proof that has no time is missing."""
    copy_gate(tmp_path, "microcharge")
    (tmp_path / "conftest.py").write_text(TIMELESS)

    result = run_gate(tmp_path, "suites/microcharge", "-q")

    assert set(result.statuses.values()) == {"PASS"}, result.output
    assert "USD 0.50 charged − USD 0.50 refunded = USD 0.00 outstanding." in result.output
    assert (result.evidence["verdict"], result.exit_code) == ("CONDITIONAL", 21)
    assert "its time cannot be read" in result.output
    assert [event["code"] for event in events(result) if event["kind"] == "anomaly"] == ["no_date_header"]


def test_the_evidence_file_has_exactly_the_keys_asked_for(tmp_path):
    """`microcharge.json` has the domain's keys, each of its type, and says what the journal says."""
    copy_gate(tmp_path, "microcharge")

    result = run_gate(tmp_path, "suites/microcharge", "-q")

    document = json.loads((result.folder / "microcharge.json").read_text())
    assert shape(document) == KEYS
    trace_id = result.evidence["trace_id"]
    assert trace_id.startswith("HITL-MICROCHARGE-")
    assert document["proof_1_http"]["x_trace_id"] == trace_id
    assert (document["amount_cents"], document["verdict"]) == (50, "PASS")
    assert 0 <= document["refund_latency_seconds"] <= 60


def test_the_guards_are_read_again_right_before_money_moves(tmp_path):
    """Between the last look at each guard and the purchase there is nothing but the unit of capacity and the intent."""
    copy_gate(tmp_path, "microcharge")

    result = run_gate(tmp_path, "suites/microcharge", "-q")

    kinds = [(event["kind"], event.get("guard", "")) for event in events(result)]
    intent = kinds.index(("charge_intended", ""))
    before = [kind for kind in kinds[:intent] if kind[0] in {"guard_read", "capacity_taken"}][-5:]
    assert before == [
        ("guard_read", "capacity"),
        ("guard_read", "a3_up"),
        ("guard_read", "a6_up"),
        ("guard_read", "a8_up"),
        ("capacity_taken", ""),
    ]


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "workers"])
def test_both_gates_pass_in_one_session(tmp_path, more):
    """`pytest suites` runs both gates, each whole, each with a run of its own, also on two workers."""
    shutil.copytree(ROOT / "suites", tmp_path / "suites", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pytest.ini").write_text(INI)

    result = run_gate(tmp_path, "suites", "-q", *more)

    assert result.exit_code == 0, result.output
    assert "SANDBOX · gate e2e: PASS" in result.output
    assert "SANDBOX · gate microcharge: PASS" in result.output
    assert {path.parent.parent.name for path in (tmp_path / "reports").glob("*/*/attestation.json")} == {
        "e2e",
        "microcharge",
    }


def test_a_red_e2e_run_keeps_the_charge_from_happening(tmp_path):
    """A previous e2e run that failed is a precondition that does not hold: nothing is bought."""
    copy_gate(tmp_path)
    copy_gate(tmp_path, "microcharge")
    assert run_gate(tmp_path, "suites/e2e", "-q", "--paygate-fault=login_refused").exit_code == 1

    result = run_gate(tmp_path, "suites/microcharge", "-q")

    assert result.exit_code == 1
    assert result.red_rows() == ["previous_e2e"], result.output
    assert not any(event["kind"] == "charge_intended" for event in events(result))
    # Nothing else asks: without this check the gate would pass.
    (tmp_path / "conftest.py").write_text(WITHOUT)
    assert run_gate(tmp_path, "suites/microcharge", "-q").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "row"),
    [
        ("capacity_min = 5", "capacity_min = 26", "capacity"),
        ("a1_p95_ms = 120", "a1_p95_ms = 1", "a1_window"),
        ("window_hours = 24", "window_hours = 48", "core_window"),
    ],
)
def test_each_precondition_stops_before_any_money_moves(tmp_path, old, new, row):
    """With one precondition out of reach its row is red, the rest is held back, and no purchase was ever intended."""
    target = copy_gate(tmp_path, "microcharge")
    source = (target / "gate.toml").read_text()
    assert old in source
    (target / "gate.toml").write_text(source.replace(old, new))

    result = run_gate(tmp_path, "suites/microcharge", "-q")

    assert result.exit_code in {1, 22}, result.output
    assert result.red_rows() == [row], result.output
    assert not any(event["kind"] == "charge_intended" for event in events(result))
