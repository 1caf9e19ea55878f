"""A run's bundle: its manifest, its statement, and what makes somebody who was not there believe them.

Rules (each held by a test):
- the manifest lists every file with size and SHA-256; one file more, less or different, and nothing is believed;
- the statement lists every row of the gate with its status, because the standard it follows has no word for skipped;
- live, rehearsal, staging and sandbox sessions have payload types of their own: one can never be taken for another;
- the verdict is computed again from the journal; what the statement says of it is compared, never believed;
- reading is strict: exact keys, strict base64, no second spelling of the same thing.
Pure: bytes in, findings out. Signatures are made and checked by an adapter over `pae`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.run import RunState

GATE = "gate.toml"
SIGNATURE_NAMESPACE = "paygate-seal-v1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPES = {mode: f"application/vnd.pytest-paygate.{mode.value}-session.v1+json" for mode in Mode}
_RESULTS = {Verdict.PASS: "PASSED", Verdict.PENDING: "WARNED", Verdict.CONDITIONAL: "WARNED"}


class BundleError(ValueError):
    """A bundle that is not to be believed. The message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over the envelope. `keyid` is only a hint of whom to ask; it proves nothing."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope, read strictly."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = field(default=())

    @property
    def pae(self) -> bytes:
        """What is signed: type and payload with their lengths, so that neither can run into the other."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


def canonical(document: object) -> bytes:
    """The one spelling of a document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(content: bytes) -> str:
    """Hash of a file, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def manifest(files: Mapping[str, bytes], previous: str) -> bytes:
    """The manifest of some files by name, with the seal before it in the same environment."""
    listed = [{"name": name, "sha256": sha256(files[name]), "size": len(files[name])} for name in sorted(files)]
    return canonical({"files": listed, "previous_seal": previous, "version": 1})


def statement(
    state: RunState, manifest_content: bytes, *, manifest_name: str, journal_head: str, previous: str
) -> bytes:
    """What is said of a run: an in-toto Statement with a test-result predicate and, in it, the whole of our own.

    Args:
        state: the run, folded from its whole journal.
        manifest_content: the manifest it is about.
        manifest_name: the manifest's file name.
        journal_head: hash of the journal's last line.
        previous: hash of the seal before it in the same environment; empty for the first.

    Raises:
        BundleError: for a run that never started.
    """
    if state.started is None or state.gate is None:
        raise BundleError("a run that never started is not sealed")
    started, gate, judgement = state.started, state.gate, judge(state)
    rows = [(row.id, state.rows[row.id].status) for row in gate.all_rows()]
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "predicateType": PREDICATE_TYPE,
            "subject": [{"digest": {"sha256": sha256(manifest_content)}, "name": manifest_name}],
            "predicate": {
                "result": _RESULTS.get(judgement.verdict, "FAILED"),
                "configuration": [{"digest": {"sha256": started.gate_sha256}, "name": f"{gate.id}/gate.toml"}],
                "passedTests": [name for name, status in rows if status is RowStatus.PASS],
                "warnedTests": [name for name, status in rows if status in {RowStatus.PENDING, RowStatus.WAIVED}],
                "failedTests": [name for name, status in rows if status is RowStatus.FAIL],
                "paygate": {
                    "version": 1,
                    "run_id": started.run_id,
                    "gate": gate.id,
                    "mode": started.mode.value,
                    "environment": started.environment,
                    "target": started.target,
                    "account": "" if state.exposure.planned is None else state.exposure.planned.account,
                    "commit": started.commit,
                    "gate_sha256": started.gate_sha256,
                    "suite_sha256": started.suite_sha256,
                    "started_at": state.started_at,
                    "ended_at": state.ended_at,
                    "verdict": judgement.verdict.value,
                    "decision": judgement.decision.value,
                    "rows": [{"id": name, "status": status.value} for name, status in rows],
                    "criteria": [
                        {"id": result.criterion.id, "status": result.status.value} for result in judgement.criteria
                    ],
                    "journal_sha256": journal_head,
                    "previous_seal": previous,
                },
            },
        }
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope's file."""
    return canonical(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": envelope.payload_type,
            "signatures": [
                {"keyid": one.keyid, "sig": base64.b64encode(one.sig).decode()} for one in envelope.signatures
            ],
        }
    )


def read_envelope(content: bytes) -> Envelope:
    """Read an envelope, strictly.

    Raises:
        BundleError: for anything that `encode_envelope` would not have written byte for byte.
    """
    document = _object(content, "attestation", {"payload", "payloadType", "signatures"})
    signatures = document["signatures"]
    if not isinstance(signatures, list):
        raise BundleError("signatures is not a list")
    envelope = Envelope(
        _text(document, "payloadType"),
        _bytes(_text(document, "payload")),
        tuple(
            Signature(_text(_exactly(one, {"keyid", "sig"}), "keyid"), _bytes(_text(one, "sig"))) for one in signatures
        ),
    )
    if encode_envelope(envelope) != content:
        raise BundleError("the attestation is spelled in another way than it is written")
    return envelope


