"""The page of planted faults, written from the catalogue: what each is, where it sits, what catches it, and its twin.

Owns the page's text. It says what is expected to be caught; whether it is, `score` measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.faults.catalogue import ENTRIES
from tests.gate_runs import ROOT

if TYPE_CHECKING:
    from tests.faults.entry import Entry, Planted

PAGE = ROOT / "docs" / "explanation" / "what-this-catches.md"
_TITLES = {"e2e": "Marketplace purchase (e2e)", "microcharge": "Microcharge"}
_INTRODUCTION = """# What this catches

A green gate over a broken payment system is worse than none. So every fault below is planted in the sandbox, one at a time, and
the whole gate is run against it. A fault counts as caught when the run is no PASS and exactly the row named here is red, with
exactly its lines of the checklist. Each fault has a **twin**: something harmless that looks nearly the same, such as the same
webhook a moment later. A twin that turns anything red counts as a defect of the gate, just like a fault that is missed. And a
fault counts only when the sandbox says that it really acted.

`make faults` in a checkout runs all of them and ends in one line of figures; it fails on any miss, any red twin and any fault
that did not act. A number such as F39 is that of the known weakness of payment systems of which the fault is an example.

What is not here has not been tried: this is a selection, not a proof. See [what this cannot guarantee](limits.md).
"""


def text() -> str:
    """The whole page."""
    load_registry()
    parts = [_INTRODUCTION]
    for gate, title in _TITLES.items():
        rows = [_row(entry) for entry in ENTRIES if entry.gate == gate]
        head = (
            "| fault | what it does | layer | caught by row | twin that stays green |\n| --- | --- | --- | --- | --- |"
        )
        parts.append("\n".join((f"## {title}\n", head, *rows, "")))
    return "\n".join(parts)


def _row(entry: Entry) -> str:
    number = f" ({entry.number})" if entry.number else ""
    if entry.proof:
        caught = "none; its log proof is missing: CONDITIONAL"
    else:
        caught = ", ".join(f"`{row}`" for row in sorted(entry.rows))
    twins = (
        "; ".join(_told(twin) for twin in entry.twins)
        or "none here: it can act in a rehearsal only, whose own tests plant it"
    )
    summary = REGISTRY[entry.fault].summary
    return f"| `{entry.fault}`{number} | {summary} | {entry.layer} | {caught} | {twins} |"


def _told(twin: Planted) -> str:
    summary = REGISTRY[twin.name].summary.removesuffix("; benign")
    given = f" with {', '.join(f'{name} {value}' for name, value in twin.parameters)}" if twin.parameters else ""
    return f"`{twin.name}`{given}: {summary}"
