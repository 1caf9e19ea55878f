"""The documentation's page of planted faults, written from the result of the last whole matrix.

Owns the page's text. It runs nothing; what it tells was measured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.faults.result import RESULT
from tests.gate_runs import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = ROOT / "docs" / "explanation" / "what-this-catches.md"
_TITLES = {"e2e": "Marketplace purchase (e2e)", "microcharge": "Microcharge"}
_INTRODUCTION = """# What this catches

A green gate over a broken payment system is worse than none. So every fault below was planted in the sandbox, one at a time, and
the whole gate was run against it. A fault counts as caught when the run is no PASS and exactly the row named here is red, with
exactly its lines of the checklist. Each fault has a **twin**: something harmless that looks nearly the same, such as the same
webhook a moment later. A twin that turns anything red counts as a defect of the gate, just like a fault that is missed. And a
fault counts only when the sandbox says that it really acted. The twins were planted in the clean runs, a few at a time and with
other harmless things: each of them in one at least, and by itself wherever such a run was red.

Then the run was made once more, and each check that caught the fault was set aside as it did, until the fault slipped through. The
column *caught by* shows that chain. One that ends in *then it slips* proves each of its checks: without them nothing else would have
spoken. One that ends in *then a guard* proves nothing of its checks, because something that is no check still kept the run from a
PASS: a limit of the transport, a missing witness, a poll that never saw its goal. A fault in **bold** is one of the worst, which
two different checks must catch, and which was planted together with every other of them.

A number such as F39 is that of the known weakness of payment systems of which the fault is an example.
`reports/what-this-catches.html` shows the same to a release manager.
"""
_NOT_COVERED = """## What is not covered

- What is not here has not been tried: this is a selection, not a proof. See [what this cannot guarantee](limits.md).
- All of it happened in the embedded sandbox, which is ours. A real provider can break in ways that its emulator cannot.
- Two faults at once were tried for the worst only, and within one gate; three at once were not.
- A fault that acts only sometimes is caught only when it acts during the run.
"""


def text() -> str:
    """The whole page."""
    result = json.loads(RESULT.read_text())
    parts = [_INTRODUCTION, _figures(result)]
    for gate, title in _TITLES.items():
        rows = [_row(fault) for fault in result["faults"] if fault["gate"] == gate]
        head = "| fault | what it does | layer | red row | caught by | twin that stays green |\n" + "| --- " * 6 + "|"
        parts.append("\n".join((f"## {title}\n", head, *rows, "")))
    return "\n".join((*parts, _checks(result), _NOT_COVERED))


def _figures(result: Mapping[str, Any]) -> str:
    faults, figures = result["faults"], result["figures"]
    elsewhere = sum(one["held_by_another_test"] for one in faults)
    guarded = [one["fault"] for one in faults if one["end"] == "guard" and not one["caught_by"]]
    return f"""## The score of the last run

```
pairs={figures["pairs"]} passed={figures["pairs_passed"]}
{result["score"]}
```

{elsewhere} more can act in a rehearsal only; a test of its own plants each of them. {len(guarded)} are caught by something that is no
check: {", ".join(f"`{name}`" for name in guarded) or "none"}. In {figures["clean_runs"]} runs with nothing but harmless noise, drawn from
seed {result["seed"]}, {figures["red"]} were red. `make faults` in a checkout makes all of these runs again, and fails on any
miss, red twin, fault that did not act, check without effect or red clean run.
"""


def _row(fault: Mapping[str, Any]) -> str:
    number = f" ({fault['number']})" if fault["number"] else ""
    name = f"**`{fault['fault']}`**" if fault["critical"] else f"`{fault['fault']}`"
    rows = ", ".join(f"`{row}`" for row in fault["rows"]) or "none: CONDITIONAL"
    twins = (
        "; ".join(_told(twin) for twin in fault["twins"])
        or "none here: it can act in a rehearsal only, whose own tests plant it"
    )
    return f"| {name}{number} | {fault['summary']} | {fault['layer']} | {rows} | {_chain(fault)} | {twins} |"


def _chain(fault: Mapping[str, Any]) -> str:
    if fault["held_by_another_test"]:
        return "its own test"
    if not fault["end"]:
        return "not measured yet"
    links = [f"`{link['check']}` in `{link['row']}`" for link in fault["caught_by"]]
    ends = {"slips": "then it slips", "guard": "then a guard" if links else "a guard", "longer": "then more"}
    if fault["proof"]:
        return "its missing witness"
    return ", ".join((*links, ends[fault["end"]]))


def _told(twin: Mapping[str, str]) -> str:
    given = f" with {twin['with']}" if twin["with"] else ""
    return f"`{twin['name']}`{given}: {twin['summary']}"


def _checks(result: Mapping[str, Any]) -> str:
    head = "| check | what holds of a system that may take money | gate | without it slips |\n" + "| --- " * 4 + "|"
    rows = [
        f"| `{one['id']}` | {one['holds']} | {', '.join(one['gates'])} |"
        f" {', '.join(f'`{name}`' for name in one['proved_by']) or 'nothing that was planted'} |"
        for one in result["checks"]
    ]
    return "\n".join(("## The checks\n", head, *rows, ""))
