"""Form encoding with brackets, as the API speaks it: `a[b]=1`, `a[0][b]=1`, `expand[]=x`.

Owns decoding only; which names exist and what they mean is `parameters`. Hostile input ends in a 400, never a crash.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from pytest_paygate.sandbox.stripe import errors

MAX_BODY_BYTES = 1_048_576
MAX_FIELDS = 1_000
MAX_DEPTH = 10
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> dict[str, Any]:
    """Turn one query string or form body into nested dicts of strings; arrays keep their indices as keys.

    Raises:
        StripeError: 400 for bytes that are not UTF-8, NUL characters, too many fields or too deep a nesting.

    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        message = "Invalid request: the form could not be decoded."
        raise errors.invalid(message) from error
    root: dict[str, Any] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise errors.invalid("Invalid request: NUL characters are not allowed.")
        _place(root, _path(name), value, name)
    return root


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        return [name]
    path = [match.group(1), *_PART.findall(match.group(2))]
    if len(path) > MAX_DEPTH:
        raise errors.invalid("Invalid request: parameters are nested too deeply.", param=match.group(1))
    return path


def _place(root: dict[str, Any], path: list[str], value: str, name: str) -> None:
    node = root
    for part in path[:-1]:
        key = str(len(node)) if part == "" else part
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise errors.invalid(f"Invalid request: '{name}' is both a value and a container.", param=path[0])
        node = child
    last = str(len(node)) if path[-1] == "" else path[-1]
    if isinstance(node.get(last), dict):
        raise errors.invalid(f"Invalid request: '{name}' is both a value and a container.", param=path[0])
    node[last] = value
