"""Strict reading: what is accepted, and each way in which a document is refused, word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.core.strict import BundleError, canonical, decoded, document_of, exactly, sha256, text

KEYS = {"b", "a", "c"}
OTHER_KEYS = "an object has other keys than a, b, c"


def said(call, *arguments) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        call(*arguments)
    return str(refused.value)


def test_a_document_has_one_spelling():
    """Keys are sorted, nothing is between them, and letters stand as they are."""
    assert canonical({"b": [1, True], "a": {"ü": "€"}}) == '{"a":{"ü":"€"},"b":[1,true]}'.encode()
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a":1,"a":1,"b":1,"c":1}', b"[" * 200_000])
def test_what_is_no_json_is_called_by_the_name_of_its_document(content):
    """Torn, doubled, in another encoding or nested without end: the document is named."""
    assert said(document_of, content, "manifest", KEYS) == "the manifest is not JSON"


def test_a_document_has_exactly_its_keys():
    """One key more, one less, or no object at all is refused; the keys are listed in their order."""
    assert document_of(b'{"a":1,"b":2,"c":3}', "manifest", KEYS) == {"a": 1, "b": 2, "c": 3}
    for content in (b'{"a":1,"b":2}', b'{"a":1,"b":2,"c":3,"d":4}', b'["a","b","c"]', b"null"):
        assert said(document_of, content, "manifest", KEYS) == OTHER_KEYS
    assert said(exactly, ["a", "b", "c"], KEYS) == OTHER_KEYS
    whole = dict.fromkeys(KEYS)
    assert exactly(whole, KEYS) is whole


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"]])
def test_a_text_is_a_text(value):
    """Nothing is turned into a text; the key is named."""
    assert text({"name": "x"}, "name") == "x"
    assert said(text, {"name": value}, "name") == "name is not a text"


@pytest.mark.parametrize("encoded", ["e30=\n", "e3", "e30==x", "e-0=", "ü30="])
def test_base64_is_read_without_liberties(encoded):
    """No line break, no missing end, no letters of another alphabet."""
    assert decoded("e30=") == b"{}"
    assert said(decoded, encoded) == "base64 that is not"
