"""A run's bundle: every byte of manifest and statement, and every sentence in which a bundle is not believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_paygate.core import bundle as rules
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.bundle import Believed, believe
from pytest_paygate.core.events import Mode, RowFinished, RowStarted, RowStatus, RunFinished
from pytest_paygate.core.gate import sha256
from pytest_paygate.core.run import RunState
from pytest_paygate.core.verdict import Verdict
from tests.golden.scenes import RUN_ID, SOURCE, Scene, armed, begun, escalated, go, no_go, pending, preflight
from tests.unit.core.bundles import (
    ANN,
    BOB,
    FIRST,
    PREVIOUS,
    SEALED,
    SECOND,
    SHORT,
    carried_on,
    countersigned,
    said,
    sealed,
)


def test_the_names_of_a_bundles_files():
    """Each time a run is carried on there is one more of each, by number."""
    assert rules.GATE == "gate.toml"
    assert [rules.journal_name(number) for number in range(3)] == [
        "journal.jsonl",
        "journal-1.jsonl",
        "journal-2.jsonl",
    ]
    assert [rules.seal_names(number) for number in range(3)] == [
        ("manifest.json", "attestation.json"),
        ("manifest-1.json", "attestation-1.json"),
        ("manifest-2.json", "attestation-2.json"),
    ]
    assert [rules.quarantine_name(number) for number in range(3)] == [
        "quarantine.json",
        "quarantine-1.json",
        "quarantine-2.json",
    ]
    assert rules.next_countersignature({}) == FIRST
    assert rules.next_countersignature({"report.md": b"", SECOND: b"", FIRST: b""}) == "countersignature-3.json"


@pytest.mark.parametrize(
    ("name", "shut"),
    [
        ("quarantine.json", True),
        ("quarantine-12.json", True),
        ("quarantine-.json", False),
        ("quarantine-a.json", False),
        ("quarantineXjson", False),
        ("quarantine.json.bak", False),
        ("a-quarantine.json", False),
        ("QUARANTINE.json", False),
    ],
)
def test_a_folder_is_shut_by_the_name_of_a_file(name, shut):
    """Whichever of its seals the secret was found under; a name that only looks alike shuts nothing."""
    assert rules.is_quarantined(["report.md", name]) is shut
    if shut:
        assert said(believe, {**SEALED, name: b""}) == "quarantined: a secret was found in its files"


def test_sessions_of_each_mode_have_a_type_of_their_own():
    """A rehearsal can never be taken for a live session."""
    assert {mode.value: kind for mode, kind in rules.PAYLOAD_TYPES.items()} == {
        "sandbox": "application/vnd.pytest-paygate.sandbox-session.v1+json",
        "staging": "application/vnd.pytest-paygate.staging-session.v1+json",
        "rehearsal": "application/vnd.pytest-paygate.rehearsal-session.v1+json",
        "live": "application/vnd.pytest-paygate.live-session.v1+json",
    }


def test_a_manifest_lists_every_file_with_size_and_hash():
    """In the order of their names, with the seal before it."""
    assert rules.manifest({"b": b"", "a": b"abc"}, "7") == (
        b'{"files":[{"name":"a","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3},'
        b'{"name":"b","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}],'
        b'"previous_seal":"7","version":1}'
    )


def mixed() -> Scene:
    """A run with a row of nearly every status."""
    scene = armed(preflight(begun(Mode.LIVE)))
    statuses = (RowStatus.PENDING, RowStatus.SKIPPED, RowStatus.BLOCKED)
    for row, status in zip(scene.gate.rows, statuses, strict=False):
        scene.tell(RowFinished(row=row.id, status=status, reason="so"))
    return scene.tell(RunFinished(complete=False, reason="cut off"))


def test_a_statement_says_everything_of_a_run():
    """Result, gate, every row with its status, every criterion, and our own part with what the run is bound to."""
    scene = mixed()
    rows = [(row.row_id, row.status.value) for row in scene.state.rows.values()]
    said_of = json.loads(rules.statement(scene.state, b"abc", manifest_name="m.json", journal_head="0f", previous="1f"))
    own = said_of["predicate"].pop("paygate")
    assert said_of == {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "subject": [
            {
                "digest": {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                "name": "m.json",
            }
        ],
        "predicate": {
            "result": "FAILED",
            "configuration": [{"digest": {"sha256": sha256(SOURCE)}, "name": "e2e/gate.toml"}],
            "passedTests": ["health", "environment", "processor", "catalogue", "operator_email"],
            "warnedTests": ["login"],
            "failedTests": [],
        },
    }
    criteria = own.pop("criteria")
    assert [one["id"] for one in criteria] == [criterion.id for criterion in scene.gate.criteria]
    assert all(set(one) == {"id", "status"} and one["status"].isupper() for one in criteria)
    assert own == {
        "version": 1,
        "run_id": RUN_ID,
        "gate": "e2e",
        "mode": "live",
        "environment": "prod",
        "target": "shop.example.test",
        "account": "acct_1ExampleAccount",
        "commit": "0fb1e5a3c2d4478f9a6b0c1d2e3f405162738495",
        "gate_sha256": sha256(SOURCE),
        "suite_sha256": "2613fbc43dde01e180" + "0" * 46,
        "started_at": "2026-11-20T09:14:02.250Z",
        "ended_at": scene.state.ended_at,
        "verdict": "INCOMPLETE",
        "decision": "NO-GO",
        "rows": [{"id": name, "status": status} for name, status in rows],
        "journal_sha256": "0f",
        "previous_seal": "1f",
    }
    assert [status for _, status in rows[5:9]] == ["PENDING", "SKIPPED", "BLOCKED", "NOT_RUN"]


def test_a_red_row_is_a_failed_test_and_an_unplanned_run_has_no_account():
    """What nobody planned names no account."""
    scene = begun(Mode.SANDBOX).tell(RowStarted(row="health"))
    scene.tell(RowFinished(row="health", status=RowStatus.FAIL, reason="down"))
    document = json.loads(rules.statement(scene.state, b"", manifest_name="m", journal_head="", previous=""))
    assert document["predicate"]["failedTests"] == ["health"]
    assert document["predicate"]["passedTests"] == document["predicate"]["warnedTests"] == []
    assert document["predicate"]["paygate"]["account"] == ""


def result_of(state: RunState) -> tuple[Verdict, str]:
    """The verdict on a run, and the standard's word for it."""
    document = json.loads(rules.statement(state, b"", manifest_name="m", journal_head="", previous=""))
    predicate = document["predicate"]
    assert predicate["paygate"]["verdict"] == rules.judge(state).verdict.value
    assert predicate["paygate"]["decision"] == rules.judge(state).decision.value
    return rules.judge(state).verdict, predicate["result"]


