"""What an answer's body may be: bounded while it arrives, decoded by us, parsed without guessing.

Pure: bytes in, bytes or a document out. It exists because HTTP clients inflate without limit, and because `json` lets
the second of two equal keys win.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Final

BODY_BYTES_MAX: Final = 1_048_576
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class BodyRefusedError(ValueError):
    """A body that is not read on. `failure` is the word the journal keeps."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


class NotStrictJsonError(ValueError):
    """A text that is not exactly one JSON document. The message is ours and holds nothing of the text."""


class BoundedBody:
    """Collects a body chunk by chunk and refuses it as soon as it grows past the cap, on the wire or decoded.

    Args:
        encoding: the `Content-Encoding` header; empty for none.
        bytes_max: cap of the decoded bytes, and of the bytes on the wire.

    Raises:
        BodyRefusedError: `unknown_encoding` for anything but identity, gzip and deflate.
    """

    def __init__(self, encoding: str, bytes_max: int) -> None:
        name = encoding.strip().lower()
        if name not in {"", "identity", *_WINDOW_BITS}:
            raise BodyRefusedError("unknown_encoding")
        self._inflater = zlib.decompressobj(_WINDOW_BITS[name]) if name in _WINDOW_BITS else None
        self._bytes_max = bytes_max
        self._wire_bytes = 0
        self._parts: list[bytes] = []
        self._decoded_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take one chunk as it came off the wire.

        Raises:
            BodyRefusedError: `body_too_large`, or `bad_encoding` when it does not inflate.
        """
        self._wire_bytes += len(chunk)
        if self._wire_bytes > self._bytes_max:
            raise BodyRefusedError("body_too_large")
        part = chunk if self._inflater is None else self._inflated(self._inflater, chunk)
        self._decoded_bytes += len(part)
        if self._decoded_bytes > self._bytes_max:
            raise BodyRefusedError("body_too_large")
        self._parts.append(part)

    def finish(self) -> bytes:
        """Return the whole decoded body.

        Raises:
            BodyRefusedError: `cut_short` when a compressed body ended early.
        """
        if self._inflater is not None and self._wire_bytes and not self._inflater.eof:
            raise BodyRefusedError("cut_short")
        return b"".join(self._parts)

    def _inflated(self, inflater: zlib._Decompress, chunk: bytes) -> bytes:
        try:
            # One byte past the room left is enough to know that it is too much.
            return inflater.decompress(chunk, self._bytes_max - self._decoded_bytes + 1)
        except zlib.error:
            raise BodyRefusedError("bad_encoding") from None


def parse_json(body: bytes) -> object:
    """Parse exactly one JSON document.

    Raises:
        NotStrictJsonError: for bytes that are not UTF-8, a repeated key, NaN, an infinity, too deep a nesting, or
            anything else that is not JSON.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrictJsonError("it is not UTF-8") from None
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except NotStrictJsonError:
        raise
    except ValueError:
        raise NotStrictJsonError("it is not JSON") from None
    except RecursionError:
        raise NotStrictJsonError("it is nested too deep") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise NotStrictJsonError("a key stands twice in one object")
    return table


def _no_constant(_name: str) -> float:
    raise NotStrictJsonError("it holds NaN or an infinity")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotStrictJsonError("it holds NaN or an infinity")
    return value
