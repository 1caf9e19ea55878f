"""Small sealed runs, in memory: what the tests of a bundle's rules are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core import bundle as rules
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.envelope import Envelope, Signature, encode_countersignature, encode_envelope
from pytest_paygate.core.events import Mode, RowFinished, RowStatus, RunFinished
from pytest_paygate.core.gate import sha256
from pytest_paygate.core.run import fold
from pytest_paygate.core.strict import BundleError, canonical
from tests.golden.scenes import Scene, begun

if TYPE_CHECKING:
    from collections.abc import Mapping

Files = dict[str, bytes]
ANN, BOB = Signature("ann", b"\x01"), Signature("bob", b"\x02")
PREVIOUS = "7" * 64


def said(call, *arguments, **named) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        call(*arguments, **named)
    return str(refused.value)


def short() -> Scene:
    """A run that was held back at its first row."""
    scene = begun(Mode.LIVE)
    return scene.tell(
        RowFinished(row="health", status=RowStatus.BLOCKED, reason="later"), RunFinished(complete=True, reason="done")
    )


def files_of(scene: Scene) -> Files:
    """What a run leaves before it is sealed."""
    return {
        "journal.jsonl": b"\n".join(scene.lines) + b"\n",
        "gate.toml": scene.source,
        "report.md": b"# told\n",
    }


def sealed(files: Mapping[str, bytes], number: int = 0, previous: str = PREVIOUS) -> Files:
    """The files under one more seal, which says of them what the project says."""
    names = rules.seal_names(number)
    listed = rules.manifest(files, previous)
    journal = rules.journal_of(files)
    state = fold(journal.entries)
    statement = rules.statement(state, listed, manifest_name=names[0], journal_head=journal.head, previous=previous)
    envelope = Envelope(rules.PAYLOAD_TYPES[state.mode], statement, (ANN,))
    return {**files, names[0]: listed, names[1]: encode_envelope(envelope)}


def resaid(files: Files, change=None, kind: str | None = None) -> Files:
    """The bundle with a changed statement, or another payload type, in a well-formed envelope."""
    envelope = rules.read_envelope(files["attestation.json"])
    document = json.loads(envelope.payload)
    if change:
        change(document)
    payload_type = kind or envelope.payload_type
    return {**files, "attestation.json": encode_envelope(Envelope(payload_type, canonical(document)))}


def countersigned(files: Files, name: str, signature: Signature = BOB, number: int = 0) -> Files:
    """The bundle with one countersignature more."""
    attestation = sha256(files[rules.seal_names(number)[1]])
    return {**files, name: encode_countersignature(signature, attestation)}


def carried_on(files: Files, scene: Scene) -> Files:
    """The files of a run that somebody rescued, not yet sealed again."""
    again = Scene(scene.gate, scene.mode, scene.source, [*scene.lines], scene.state, 60.0, scene.head)
    again.tell(ex.RescueStarted(by=ex.Rescuer.RECOVER, at_line=len(scene.lines), torn_bytes=0))
    again.tell(RunFinished(complete=True, reason="recovered"))
    return {**files, "journal-1.jsonl": b"\n".join(again.lines[len(scene.lines) :]) + b"\n"}


SHORT = short()
FILES = files_of(SHORT)
SEALED = sealed(FILES)
FIRST, SECOND = "countersignature-1.json", "countersignature-2.json"
