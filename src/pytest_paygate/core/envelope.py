"""Envelopes and countersignatures: what is signed, and how a signature is written down.

Rules (each held by a test):
- what is signed is type and payload with their lengths, for the sealing key and for every countersigner alike;
- a countersignature names the attestation it stands beside, byte for byte; over another one it is stale;
- a key id is a hint of whom to ask; it proves nothing;
- a signature has one spelling.
Pure: signatures are made and checked by an adapter over `Envelope.pae`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from pytest_paygate.core.strict import BundleError, canonical, decoded, document_of, exactly, text

SIGNATURE_NAMESPACE = "paygate-seal-v1"
# ssh-keygen reads more than it writes: other white space between the lines, and anything behind them.
_ARMOUR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/=]{1,100}\n)+-----END SSH SIGNATURE-----\n")
_COUNTERSIGNATURE = re.compile(r"countersignature-([1-9][0-9]{0,3})\.json")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over the envelope. `keyid` is only a hint of whom to ask; it proves nothing."""

    keyid: str
    sig: bytes

    @property
    def is_armoured(self) -> bool:
        """Whether it is written as ssh-keygen writes one: else two files could hold the same signature."""
        return _ARMOUR.fullmatch(self.sig) is not None


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
    document = document_of(content, "attestation", {"payload", "payloadType", "signatures"})
    signatures = document["signatures"]
    if not isinstance(signatures, list):
        raise BundleError("signatures is not a list")
    envelope = Envelope(
        text(document, "payloadType"),
        decoded(text(document, "payload")),
        tuple(
            Signature(text(exactly(one, {"keyid", "sig"}), "keyid"), decoded(text(one, "sig"))) for one in signatures
        ),
    )
    if encode_envelope(envelope) != content:
        raise BundleError("the attestation is spelled in another way than it is written")
    return envelope


def countersignature_number(name: str) -> int:
    """Which countersignature a file name stands for, from 1; 0 for any other file."""
    match = _COUNTERSIGNATURE.fullmatch(name)
    return int(match[1]) if match else 0


def countersignature_name(number: int) -> str:
    """The file name of one countersignature."""
    return f"countersignature-{number}.json"


def encode_countersignature(signature: Signature, attestation: str) -> bytes:
    """A countersignature's file.

    Args:
        signature: over the envelope's `pae`.
        attestation: hash of the attestation's file.
    """
    return canonical(
        {"attestation": attestation, "keyid": signature.keyid, "sig": base64.b64encode(signature.sig).decode()}
    )


def read_countersignature(content: bytes, name: str, attestation: str) -> Signature:
    """Read one countersignature, strictly.

    Args:
        content: the bytes of the file.
        name: its name, for messages.
        attestation: hash of the attestation it must stand beside.

    Raises:
        BundleError: when it is malformed, or signs another attestation.
    """
    document = document_of(content, name, {"attestation", "keyid", "sig"})
    signature = Signature(text(document, "keyid"), decoded(text(document, "sig")))
    if encode_countersignature(signature, text(document, "attestation")) != content:
        raise BundleError(f"{name} is spelled in another way than it is written")
    if document["attestation"] != attestation:
        raise BundleError(f"{name} is stale: it countersigns another attestation")
    return signature
