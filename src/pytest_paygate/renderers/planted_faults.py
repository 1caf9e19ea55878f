"""The page of planted faults, for who asks "what would this have caught?": the result of the last whole matrix.

Owns the page. The result is package data, made by `make faults` in a checkout, and says nothing of any run of a user.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_paygate.renderers import templating

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULT = "planted_faults.json"
PAGE = "what-this-catches.html"
_GATES = {"e2e": "Marketplace purchase (e2e)", "microcharge": "Microcharge"}


def result() -> dict[str, Any]:
    """The result of the last whole matrix, as `make faults` kept it."""
    kept: dict[str, Any] = json.loads(templating.source(RESULT))
    return kept


def as_html() -> str:
    """`what-this-catches.html`."""
    kept = result()
    statements = {check["id"]: check["holds"] for check in kept["checks"]}
    faults = [_fault(one, statements) for one in kept["faults"]]
    gates = [(title, [one for one in faults if one["gate"] == gate]) for gate, title in _GATES.items()]
    return templating.html("what_this_catches.html", {**kept, "gates": gates})


def _fault(fault: Mapping[str, Any], statements: Mapping[str, str]) -> dict[str, Any]:
    links = [(statements.get(link["check"], link["check"]), link["row"]) for link in fault["caught_by"]]
    if fault["held_by_another_test"]:
        other = "A test of its own plants it: it can act in a rehearsal only."
    elif not fault["end"]:
        other = "Not measured yet."
    elif fault["proof"]:
        other = "A witness is missing; the run is CONDITIONAL."
    elif fault["end"] == "guard" and not links:
        other = "No check, but a guard: a limit of the transport, or a wait that never saw its goal."
    else:
        other = ""
    return {**fault, "links": links, "other": other}
