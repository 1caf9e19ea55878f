"""Searching what was written for the secrets a run held: exact values, in every encoding in which one may slip out.

Rules:
- only exact values are searched for, so an id, an amount, a trace id or a time is never taken for a secret;
- encodings may lie inside each other to two levels, and be wrapped over lines: `base64` in JSON in HTML is found;
- a find tells the secret's name, the encoding and the place, never the value;
- a secret of fewer than `SHORTEST` characters is not searched for: it would be found in ordinary text. One made of
  digits only counts where no other digit touches it.
Pure: bytes in, finds out.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_paygate.core.secret import Secret

SHORTEST = 6
_RAW, _WRAPPED = "raw", "line-wrapped"
_PERCENT = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_BACKSLASH = re.compile(rb"(?:\\u[0-9A-Fa-f]{4})+|(?:\\x[0-9A-Fa-f]{2})+|\\[\\/\"'bfnrtv0]")
_ENTITY = re.compile(rb"&(?:#[xX][0-9A-Fa-f]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});?")
_SPACE = re.compile(rb"\s+")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"0": b"\0"}
_DSN_PASSWORD = re.compile(r"\b(?i:password)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")


@dataclass(frozen=True, slots=True)
class Leak:
    """One find: which secret by its name, in which encoding, and at which byte it begins."""

    secret: str
    encoding: str
    offset: int


@dataclass(frozen=True, slots=True)
class _Needle:
    """One form of one secret. `alone` when digits beside it mean that it is something else."""

    secret: str
    encoding: str
    sought: bytes
    wrapped: bytes
    alone: bool


class Scanner:
    """Knows every form of some secrets.

    Args:
        secrets: what to search for; each is named by its source. A connection string also counts by its password.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        values: dict[str, str] = {}
        for number, secret in enumerate(secrets, 1):
            for name, value in _parts(secret.source or f"secret {number}", secret.reveal()):
                if len(value) >= SHORTEST:
                    values.setdefault(value, name)
        self._needles = tuple(needle for value, name in values.items() for needle in _needles(name, value))

    def __bool__(self) -> bool:
        return bool(self._needles)

    def scan(self, content: bytes) -> tuple[Leak, ...]:
        """Find secrets in a file.

        Returns:
            At most one find for each secret, in the plainest encoding; empty when there is none.
        """
        found: dict[str, Leak] = {}
        if not self._needles:
            return ()
        for seen, (told, decode) in _views(content).items():
            for needle in self._needles:
                sought = needle.wrapped if _WRAPPED in told else needle.sought
                place = None if needle.secret in found else _place(seen, sought, alone=needle.alone)
                if place is None:
                    continue
                encoding = ", ".join(told if told and needle.encoding == _RAW else (needle.encoding, *told))
                offset = _offset(content, decode, sought) if told else place
                found[needle.secret] = Leak(needle.secret, encoding, offset)
        return tuple(found.values())

    def holds(self, text: str) -> bool:
        """Say whether a text that is about to be kept or shown carries a secret."""
        return bool(self.scan(text.encode(errors="surrogatepass")))


def _parts(name: str, value: str) -> Iterator[tuple[str, str]]:
    yield name, value
    if "://" in value:
        with suppress(ValueError):
            if password := urlsplit(value).password:
                yield f"{name}, its password", password
                yield f"{name}, its password", unquote(password)
    elif match := _DSN_PASSWORD.search(value):
        yield f"{name}, its password", re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]


def _needles(name: str, value: str) -> Iterator[_Needle]:
    raw = value.encode(errors="surrogatepass")
    alone = raw.isdigit()
    forms = {
        _RAW: [raw, value.replace(" ", "+").encode(errors="surrogatepass")],
        "base64": _base64(raw),
        "base64url": [form.translate(bytes.maketrans(b"+/", b"-_")) for form in _base64(raw)],
        "hex": [raw.hex().encode(), raw.hex().upper().encode()],
        "UTF-16": [value.encode("utf-16-le", "surrogatepass"), value.encode("utf-16-be", "surrogatepass")],
        "reversed": [value[::-1].encode(errors="surrogatepass")],
    }
    named: dict[bytes, str] = {}
    for encoding, variants in forms.items():
        for sought in variants:
            named.setdefault(sought, encoding)
    for sought, encoding in named.items():
        yield _Needle(name, encoding, sought, _joined(sought), alone)


def _base64(raw: bytes) -> list[bytes]:
    """The characters that any base64 text must hold if the value stands in it, for each of the three alignments."""
    forms = []
    # What stands before the value reaches into its first characters: none, two or three of them.
    for shift, first in enumerate((0, 2, 3)):
        text = base64.b64encode(b"\0" * shift + raw)
        last = (shift + len(raw)) * 8 // 6
        forms.append(text[first:last])
    return forms


def _percent(content: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes.fromhex(match[0].replace(b"%", b"").decode()), content)


def _backslashes(content: bytes) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if text[1:2] == b"u":
            units = bytes.fromhex(text.replace(b"\\u", b"").decode())
            return units.decode("utf-16-be", "replace").encode()
        if text[1:2] == b"x":
            return bytes.fromhex(text.replace(b"\\x", b"").decode())
        return _SHORT.get(text[1:], text[1:])

    return _BACKSLASH.sub(plain, content)


def _entities(content: bytes) -> bytes:
    return _ENTITY.sub(lambda match: unescape(match[0].decode()).encode(), content)


def _joined(content: bytes) -> bytes:
    return _SPACE.sub(b"", content)


_DECODERS = (("percent-encoded", _percent), ("JSON-escaped", _backslashes), ("HTML-escaped", _entities))


def _views(content: bytes) -> dict[bytes, tuple[tuple[str, ...], Callable[[bytes], bytes]]]:
    """The content as it is, then decoded once, then twice; each of them also with its white space taken out.

    Returns:
        Each content once, with the names of what was undone to get it, and the function that does it.
    """
    views: dict[bytes, tuple[tuple[str, ...], Callable[[bytes], bytes]]] = {content: ((), bytes)}
    for _ in range(2):
        for before, (told, decode) in list(views.items()):
            for name, decoder in _DECODERS:
                views.setdefault(decoder(before), ((*told, name), _then(decode, decoder)))
    for before, (told, decode) in list(views.items()):
        views.setdefault(_joined(before), ((*told, _WRAPPED), _then(decode, _joined)))
    return views


def _then(first: Callable[[bytes], bytes], second: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: second(first(content))


def _place(content: bytes, sought: bytes, *, alone: bool) -> int | None:
    """Where the first find is, if there is one; with `alone`, one that no digit touches."""
    if not alone:
        return content.index(sought) if sought in content else None
    text = re.escape(sought)
    # What stands before is looked at last: a pattern that begins with plain text is found many times faster.
    found = re.search(text + rb"(?![0-9])(?<![0-9]" + text + rb")", content)
    return found.start() if found else None


def _offset(content: bytes, decode: Callable[[bytes], bytes], sought: bytes) -> int:
    """Where in the file a find begins that shows when it is decoded: at its latest start, for its earliest end."""
    end = bisect_left(range(len(content)), x=True, key=lambda place: sought in decode(content[:place]))
    return bisect_left(range(end), x=True, key=lambda place: sought not in decode(content[place:end])) - 1
