"""Signatures: published vectors, secret rolls, and what a verifier must refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.sandbox.webhooks import signing

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000


def vectors(contracts: Path) -> dict[str, dict[str, str]]:
    """The published signature vectors."""
    return json.loads((contracts / "common" / "signature-vectors.json").read_text(encoding="utf-8"))


def test_stripe_vector_is_reproduced(contracts: Path) -> None:
    """A header made for two secrets holds both published v1 values, and the published header verifies."""
    vector = vectors(contracts)["stripe_v1"]
    body = vector["payload"].encode()
    secrets = [vector["secret"], vector["previous_secret"]]
    made = signing.stripe_header(body, secrets, NOW)
    assert made == vector["header"].split(",v0=")[0]
    for secret in secrets:
        signing.verify_stripe(vector["header"], body, [secret], NOW)


def test_hyperswitch_vector_is_reproduced(contracts: Path) -> None:
    """The 512-bit signature is lower-case hex over the raw body, under the published header name."""
    vector = vectors(contracts)["hyperswitch_sha512"]
    assert signing.hyperswitch_signature(vector["payload"].encode(), vector["key"]) == vector["hex"]
    assert vector["header_name"] == signing.HYPERSWITCH_HEADER


@pytest.mark.parametrize("drift_seconds", [-300, 0, 300])
def test_time_within_tolerance_is_accepted(drift_seconds: int) -> None:
    """A signature is good up to 300 s on either side."""
    header = signing.stripe_header(b"{}", ["k"], NOW + drift_seconds)
    signing.verify_stripe(header, b"{}", ["k"], NOW)


@pytest.mark.parametrize("drift_seconds", [-301, 301, 10_000_000])
def test_time_outside_tolerance_is_refused(drift_seconds: int) -> None:
    """A stale signature is refused, and so is one from the future."""
    header = signing.stripe_header(b"{}", ["k"], NOW + drift_seconds)
    with pytest.raises(signing.SignatureError, match="outside the tolerance"):
        signing.verify_stripe(header, b"{}", ["k"], NOW)


def test_one_changed_byte_is_refused() -> None:
    """The signature covers the raw bytes: re-encoded JSON of equal meaning does not pass."""
    header = signing.stripe_header(b'{"a":1}', ["k"], NOW)
    with pytest.raises(signing.SignatureError, match="no signature matches"):
        signing.verify_stripe(header, b'{"a": 1}', ["k"], NOW)


@pytest.mark.parametrize(
    "header",
    ["", "t=1700000000", "v1=aa", "t=x,v1=aa", "t=1,t=2,v1=aa", "t=\u0661,v1=aa", "t=" + "9" * 5000 + ",v1=aa", ",,=,"],
)
def test_malformed_header_is_refused(header: str) -> None:
    """Anything that is not one time and a v1 is refused without another exception."""
    with pytest.raises(signing.SignatureError, match="malformed"):
        signing.verify_stripe(header, b"{}", ["k"], NOW)


def test_v0_does_not_count() -> None:
    """Only v1 signatures are looked at."""
    value = signing.stripe_signature(b"{}", "k", NOW)
    with pytest.raises(signing.SignatureError, match="malformed"):
        signing.verify_stripe(f"t={NOW},v0={value}", b"{}", ["k"], NOW)
