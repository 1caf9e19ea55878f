"""A run's bundle: its manifest, its statement, and what makes somebody who was not there believe them.

Rules (each held by a test):
- the manifest lists every file with size and SHA-256; one file more, less or different, and nothing is believed;
- the statement lists every row of the gate with its status, because the standard it follows has no word for skipped;
- live, rehearsal, staging and sandbox sessions have payload types of their own: one can never be taken for another;
- the verdict is computed again from the journal; what the statement says of it is compared, never believed;
- countersignatures are the only files that come after the manifest; each is for this attestation, or all is refused;
- reading is strict: exact keys, strict base64, no second spelling of the same thing.
Pure: files in memory in, findings out. Whose signatures count is decided elsewhere.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_paygate.core import journal as journals
from pytest_paygate.core.envelope import (
    Envelope,
    Signature,
    countersignature_name,
    countersignature_number,
    read_countersignature,
    read_envelope,
)
from pytest_paygate.core.errors import ConfigurationError, JournalError
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.journal import Journal
from pytest_paygate.core.run import fold
from pytest_paygate.core.strict import BundleError, canonical, document_of, sha256
from pytest_paygate.core.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_paygate.core.run import RunState

GATE = "gate.toml"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPES = {mode: f"application/vnd.pytest-paygate.{mode.value}-session.v1+json" for mode in Mode}
_RESULTS = {Verdict.PASS: "PASSED", Verdict.PENDING: "WARNED", Verdict.CONDITIONAL: "WARNED"}


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
                "warnedTests": [name for name, status in rows if status is RowStatus.PENDING],
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


def read_statement(envelope: Envelope) -> dict[str, Any]:
    """The statement in an envelope, strictly, with the payload type of its mode.

    Raises:
        BundleError: for anything else.
    """
    document = document_of(envelope.payload, "statement", {"_type", "predicateType", "subject", "predicate"})
    if canonical(document) != envelope.payload:
        raise BundleError("the statement is spelled in another way than it is written")
    if (document["_type"], document["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise BundleError("the statement is of another type")
    predicate = document["predicate"]
    told = predicate.get("paygate") if isinstance(predicate, dict) else None
    mode = told.get("mode") if isinstance(told, dict) else None
    if mode not in [one.value for one in Mode] or envelope.payload_type != PAYLOAD_TYPES[Mode(mode)]:
        raise BundleError("the payload type is not that of the session's mode")
    return document


def journal_of(files: Mapping[str, bytes]) -> Journal:
    """The whole journal of a bundle, from all its files.

    Args:
        files: every file of the bundle, by name.

    Raises:
        BundleError: when there is none, or it is damaged before its last line.
    """
    read: Journal | None = None
    for name in _journals(files):
        try:
            read = journals.read(files[name], name, read)
        except JournalError as error:
            raise BundleError(error.refusal.refused) from None
    if read is None:
        raise BundleError("journal.jsonl is missing")
    return read


def _journals(files: Mapping[str, bytes]) -> list[str]:
    """The files of a bundle's journal, in their order, up to the first number that is missing."""
    return list(itertools.takewhile(files.__contains__, map(journal_name, range(len(files)))))


def journal_name(number: int) -> str:
    """`journal.jsonl`, then `journal-1.jsonl` for the first time somebody carried the run on, and so on."""
    return f"journal-{number}.jsonl" if number else "journal.jsonl"


def check_manifest(files: Mapping[str, bytes], number: int) -> tuple[Envelope, str]:
    """Check that a bundle holds exactly the files its manifest lists, and that the statement is about that manifest.

    Args:
        files: every file of the bundle, by name.
        number: which seal is looked at: 0, or how often the run was carried on.

    Returns:
        The envelope, and the hash of the seal before it.

    Raises:
        BundleError: naming the first thing that is wrong.
    """
    names = seal_names(number)
    for name in names:
        if name not in files:
            raise BundleError(f"{name} is missing")
    envelope = read_envelope(files[names[1]])
    said = read_statement(envelope)
    content = files[names[0]]
    document = document_of(content, "manifest", {"files", "previous_seal", "version"})
    previous = document["previous_seal"]
    listed = {name: files[name] for name in files if name not in names}
    for name in _later_countersignatures(files, document):
        del listed[name]
    if not isinstance(previous, str) or manifest(listed, previous) != content:
        raise BundleError(_difference(document, listed))
    if said["subject"] != [{"digest": {"sha256": sha256(content)}, "name": names[0]}]:
        raise BundleError("the statement is about another manifest")
    return envelope, previous


