"""Text for a spreadsheet's cell, and values as a line of bars. Pure. Text for terminals is in `core/inert.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
# What spreadsheets take for the start of a formula, also after a byte order mark or blanks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    plain = inert(text)
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain


def sparkline(values: Sequence[float]) -> str:
    """Values as bars of one line, the largest full; nothing for no values."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(int(value / highest * len(_BARS)), len(_BARS) - 1)] for value in values)
