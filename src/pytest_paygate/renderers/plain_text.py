"""Text for places without markup: a terminal, a spreadsheet's cell, a line of bars. Pure.

Owns the escapes of those sinks: nothing from outside may move a cursor, set a colour, start a formula or end a line.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
# What spreadsheets take for the start of a formula, also after a byte order mark or blanks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def terminal_text(text: str) -> str:
    """The text without anything a terminal would act on: control, format and line characters become a space."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} else char for char in text)


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    plain = terminal_text(text)
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain


def sparkline(values: Sequence[float]) -> str:
    """Values as bars of one line, the largest full; nothing for no values."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(int(value / highest * len(_BARS)), len(_BARS) - 1)] for value in values)
