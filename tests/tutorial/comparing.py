"""Whether a terminal showed what the page says, times and ids aside."""

from __future__ import annotations

import difflib
import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*[a-zA-Z]")
# In this order: the later ones must not see inside the earlier ones.
_VARYING = (
    (re.compile(r"\b\d{8}T\d{9}Z-[0-9a-f]{8}\b"), "<run>"),
    (re.compile(r"\bSHOP-\d{10}-[0-9a-f]{8}\b"), "<trace>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00| UTC)?"), "<time>"),
    (re.compile(r"\b(order-)[0-9a-f]{12}\b"), r"\1<id>"),
    (re.compile(r"\b(ch|pi|re|py|cs_test|cs_live|req|txn)_[A-Za-z0-9]{10,}\b"), r"\1_<id>"),
    (re.compile(r"\b[0-9a-f]{12,64}(?=\b|…)"), "<hash>"),
    (re.compile(r"\b\d+(\.\d+)? (s|ms|min)\b"), r"<n> \2"),
    (re.compile(r"\b\d+\.\d+s\b"), "<n> s"),
)
_ANY_LINES = "(?:.*\n)*?"


def colourless(text: str) -> str:
    """A text without a terminal's colours."""
    return _COLOUR.sub("", text)


def plain(text: str) -> str:
    """A text without colours, and with names in the place of times and ids."""
    text = colourless(text)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())


def difference(shown: str, expected: str) -> str:
    """What the page says and the terminal did not show, as a difference; empty when they agree.

    Args:
        shown: what the terminal showed.
        expected: what the page says: a line `…` stands for any lines, `…` in a line for any text.
    """
    seen, said = plain(shown), plain(expected)
    pattern = "".join(
        _ANY_LINES if line == "…" else f"{'.*'.join(re.escape(part) for part in line.split('…'))}\n"
        for line in said.splitlines()
    )
    if re.fullmatch(pattern, seen):
        return ""
    lines = difflib.unified_diff(said.splitlines(), seen.splitlines(), "the page", "the terminal", lineterm="", n=99)
    return "\n".join(lines)
