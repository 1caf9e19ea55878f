"""Strict reading of small documents: exact keys, exact types, one spelling, and a name for what is wrong.

Owns the one spelling (`canonical`) and the error of everything that is not to be believed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.journal import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class BundleError(ValueError):
    """A bundle that is not to be believed. The message names what is wrong."""


def canonical(document: object) -> bytes:
    """The one spelling of a document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(content: bytes) -> str:
    """Hash of some bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def document_of(content: bytes, what: str, keys: set[str]) -> dict[str, Any]:
    """A JSON object with exactly these keys.

    Raises:
        BundleError: for anything else; `what` names the document.
    """
    try:
        document = strict_json(content)
    except (ValueError, RecursionError):
        raise BundleError(f"the {what} is not JSON") from None
    return exactly(document, keys)


def exactly(document: object, keys: set[str]) -> dict[str, Any]:
    """The object itself, when it has exactly these keys.

    Raises:
        BundleError: when it is no object or has others.
    """
    if not isinstance(document, dict) or set(document) != keys:
        raise BundleError(f"an object has other keys than {', '.join(sorted(keys))}")
    return document


def text(document: Mapping[str, object], key: str) -> str:
    """A text in a document.

    Raises:
        BundleError: when it is none.
    """
    value = document[key]
    if not isinstance(value, str):
        raise BundleError(f"{key} is not a text")
    return value


def decoded(encoded: str) -> bytes:
    """Bytes from base64, without the liberties of the usual readers.

    Raises:
        BundleError: when it is no base64.
    """
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise BundleError("base64 that is not") from None