def read_statement(envelope: Envelope) -> dict[str, Any]:
    """The statement in an envelope, strictly, with the payload type of its mode.

    Raises:
        BundleError: for anything else.
    """
    document = _object(envelope.payload, "statement", {"_type", "predicateType", "subject", "predicate"})
    if canonical(document) != envelope.payload:
        raise BundleError("the statement is spelled in another way than it is written")
    if (document["_type"], document["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise BundleError("the statement is of another type")
    predicate = document["predicate"]
    told = predicate.get("paygate") if isinstance(predicate, dict) else None
    mode = told.get("mode") if isinstance(told, dict) else None
    if mode not in {one.value for one in Mode} or envelope.payload_type != PAYLOAD_TYPES[Mode(mode)]:
        raise BundleError("the payload type is not that of the session's mode")
    return document


def check_manifest(files: Mapping[str, bytes], number: int) -> tuple[Envelope, str]:
    """Check that a folder holds exactly the files its manifest lists, and that the statement is about that manifest.

    Args:
        files: every file of the run's folder, by name.
        number: which seal is looked at: 0, or how often the run was carried on.

    Returns:
        The envelope, and the hash of the seal before it.

    Raises:
        BundleError: naming the first thing that is wrong.
    """
    names = _names(number)
    for name in names:
        if name not in files:
            raise BundleError(f"{name} is missing")
    envelope = read_envelope(files[names[1]])
    said = read_statement(envelope)
    content = files[names[0]]
    previous = _object(content, "manifest", {"files", "previous_seal", "version"})["previous_seal"]
    listed = {name: one for name, one in files.items() if name not in names}
    if not isinstance(previous, str) or manifest(listed, previous) != content:
        raise BundleError(_difference(content, listed))
    if said["subject"] != [{"digest": {"sha256": sha256(content)}, "name": names[0]}]:
        raise BundleError("the statement is about another manifest")
    return envelope, previous


def check(files: Mapping[str, bytes], state: RunState, journal_head: str, number: int) -> tuple[Envelope, Verdict]:
    """Believe a bundle, or say why not. Signatures are not looked at here.

    Args:
        files: every file of the run's folder, by name.
        state: the run, folded from the journal files among them.
        journal_head: hash of the journal's last line.
        number: which seal is looked at: 0, or how often the run was carried on.

    Raises:
        BundleError: naming the first thing that is wrong.
    """
    envelope, previous = check_manifest(files, number)
    _check_gate(files, state)
    manifest_name, _ = _names(number)
    meant = statement(
        state, files[manifest_name], manifest_name=manifest_name, journal_head=journal_head, previous=previous
    )
    if meant != envelope.payload:
        raise BundleError("the statement does not follow from the journal")
    return envelope, judge(state).verdict


def _names(number: int) -> tuple[str, str]:
    """The file names of one seal: its manifest and its attestation."""
    again = f"-{number}" if number else ""
    return f"manifest{again}.json", f"attestation{again}.json"


def _check_gate(files: Mapping[str, bytes], state: RunState) -> None:
    """The gate in the journal is the gate in the file beside it, and that is the one whose hash the run is bound to."""
    if state.started is None or GATE not in files:
        raise BundleError(f"{GATE} is missing")
    if sha256(files[GATE]) != state.started.gate_sha256:
        raise BundleError(f"{GATE} is not the one the run is bound to")
    try:
        gate = read_gate(files[GATE], GATE)
    except ConfigurationError as error:
        raise BundleError(error.refusal.refused) from None
    if gate != state.gate:
        raise BundleError("the gate in the journal is not the one in its file")


def _difference(content: bytes, files: Mapping[str, bytes]) -> str:
    """Which file it is that does not fit its manifest."""
    document = _object(content, "manifest", {"files", "previous_seal", "version"})
    listed = document["files"] if isinstance(document["files"], list) else []
    known = {str(one.get("name")): one for one in listed if isinstance(one, dict)}
    for name in sorted({*known, *files}):
        if name not in files:
            return f"{name} is listed and missing"
        if name not in known:
            return f"{name} is there and not listed"
        if (known[name].get("sha256"), known[name].get("size")) != (sha256(files[name]), len(files[name])):
            return f"{name} is not as it was sealed"
    return "the manifest is spelled in another way than it is written"


def _object(content: bytes, what: str, keys: set[str]) -> dict[str, Any]:
    try:
        document = strict_json(content)
    except (ValueError, RecursionError):
        raise BundleError(f"the {what} is not JSON") from None
    return _exactly(document, keys)


def _exactly(document: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(document, dict) or set(document) != keys:
        raise BundleError(f"an object has other keys than {', '.join(sorted(keys))}")
    return document


def _text(document: Mapping[str, object], key: str) -> str:
    value = document[key]
    if not isinstance(value, str):
        raise BundleError(f"{key} is not a text")
    return value


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise BundleError("base64 that is not") from None


def rows_of(said: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Id and status of every row, as a statement that was checked says them."""
    return [(row["id"], row["status"]) for row in said["predicate"]["paygate"]["rows"]]