def test_the_standards_word_for_each_verdict():
    """Only a PASS is PASSED; what waits or has an exception is WARNED; everything else is FAILED."""
    whole = go().state
    rescued = replace(whole, rescues=(ex.RescueStarted(by=ex.Rescuer.RECOVER, at_line=1, torn_bytes=0),))
    assert result_of(whole) == (Verdict.PASS, "PASSED")
    assert result_of(pending().state) == (Verdict.PENDING, "WARNED")
    assert result_of(rescued) == (Verdict.CONDITIONAL, "WARNED")
    assert result_of(SHORT.state) == (Verdict.INCOMPLETE, "FAILED")
    assert result_of(no_go().state) == (Verdict.FAIL, "FAILED")
    assert result_of(escalated().state) == (Verdict.ESCALATED, "FAILED")


@pytest.mark.parametrize("state", [RunState(), RunState(started=SHORT.state.started), RunState(gate=SHORT.gate)])
def test_a_run_that_never_started_is_not_sealed(state):
    """There is nothing to say of it."""
    why = "a run that never started is not sealed"
    assert said(rules.statement, state, b"", manifest_name="m", journal_head="", previous="") == why


def test_a_sound_bundle_is_believed():
    """Everything that is told of it comes from its own files."""
    bundle = believe(countersigned(SEALED, FIRST))
    assert bundle == Believed(
        SHORT.state,
        rules.read_envelope(SEALED["attestation.json"]),
        (BOB,),
        rules.judge(SHORT.state).verdict,
        json.loads(rules.read_envelope(SEALED["attestation.json"]).payload)["predicate"]["paygate"],
        sha256(SEALED["attestation.json"]),
        PREVIOUS,
        0,
    )
    assert bundle.signatures == (ANN, BOB)


def test_a_run_that_was_carried_on_is_believed_by_its_last_seal():
    """The seal before it, and its countersignatures, are files of the run like any other."""
    before = sha256(SEALED["attestation.json"])
    whole = sealed(carried_on(countersigned(SEALED, FIRST), SHORT), 1, before)
    bundle = believe(countersigned(whole, SECOND, ANN, 1))
    assert (bundle.number, bundle.countersigned, bundle.previous) == (1, (ANN,), before)
    assert bundle.seal == sha256(whole["attestation-1.json"])
    assert len(bundle.state.rescues) == 1
    assert len(rules.journal_of(whole).entries) == len(SHORT.lines) + 2
