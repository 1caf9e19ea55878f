"""Sealing a run: manifest, statement and envelope over every file it has written, chained to the seal before.

Owns the order of writing. What is sealed and how it is believed is in `core.bundle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.core.bundle import PAYLOAD_TYPES, manifest, seal_names, statement
from pytest_paygate.core.envelope import SIGNATURE_NAMESPACE, Envelope, Signature, encode_envelope
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.run import fold
from pytest_paygate.core.strict import BundleError, sha256

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
    read = read_run(directory.path)
    state = fold(read.journal.entries)
    if state.started is None:
        raise ValueError("a run that never started is not sealed")
    files = _files(directory)
    manifest_name, attestation_name = seal_names(number)

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
        directory.write_new(attestation_name, content)
        return sha256(content)

    return seal_log.append(
        directory.root, state.started.environment, state.started.run_id, make, gate=state.started.gate["id"]
    )


def _files(directory: RunDirectory) -> dict[str, bytes]:
    try:
        return read_folder(directory.path)
    except (BundleError, OSError) as error:
        raise JournalError(
            Refusal(
                refused=f"run {directory.path.name} cannot be sealed",
                expected="a folder of regular files, as a run leaves it",
                observed=str(error),
                money="Sealing moves no money; what the run moved stands in its journal.",
                next_step="Look at what was put into the folder; the run's own files are complete.",
            )
        ) from None
