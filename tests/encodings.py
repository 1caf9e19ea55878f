"""The ways in which a secret may stand in a text, each as an encoder of its own; written without the code under test."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse


def _percent(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def _entities(text: str) -> str:
    return "".join(f"&#{ord(char)};" if number % 2 else f"&#x{ord(char):X};" for number, char in enumerate(text))


def _wrapped(text: str) -> str:
    return "\n".join(text[start : start + 5] for start in range(0, len(text), 5))


# Twelve encodings; some have several spellings, and base64 stands at each of its three offsets.
TEXTS = {
    "raw": str,
    "base64 at offset 0": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 at offset 1": lambda text: base64.b64encode(b"u" + text.encode() + b":").decode(),
    "base64 at offset 2": lambda text: base64.b64encode(b"us" + text.encode() + b"!!").decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(b"?" + text.encode()).decode(),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent, only where needed": _percent,
    "double percent": lambda text: _percent("".join(f"%{byte:02X}" for byte in text.encode())),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "JSON": json.dumps,
    "JSON escapes": _escaped,
    "HTML": html.escape,
    "HTML entities": _entities,
    "reversed": lambda text: text[::-1],
    "line-wrapped": _wrapped,
    "line-wrapped base64": lambda text: _wrapped(base64.b64encode(text.encode()).decode()),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
}
BYTES = {
    **{name: (lambda text, encode=encode: encode(text).encode()) for name, encode in TEXTS.items()},
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
}
