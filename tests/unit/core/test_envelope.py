"""Envelopes and countersignatures: every byte that is written, and each way in which one is refused."""

from __future__ import annotations

import pytest

from pytest_paygate.core.envelope import (
    SIGNATURE_NAMESPACE,
    Envelope,
    Signature,
    countersignature_name,
    countersignature_number,
    encode_countersignature,
    encode_envelope,
    read_countersignature,
    read_envelope,
)
from pytest_paygate.core.strict import BundleError

ENVELOPE = Envelope("tüpe", b"{}", (Signature("ann", b"\x00\x01"), Signature("bob", b"\x02")))
WRITTEN = (
    b'{"payload":"e30=","payloadType":"t\xc3\xbcpe","signatures":[{"keyid":"ann","sig":"AAE="},'
    b'{"keyid":"bob","sig":"Ag=="}]}'
)
COUNTERSIGNED = b'{"attestation":"0f","keyid":"ann","sig":"AAE="}'


def said(call, *arguments) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        call(*arguments)
    return str(refused.value)


def test_type_and_payload_are_signed_with_their_lengths_in_bytes():
    """Neither can run into the other, and a signature made for something else does not count here."""
    assert ENVELOPE.pae == b"DSSEv1 5 t\xc3\xbcpe 2 {}"
    assert Envelope("a", b"bcd").pae == b"DSSEv1 1 a 3 bcd"
    assert Envelope("a", b"").signatures == ()
    assert SIGNATURE_NAMESPACE == "paygate-seal-v1"


def test_an_envelope_is_read_as_it_was_written():
    """Its file has one spelling, and reading gives the envelope back."""
    assert encode_envelope(ENVELOPE) == WRITTEN
    assert read_envelope(WRITTEN) == ENVELOPE


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (b'"payload":', b'"payload":"e30=","payload":', "the attestation is not JSON"),
        (b'"payload":', b'"extra":1,"payload":', "an object has other keys than payload, payloadType, signatures"),
        (b'"e30="', b"1", "payload is not a text"),
        (b'"t\xc3\xbcpe"', b"1", "payloadType is not a text"),
        (b'"e30="', b'"e3"', "base64 that is not"),
        (b'"AAE="', b'"AA"', "base64 that is not"),
        (b'"keyid":"ann"', b'"keyid":1', "keyid is not a text"),
        (b'"sig":"AAE="', b'"sig":1', "sig is not a text"),
        (b'"keyid":"ann"', b'"key":"ann"', "an object has other keys than keyid, sig"),
        (b'"keyid":"ann"', b'"extra":1,"keyid":"ann"', "an object has other keys than keyid, sig"),
        (b'{"payload"', b'{ "payload"', "the attestation is spelled in another way than it is written"),
        (b'"Ag=="', b'"Ah=="', "the attestation is spelled in another way than it is written"),
    ],
)
def test_an_envelope_is_read_strictly(was, now, why):
    """Whatever would not have been written byte for byte is refused, each in its own words."""
    assert WRITTEN.count(was) == 1
    assert said(read_envelope, WRITTEN.replace(was, now)) == why


def test_signatures_are_a_list():
    """An object, or nothing, in their place is refused."""
    for other in (b"{}", b"null", b'"ann"'):
        content = b'{"payload":"e30=","payloadType":"t","signatures":' + other + b"}"
        assert said(read_envelope, content) == "signatures is not a list"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("countersignature-1.json", 1),
        ("countersignature-10.json", 10),
        ("countersignature-9099.json", 9099),
        ("countersignature-10000.json", 0),
        ("countersignature-0.json", 0),
        ("countersignature-01.json", 0),
        ("countersignature-.json", 0),
        ("countersignature-1xjson", 0),
        ("countersignature-1.json.bak", 0),
        ("a-countersignature-1.json", 0),
        ("Countersignature-1.json", 0),
        ("manifest.json", 0),
    ],
)
def test_a_countersignature_has_a_number_in_its_name(name, number):
    """From 1, without leading noughts, up to four digits; nothing else is a countersignature."""
    assert countersignature_number(name) == number
    if number:
        assert countersignature_name(number) == name


def test_a_countersignature_is_read_as_it_was_written():
    """It names the attestation it stands beside, the key and the signature, and nothing more."""
    signature = Signature("ann", b"\x00\x01")
    assert encode_countersignature(signature, "0f") == COUNTERSIGNED
    assert read_countersignature(COUNTERSIGNED, "countersignature-1.json", "0f") == signature


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the one.json is not JSON"),
        (b"{}", "an object has other keys than attestation, keyid, sig"),
        (COUNTERSIGNED.replace(b"}", b',"x":1}'), "an object has other keys than attestation, keyid, sig"),
        (COUNTERSIGNED.replace(b'"ann"', b"1"), "keyid is not a text"),
        (COUNTERSIGNED.replace(b'"AAE="', b"1"), "sig is not a text"),
        (COUNTERSIGNED.replace(b'"0f"', b"1"), "attestation is not a text"),
        (COUNTERSIGNED.replace(b'"AAE="', b'"AA"'), "base64 that is not"),
        (COUNTERSIGNED + b"\n", "one.json is spelled in another way than it is written"),
        (COUNTERSIGNED.replace(b'"0f"', b'"1f"'), "one.json is stale: it countersigns another attestation"),
    ],
)
def test_a_countersignature_is_read_strictly(content, why):
    """Malformed, spelled otherwise or over another attestation: refused with the name of its file."""
    assert said(read_countersignature, content, "one.json", "0f") == why


_LINE = b"A" * 100 + b"\n"
_ARMOUR = b"-----BEGIN SSH SIGNATURE-----\n" + _LINE + b"Az09+/==\n" + b"-----END SSH SIGNATURE-----\n"


@pytest.mark.parametrize(
    ("sig", "is_armoured"),
    [
        (_ARMOUR, True),
        (_ARMOUR.replace(_LINE, b""), True),
        (_ARMOUR.replace(_LINE, b"A" + _LINE), False),
        (_ARMOUR.replace(_LINE, b"").replace(b"Az09+/==\n", b""), False),
        (_ARMOUR.replace(b"\nAz", b"\x0bAz"), False),
        (_ARMOUR.replace(b"\nAz", b"\r\nAz"), False),
        (_ARMOUR.replace(b"\nAz", b"\n\nAz"), False),
        (_ARMOUR.replace(b"Az", b"A-"), False),
        (_ARMOUR[:-1] + b"*", False),
        (_ARMOUR[:-1], False),
        (_ARMOUR + b"\n", False),
        (b"\n" + _ARMOUR, False),
        (_ARMOUR.replace(b"BEGIN", b"begin"), False),
        (_ARMOUR.replace(b"END SSH", b"end SSH"), False),
        (b"", False),
    ],
    ids=range(15),
)
def test_a_signature_has_one_spelling(sig, is_armoured):
    """Lines of at most a hundred characters between the two that ssh-keygen writes, and nothing else anywhere."""
    assert Signature("ann", sig).is_armoured is is_armoured
