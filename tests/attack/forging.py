"""Forgeries without a mistake: a journal that tells what the forger likes, chained, listed and sealed anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.bundle import GATE, PAYLOAD_TYPES, manifest, seal_names, statement
from pytest_paygate.core.envelope import Envelope, Signature, encode_envelope
from pytest_paygate.core.events import Mode
from pytest_paygate.core.journal import GENESIS, line_hash, read
from pytest_paygate.core.run import fold
from pytest_paygate.core.strict import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

Files = dict[str, bytes]
Line = dict[str, Any]
_SEAL = re.compile(r"(manifest|attestation|countersignature)(-\d+)?\.json")


def chained(lines: Sequence[Line], *, after: int = 0, head: str = GENESIS) -> bytes:
    """A journal of some lines, numbered and chained from the start."""
    written = b""
    for number, line in enumerate(lines, start=after):
        content = canonical({**line, "seq": number, "prev": head})
        head = line_hash(content)
        written += content + b"\n"
    return written


def unsealed(files: Files, lines: Sequence[Line]) -> Files:
    """The files of a run with another journal, without any seal."""
    kept = {name: content for name, content in files.items() if not _SEAL.fullmatch(name)}
    return {**kept, "journal.jsonl": chained(lines)}


def enveloped(files: Files, said: bytes, previous: str, signatures: tuple[Signature, ...] = ()) -> Files:
    """The files under a seal that says what it is given."""
    names = seal_names(0)
    mode = next((mode for mode in Mode if f'"mode":"{mode.value}"'.encode() in said), Mode.SANDBOX)
    envelope = Envelope(PAYLOAD_TYPES[mode], said, signatures)
    return {**files, names[0]: manifest(files, previous), names[1]: encode_envelope(envelope)}


def resealed(files: Files, lines: Sequence[Line], *, previous: str = "") -> Files:
    """The files with another journal, sealed as the project would seal them.

    Raises:
        ValueError: when the journal tells a story that the project does not believe.
    """
    forged = unsealed(files, lines)
    journal = read(forged["journal.jsonl"], "journal.jsonl")
    said = statement(
        fold(journal.entries),
        manifest(forged, previous),
        manifest_name=seal_names(0)[0],
        journal_head=journal.head,
        previous=previous,
    )
    assert GATE in forged
    return enveloped(forged, said, previous)
