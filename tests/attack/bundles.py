"""Sealed runs to attack, and every way to change one that must be found out."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.bundle import PAYLOAD_TYPES, believe
from pytest_paygate.core.events import Mode
from pytest_paygate.core.strict import BundleError, canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Files = dict[str, bytes]


def structural(files: Files) -> Iterator[tuple[str, Files]]:
    """Changed copies of a sealed run, each with a name. None of them may be believed."""
    for name in sorted(files):
        yield f"{name} removed", {other: content for other, content in files.items() if other != name}
        yield f"{name} emptied", {**files, name: b""}
        yield f"{name} with a byte more", {**files, name: files[name] + b"\n"}
        yield f"{name} cut short", {**files, name: files[name][:-1]}
        yield f"{name} under another name", _renamed(files, name, f"{name}.bak")
    yield "a file more", {**files, "extra.txt": b"hello"}
    yield "two files swapped", {**files, "report.md": files["session.log"], "session.log": files["report.md"]}
    yield "a second attestation", {**files, "attestation-1.json": files["attestation.json"]}
    yield "a folder in the bundle", {**files, "more/journal.jsonl": files["journal.jsonl"]}
    lines = files["journal.jsonl"].splitlines(keepends=True)
    yield "the journal without its last line", {**files, "journal.jsonl": b"".join(lines[:-1])}
    yield "the journal without a line in the middle", {**files, "journal.jsonl": b"".join(lines[:20] + lines[21:])}
    yield "two lines swapped", {**files, "journal.jsonl": b"".join([*lines[:20], lines[21], lines[20], *lines[22:]])}
    yield "a red row turned green", {**files, "journal.jsonl": files["journal.jsonl"].replace(b"FAIL", b"PASS")}
    for what, change in _STATEMENTS.items():
        yield f"the statement: {what}", _restated(files, change)
    for what, spell in _SPELLINGS.items():
        yield f"the attestation: {what}", {**files, "attestation.json": spell(files["attestation.json"])}
    for what, spell in _MANIFESTS.items():
        yield f"the manifest: {what}", {**files, "manifest.json": spell(files["manifest.json"])}


def _renamed(files: Files, name: str, other: str) -> Files:
    changed = dict(files)
    changed[other] = changed.pop(name)
    return changed


def _restated(files: Files, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Files:
    """The bundle with another statement in a well-formed envelope."""
    envelope = json.loads(files["attestation.json"])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(envelope, statement)
    envelope["payload"] = base64.b64encode(canonical(statement)).decode()
    return {**files, "attestation.json": canonical(envelope)}


def _own(statement: dict[str, Any]) -> dict[str, Any]:
    return statement["predicate"]["paygate"]


def _set(key: str, value: object) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda _, statement: _own(statement).update({key: value})


def _retyped(mode: Mode) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda envelope, _: envelope.update(payloadType=PAYLOAD_TYPES[mode])


_STATEMENTS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "another verdict": _set("verdict", "CONDITIONAL"),
    "another decision": _set("decision", "NO-GO"),
    "another mode": _set("mode", "live"),
    "another environment": _set("environment", "prod"),
    "another account": _set("account", "acct_2"),
    "another commit": _set("commit", "0" * 40),
    "another run": _set("run_id", "20261121T000000000Z-00000000"),
    "another gate": _set("gate", "microcharge"),
    "another gate hash": _set("gate_sha256", "0" * 64),
    "another suite hash": _set("suite_sha256", "0" * 64),
    "another time": _set("started_at", "2026-01-01T00:00:00.000Z"),
    "another journal": _set("journal_sha256", "0" * 64),
    "another seal before": _set("previous_seal", "0" * 64),
    "a row less": lambda _, statement: _own(statement)["rows"].pop(),
    "a row more": lambda _, statement: _own(statement)["rows"].append({"id": "extra", "status": "PASS"}),
    "a row renamed": lambda _, statement: _own(statement)["rows"][0].update(id="other"),
    "a row skipped": lambda _, statement: _own(statement)["rows"][0].update(status="SKIPPED"),
    "rows in another order": lambda _, statement: _own(statement)["rows"].reverse(),
    "a criterion less": lambda _, statement: _own(statement)["criteria"].pop(),
    "a passed test less": lambda _, statement: statement["predicate"]["passedTests"].pop(),
    "a failed test more": lambda _, statement: statement["predicate"]["failedTests"].append("login"),
    "another result": lambda _, statement: statement["predicate"].update(result="WARNED"),
    "no configuration": lambda _, statement: statement["predicate"].update(configuration=[]),
    "another subject": lambda _, statement: statement["subject"][0]["digest"].update(sha256="0" * 64),
    "no subject": lambda _, statement: statement.update(subject=[]),
    "two subjects": lambda _, statement: statement["subject"].append(statement["subject"][0]),
    "another predicate type": lambda _, statement: statement.update(predicateType="https://example.test/other"),
    "another statement type": lambda _, statement: statement.update(_type="https://in-toto.io/Statement/v0.1"),
    "a key more": lambda _, statement: statement.update(extra=True),
    "a future version": _set("version", 2),
    "called live": _retyped(Mode.LIVE),
    "called a rehearsal": _retyped(Mode.REHEARSAL),
    "called staging": _retyped(Mode.STAGING),
    "another envelope type": lambda envelope, _: envelope.update(payloadType="application/json"),
    "a signature that is none": lambda envelope, _: envelope.update(signatures=[{"keyid": "", "sig": "AA"}]),
    "signatures that are no list": lambda envelope, _: envelope.update(signatures={}),
    "a key more in the envelope": lambda envelope, _: envelope.update(extra=1),
}
_SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "pretty": lambda content: json.dumps(json.loads(content), indent=1).encode(),
    "keys twice": lambda content: content.replace(b'{"payload"', b'{"payloadType":"x","payload"', 1),
    "a payload twice": lambda content: content[:-1] + b',"payload":"e30="}',
    "a list": lambda content: b"[" + content + b"]",
    "another encoding": lambda content: content.decode().encode("utf-16"),
    "a mark before it": lambda content: b"\xef\xbb\xbf" + content,
    "base64 with a line break": lambda content: content.replace(b'"payload":"', b'"payload":"\\n', 1),
    "base64 for the web": lambda content: content.replace(b"+", b"-").replace(b"/", b"_"),
    "nothing": lambda _: b"{}",
    "not JSON": lambda _: b"signed, honestly",
}
_MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "pretty": lambda content: json.dumps(json.loads(content), indent=1).encode(),
    "a file twice": lambda content: content.replace(b'{"files":[', b'{"files":[{"name":"report.md"},', 1),
    "keys twice": lambda content: content[:-1] + b',"version":1}',
    "another version": lambda content: content.replace(b'"version":1', b'"version":2'),
    "no file at all": lambda _: b'{"files":[],"previous_seal":"","version":1}',
    "not JSON": lambda _: b"",
}


def believed(files: Files) -> bool:
    """Whether changed files are believed."""
    try:
        believe(files)
    except BundleError:
        return False
    return True


def flipped(files: Files, count: int) -> tuple[list[tuple[str, int]], int]:
    """One bit turned, in so many places: those that were believed all the same, and how many were tried."""
    places = [(name, bit) for name in sorted(files) for bit in range(len(files[name]) * 8)]
    chosen = places if len(places) <= count else random.Random(4).sample(places, count)
    accepted = []
    for name, bit in chosen:
        changed = bytearray(files[name])
        changed[bit // 8] ^= 1 << bit % 8
        if believed({**files, name: bytes(changed)}):
            accepted.append((name, bit))
    return accepted, len(chosen)


def restructured(files: Files) -> tuple[list[str], int]:
    """Every structural attack: those that were believed all the same, and how many were tried."""
    attacks = [(name, changed) for name, changed in structural(files) if changed != files]
    return [name for name, changed in attacks if believed(changed)], len(attacks)
