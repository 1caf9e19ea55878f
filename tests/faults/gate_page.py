"""The page of what is done to the gate itself, written from the list: `python -m tests.faults.gate_page`.

Owns the page's text. It says what must come of each; whether it does, the tests that are named hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.gate import FAULTS
from tests.gate_runs import ROOT

if TYPE_CHECKING:
    from tests.faults.gate_entry import GateFault

PAGE = ROOT / "docs" / "explanation" / "what-the-gate-withstands.md"
_INTRODUCTION = """# What the gate withstands

A gate can be broken like the system it looks at: its journal can be torn, its approval used twice, its tests repeated, its bundle
forged, its person hurried. Each line below is done to it by the tests that are named, in a sandbox or a rehearsal, and must end
as it says. H numbers are known faults of such tools, M numbers are ways in which they have been misused.

What is not here has not been tried. What breaks the payment system instead is in [what this catches](what-this-catches.md).

| | what is done | what must come of it | held by |
| --- | --- | --- | --- |
"""


def text() -> str:
    """The whole page."""
    return _INTRODUCTION + "".join(f"{_row(fault)}\n" for fault in FAULTS)


def _row(fault: GateFault) -> str:
    tests = ", ".join(f"`{node.rpartition('::')[2]}`" for node in fault.held_by)
    case = f" (case `{fault.case}`)" if fault.case else ""
    return f"| {fault.number} | {fault.done} | {fault.outcome} | {tests}{case} |"


if __name__ == "__main__":
    PAGE.write_text(text())
