"""Sealing a run: manifest, statement and envelope over every file it has written, chained to the seal before.

Owns the order of writing. What is sealed and how it is believed is in `core.bundle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.core.bundle import (
    PAYLOAD_TYPES,
    SIGNATURE_NAMESPACE,
    Envelope,
    Signature,
    encode_envelope,
    manifest,
    sha256,
    statement,
)
from pytest_paygate.core.run import fold

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.adapters.run_directory import RunDirectory


def seal(directory: RunDirectory, number: int, *, key: Path | None = None, principal: str = "") -> str:
    """Seal a run as it lies there.

    Args:
        directory: the run's folder; every file of it is sealed.
        number: 0, or how often the run was carried on: each time is sealed anew.
        key: SSH key to sign with; None leaves the bundle unsigned, and it says so.
        principal: whose key it is.

    Returns:
        The seal's hash.

    Raises:
        JournalError: when something cannot be read or written.
        ApprovalError: when the key does not sign.
    """
    again = f"-{number}" if number else ""
    read = read_run(directory.path)
    state = fold(read.journal.entries)
    if state.started is None:
        raise ValueError("a run that never started is not sealed")
    files = read_files(directory.path)
    manifest_name = f"manifest{again}.json"

    def make(previous: str) -> str:
        listed = manifest(files, previous)
        payload = statement(
            state, listed, manifest_name=manifest_name, journal_head=read.journal.head, previous=previous
        )
        envelope = Envelope(PAYLOAD_TYPES[state.mode], payload)
        if key is not None:
            from pytest_paygate.adapters.ssh_signatures import sign_bytes

            signature = sign_bytes(envelope.pae, key, namespace=SIGNATURE_NAMESPACE)
            envelope = Envelope(envelope.payload_type, payload, (Signature(principal, signature),))
        content = encode_envelope(envelope)
        directory.write_new(manifest_name, listed)
        directory.write_new(attestation_name(number), content)
        return sha256(content)

    return seal_log.append(directory.root, state.started.environment, state.started.run_id, make)


def attestation_name(number: int) -> str:
    """The file that holds a seal: of the run itself for 0, else of the time it was carried on."""
    return f"attestation-{number}.json" if number else "attestation.json"


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file of a run's folder by its name inside it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
