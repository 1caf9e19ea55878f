"""A bundle that is not to be believed: the first thing that is wrong is told, word for word."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_paygate.core import bundle as rules
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.envelope import Envelope, encode_envelope, read_envelope
from pytest_paygate.core.events import Mode
from pytest_paygate.core.run import RunState
from pytest_paygate.core.strict import canonical
from tests.unit.core.bundles import (
    ANN,
    FILES,
    FIRST,
    SEALED,
    SECOND,
    SHORT,
    carried_on,
    countersigned,
    resaid,
    said,
    sealed,
)

ATTESTATION = read_envelope(SEALED["attestation.json"])
MANIFEST = SEALED["manifest.json"]
CARRIED = sealed(carried_on(SEALED, SHORT), 1)


def without(files, *names: str):
    """The files but some."""
    return {name: content for name, content in files.items() if name not in names}


def test_a_bundle_has_its_seal():
    """Manifest and attestation of the last seal are there, and the journal."""
    assert said(believe, FILES) == "manifest.json is missing"
    assert said(believe, without(SEALED, "attestation.json")) == "attestation.json is missing"
    assert said(believe, without(CARRIED, "manifest-1.json")) == "manifest-1.json is missing"
    assert said(believe, sealed_as_they_are(without(FILES, "journal.jsonl"))) == "journal.jsonl is missing"


def sealed_as_they_are(files, change=None):
    """Files under a manifest of their own and the statement of the short run, made to fit it."""
    listed = rules.manifest(files, "")
    statement = rules.statement(
        SHORT.state, listed, manifest_name="manifest.json", journal_head=SHORT.head, previous=""
    )
    envelope = encode_envelope(Envelope(rules.PAYLOAD_TYPES[Mode.LIVE], statement))
    made = {**files, "manifest.json": listed, "attestation.json": envelope}
    return resaid(made, change) if change else made


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({**SEALED, "more.txt": b""}, "more.txt is there and not listed"),
        ({**SEALED, "more/report.md": b""}, "more/report.md is there and not listed"),
        (without(SEALED, "report.md"), "report.md is listed and missing"),
        (without(SEALED, "gate.toml", "report.md"), "gate.toml is listed and missing"),
        ({**SEALED, "report.md": b"# gone\n"}, "report.md is not as it was sealed"),
        ({**SEALED, "report.md": b""}, "report.md is not as it was sealed"),
        ({**without(SEALED, "report.md"), "a.txt": b""}, "a.txt is there and not listed"),
        ({**SEALED, "manifest.json": MANIFEST + b"\n"}, "the manifest is spelled in another way than it is written"),
        ({**SEALED, "manifest.json": b""}, "the manifest is not JSON"),
        ({**SEALED, "manifest.json": b"{}"}, "an object has other keys than files, previous_seal, version"),
    ],
)
def test_the_files_are_those_of_the_manifest(files, why):
    """One file more, less or different: the first by name is told."""
    assert said(believe, files) == why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"files": {}}, "gate.toml is there and not listed"),
        ({"files": ["gate.toml"]}, "gate.toml is there and not listed"),
        ({"files": 1}, "gate.toml is there and not listed"),
        ({"files": [{}]}, "None is listed and missing"),
        ({"previous_seal": 1}, "the manifest is spelled in another way than it is written"),
        ({"previous_seal": "6" * 64}, "the statement is about another manifest"),
        ({"version": 2}, "the manifest is spelled in another way than it is written"),
    ],
)
def test_a_manifest_is_what_it_lists(change, why):
    """A list of something else, a seal before that is no text, another version: not believed."""
    manifest = canonical({**json.loads(MANIFEST), **change})
    assert said(believe, {**SEALED, "manifest.json": manifest}) == why


def test_a_size_or_a_hash_that_is_not_the_files_is_told():
    """Both are compared."""
    for key, value in (("size", 0), ("sha256", "0" * 64)):
        document = json.loads(MANIFEST)
        next(one for one in document["files"] if one["name"] == "report.md")[key] = value
        files = {**SEALED, "manifest.json": canonical(document)}
        assert said(believe, files) == "report.md is not as it was sealed"


def own(key: str, value: object):
    """A change of our own part of the statement."""
    return lambda document: document["predicate"]["paygate"].update({key: value})


TYPE = "the payload type is not that of the session's mode"
OTHER_KEYS = "an object has other keys than _type, predicate, predicateType, subject"


ANOTHER_TYPE = "the statement is of another type"
ANOTHER_MANIFEST = "the statement is about another manifest"
ANOTHER_STORY = "the statement does not follow from the journal"
STATEMENTS = {
    "another statement type": (lambda told: told.update(_type="https://in-toto.io/Statement/v0.1"), ANOTHER_TYPE),
    "another predicate type": (lambda told: told.update(predicateType="x"), ANOTHER_TYPE),
    "a key more": (lambda told: told.update(extra=1), OTHER_KEYS),
    "a key less": (lambda told: told.pop("subject"), OTHER_KEYS),
    "a predicate that is a list": (lambda told: told.update(predicate=[]), TYPE),
    "an empty predicate": (lambda told: told.update(predicate={}), TYPE),
    "our own part as a list": (lambda told: told["predicate"].update(paygate=[]), TYPE),
    "another mode": (own("mode", "staging"), TYPE),
    "no mode": (own("mode", None), TYPE),
    "no such mode": (own("mode", "LIVE"), TYPE),
    "no subject": (lambda told: told.update(subject=[]), ANOTHER_MANIFEST),
    "another name": (lambda told: told["subject"][0].update(name="m"), ANOTHER_MANIFEST),
    "no digest": (lambda told: told["subject"][0].update(digest={}), ANOTHER_MANIFEST),
    "another verdict": (own("verdict", "PASS"), ANOTHER_STORY),
    "another journal": (own("journal_sha256", "0" * 64), ANOTHER_STORY),
    "another seal before": (own("previous_seal", ""), ANOTHER_STORY),
}


@pytest.mark.parametrize("what", STATEMENTS)
def test_a_statement_is_compared_and_never_believed(what):
    """Its form, its type, its subject and what it says of the run."""
    change, why = STATEMENTS[what]
    assert said(believe, resaid(SEALED, change)) == why


def test_a_statement_has_the_type_of_its_mode_and_one_spelling():
    """Called a rehearsal, or spelled with a space, it is refused."""
    for kind in (*(rules.PAYLOAD_TYPES[mode] for mode in Mode if mode is not Mode.LIVE), "application/json"):
        assert said(believe, resaid(SEALED, kind=kind)) == TYPE
    for payload, why in (
        (ATTESTATION.payload + b"\n", "the statement is spelled in another way than it is written"),
        (b"{", "the statement is not JSON"),
    ):
        spelled = encode_envelope(replace(ATTESTATION, payload=payload))
        assert said(believe, {**SEALED, "attestation.json": spelled}) == why


MISSING = "a countersignature is missing from the row of numbers"


def test_countersignatures_are_numbered_without_a_gap():
    """From 1; each is read strictly and in its order; one over another attestation is stale."""
    both = countersigned(countersigned(SEALED, SECOND, ANN), FIRST)
    assert [one.keyid for one in rules.countersignatures(both, 0)] == ["bob", "ann"]
    assert [one.keyid for one in believe(both).countersigned] == ["bob", "ann"]
    assert rules.countersignatures(SEALED, 0) == ()
    assert said(rules.countersignatures, {**SEALED, "manifest.json": b""}, 0) == "the manifest is not JSON"
    assert said(believe, countersigned(SEALED, SECOND)) == MISSING
    assert said(believe, countersigned(SEALED, "countersignature-3.json")) == MISSING
    stale = {**SEALED, FIRST: countersigned(SEALED, FIRST)[FIRST].replace(b'"attestation":"', b'"attestation":"x')}
    assert said(believe, stale) == f"{FIRST} is stale: it countersigns another attestation"
    assert said(believe, {**SEALED, FIRST: b"{}"}) == "an object has other keys than attestation, keyid, sig"


def test_ten_countersignatures_stand_in_the_order_of_their_numbers():
    """Ten comes after nine, not after one."""
    files = SEALED
    for number in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1):
        files = countersigned(files, f"countersignature-{number}.json", replace(ANN, keyid=str(number)))
    assert [one.keyid for one in believe(files).countersigned] == [str(number) for number in range(1, 11)]
    assert rules.next_countersignature(files) == "countersignature-11.json"


def test_a_countersignature_of_an_earlier_seal_is_a_file_like_any_other():
    """Changed, it is not as it was sealed; it does not count for the later seal."""
    whole = sealed(carried_on(countersigned(SEALED, FIRST), SHORT), 1)
    assert believe(whole).countersigned == ()
    assert said(believe, {**whole, FIRST: b"{}"}) == f"{FIRST} is not as it was sealed"
    assert said(rules.countersignatures, countersigned(whole, "countersignature-3.json"), 1) == MISSING
    for document in ({}, [{}], ["x"], [{"name": 1}]):
        listed = {"files": document, "previous_seal": "", "version": 1}
        files = {**countersigned(SEALED, FIRST), "manifest.json": canonical(listed)}
        assert len(rules.countersignatures(files, 0)) == 1


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {**FILES, "journal.jsonl": FILES["journal.jsonl"][1:]},
            "journal.jsonl: line 0 cannot be trusted, so nothing after it is read",
        ),
        ({**FILES, "journal.jsonl": b""}, "gate.toml is missing"),
        (without(FILES, "gate.toml"), "gate.toml is missing"),
        ({**FILES, "gate.toml": b""}, "gate.toml is not the one the run is bound to"),
    ],
)
def test_journal_and_gate_of_a_bundle_are_read_strictly(files, why):
    """A damaged journal, a missing gate and another gate, however well they were sealed."""
    assert said(believe, sealed_as_they_are(files)) == why


def test_a_second_journal_follows_on_from_the_first():
    """Each file of the journal is named when it is the one that is damaged."""
    files = {**FILES, "journal-1.jsonl": FILES["journal.jsonl"]}
    assert said(rules.journal_of, files) == (
        f"journal-1.jsonl: line {len(SHORT.lines)} cannot be trusted, so nothing after it is read"
    )
    assert said(rules.journal_of, {"journal-1.jsonl": b""}) == "journal.jsonl is missing"
    assert rules.journal_of(FILES).head == SHORT.head


def test_the_gate_is_the_one_in_the_journal_and_can_be_read():
    """Its hash, its content, and that it is a gate at all."""
    started = SHORT.state.started
    assert started is not None
    rules.check_gate(FILES, SHORT.state)
    assert said(rules.check_gate, FILES, RunState()) == "gate.toml is missing"
    other = started.model_copy(update={"gate_sha256": rules.sha256(b"gate = 1")})
    files = {**FILES, "gate.toml": b"gate = 1"}
    assert said(rules.check_gate, files, replace(SHORT.state, started=other)).startswith("gate.toml: gate: ")
    changed = SHORT.gate.model_copy(update={"title": "other"})
    assert said(rules.check_gate, FILES, replace(SHORT.state, gate=changed)) == (
        "the gate in the journal is not the one in its file"
    )


def chained(files, place: int, change):
    """The files with a changed line in the journal, and everything after it chained anew."""
    lines = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    lines[place] = {**lines[place], **change}
    head, written = "0" * 64, b""
    for number, line in enumerate(lines):
        content = canonical({**line, "seq": number, "prev": head})
        head, written = rules.sha256(content), written + content + b"\n"
    return {**files, "journal.jsonl": written}


def test_the_gate_is_checked_before_anything_is_folded_by_it():
    """What is wrong with the gate is told, whatever is wrong with the story as well."""
    first = json.loads(FILES["journal.jsonl"].splitlines()[0])
    impossible = chained(FILES, 1, {"event": first["event"]})
    assert said(believe, sealed_as_they_are(impossible)) == "a run starts once"
    for changed in (impossible, FILES):
        other = {**changed, "gate.toml": changed["gate.toml"] + b"#"}
        assert said(believe, sealed_as_they_are(other)) == "gate.toml is not the one the run is bound to"
    bare = sealed_as_they_are(without(FILES, "gate.toml"))
    assert said(rules.check, bare, SHORT.state, SHORT.head, 0) == "gate.toml is missing"


def test_an_impossible_story_is_told():
    """A journal whose hashes all fit and whose story does not: the rule it breaks is told."""
    lines = FILES["journal.jsonl"].splitlines(keepends=True)
    last = json.loads(lines[-1])
    again = {**last, "seq": len(lines), "prev": rules.sha256(lines[-1][:-1])}
    files = {**FILES, "journal.jsonl": FILES["journal.jsonl"] + canonical(again) + b"\n"}
    assert said(believe, sealed_as_they_are(files)) == "nothing but a rescue follows run_finished"