def countersignatures(files: Mapping[str, bytes], number: int) -> tuple[Signature, ...]:
    """The countersignatures of one seal, each read strictly, in their order.

    Those that a manifest lists belong to a seal before it: they are files of the run like any other.

    Args:
        files: every file of the bundle, by name.
        number: which seal is looked at.

    Raises:
        BundleError: when one is malformed, stale or missing from the row of numbers.
    """
    manifest_name, attestation_name = seal_names(number)
    document = document_of(files[manifest_name], "manifest", {"files", "previous_seal", "version"})
    present = sorted(filter(None, map(countersignature_number, files)))
    if present != list(range(1, len(present) + 1)):
        raise BundleError("a countersignature is missing from the row of numbers")
    attestation = sha256(files[attestation_name])
    later = sorted(_later_countersignatures(files, document), key=countersignature_number)
    return tuple(read_countersignature(files[name], name, attestation) for name in later)


def check(files: Mapping[str, bytes], state: RunState, journal_head: str, number: int) -> tuple[Envelope, Verdict]:
    """Believe a bundle, or say why not. Signatures are not looked at here.

    Args:
        files: every file of the bundle, by name.
        state: the run, folded from the journal files among them.
        journal_head: hash of the journal's last line.
        number: which seal is looked at: 0, or how often the run was carried on.

    Raises:
        BundleError: naming the first thing that is wrong.
    """
    envelope, previous = check_manifest(files, number)
    check_gate(files, state)
    manifest_name, _ = seal_names(number)
    meant = statement(
        state, files[manifest_name], manifest_name=manifest_name, journal_head=journal_head, previous=previous
    )
    if meant != envelope.payload:
        raise BundleError("the statement does not follow from the journal")
    return envelope, judge(state).verdict


@dataclass(frozen=True, slots=True)
class Believed:
    """A bundle that is sound: every file as sealed, the gate the bound one, the verdict the journal's own.

    `told` is our part of the statement; `seal` the hash of the attestation, `previous` the one before it in the
    environment; `number` says which of the run's seals it is. Whose signatures count is the policy's to say.
    """

    state: RunState
    envelope: Envelope
    countersigned: tuple[Signature, ...]
    verdict: Verdict
    told: Mapping[str, Any]
    seal: str
    previous: str
    number: int

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Every signature over the statement: the sealing keys', then the countersigners'."""
        return (*self.envelope.signatures, *self.countersigned)


def believe(files: Mapping[str, bytes]) -> Believed:
    """Believe a bundle from its files alone, or say why not.

    Raises:
        BundleError: naming the first thing that is wrong.
    """
    if is_quarantined(files):
        raise BundleError("quarantined: a secret was found in its files")
    number = max(0, len(_journals(files)) - 1)
    # Cheap and decisive first: what is not as it was sealed is not even parsed.
    _, previous = check_manifest(files, number)
    countersigned = countersignatures(files, number)
    journal = journal_of(files)
    try:
        # The gate is checked before anything is folded by it.
        check_gate(files, fold(journal.entries[:1]))
        state = fold(journal.entries)
        envelope, verdict = check(files, state, journal.head, number)
    except BundleError:
        raise
    except (ValueError, KeyError, ArithmeticError, RecursionError) as error:
        # An impossible story, or a value with which nothing can be computed.
        raise BundleError(str(error)) from None
    told = read_statement(envelope)["predicate"]["paygate"]
    seal = sha256(files[seal_names(number)[1]])
    return Believed(state, envelope, countersigned, verdict, told, seal, previous, number)


def quarantine_name(number: int) -> str:
    """The file that says that a secret was found in a run's files, as they were after so many times carried on."""
    return f"quarantine-{number}.json" if number else "quarantine.json"


def is_quarantined(names: Iterable[str]) -> bool:
    """Say whether a folder with files of these names has been shut."""
    return any(re.fullmatch(r"quarantine(-[0-9]+)?\.json", name) for name in names)


def seal_names(number: int) -> tuple[str, str]:
    """The file names of one seal: its manifest and its attestation."""
    again = f"-{number}" if number else ""
    return f"manifest{again}.json", f"attestation{again}.json"


def check_gate(files: Mapping[str, bytes], state: RunState) -> None:
    """The gate in the journal is the gate in the file beside it, and that is the one whose hash the run is bound to.

    Raises:
        BundleError: when it is not.
    """
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


def _later_countersignatures(files: Mapping[str, bytes], document: Mapping[str, Any]) -> list[str]:
    """The countersignatures that came after a manifest: the only files that it need not list."""
    listed = document["files"] if isinstance(document["files"], list) else []
    known = {str(one.get("name")) for one in listed if isinstance(one, dict)}
    return [name for name in files if countersignature_number(name) and name not in known]


def next_countersignature(files: Mapping[str, bytes]) -> str:
    """The name of the next countersignature of a run, whichever of its seals the ones before belong to."""
    return countersignature_name(1 + max((countersignature_number(name) for name in files), default=0))


def _difference(document: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Which file it is that does not fit its manifest."""
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
