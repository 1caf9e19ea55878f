"""What the last whole matrix showed, kept as data that is shipped: the pages about it are rendered from this alone.

Owns the shape of the data; what each figure means, `score` knows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.faults.catalogue import ENTRIES
from tests.gate_runs import ROOT

if TYPE_CHECKING:
    from tests.faults.chains import Chain
    from tests.faults.entry import Entry, Planted
    from tests.faults.score import Score

RESULT = ROOT / "src" / "pytest_paygate" / "renderers" / "templates" / "planted_faults.json"
_FIGURES = (
    "planted",
    "caught",
    "right_row",
    "twins",
    "twins_red",
    "fired",
    "pairs",
    "pairs_passed",
    "clean_runs",
    "red",
)


def write(score: Score, seed: int) -> None:
    """Keep the result of a whole matrix."""
    RESULT.write_text(_text(of(score, seed)))


def refresh() -> None:
    """Bring the kept result up to today's catalogue without a run: what has changed since is told as not measured."""
    kept = json.loads(RESULT.read_text())
    measured = {one["fault"]: one for one in kept["faults"] if one["end"]}
    load_registry()
    faults = []
    for entry in ENTRIES:
        today, before = _fault(entry, None), measured.get(entry.fault)
        same = before is not None and {**before, "caught_by": [], "end": ""} == today
        faults.append(before if same else today)
    RESULT.write_text(_text({**kept, "faults": faults}))


def of(score: Score, seed: int) -> dict[str, Any]:
    """The result as data."""
    load_registry()
    return {
        "score": str(score),
        "figures": {name: getattr(score, name) for name in _FIGURES}
        | {"checks": len(score.checks), "load_bearing": len(score.proved_by)},
        "problems": len(score.problems),
        "seed": seed,
        "checks": [
            {
                "id": name,
                "holds": score.checks[name],
                "gates": sorted(score.checks_of[name]),
                "proved_by": score.proved_by.get(name, []),
            }
            for name in sorted(score.checks)
        ],
        "faults": [_fault(entry, score.chains.get(entry.fault)) for entry in ENTRIES],
    }


def _text(kept: dict[str, Any]) -> str:
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def _fault(entry: Entry, chain: Chain | None) -> dict[str, Any]:
    return {
        "fault": entry.fault,
        "number": entry.number,
        "summary": REGISTRY[entry.fault].summary,
        "gate": entry.gate,
        "layer": str(entry.layer),
        "rows": sorted(entry.rows),
        "proof": entry.proof,
        "held_by_another_test": bool(entry.held_by),
        "critical": entry.critical,
        "caught_by": [{"check": link.check, "row": link.row} for link in chain.links] if chain else [],
        "end": str(chain.end) if chain else "",
        "twins": [_twin(one) for one in entry.twins],
    }


def _twin(twin: Planted) -> dict[str, str]:
    return {
        "name": twin.name,
        "with": ", ".join(f"{name} {value}" for name, value in twin.parameters),
        "summary": REGISTRY[twin.name].summary.removesuffix("; benign"),
    }
