"""Runs gates with faults and twins planted, several at once, and counts what was caught.

Owns the score: what counts as caught, as the right row, as a red twin. A figure that was not measured is not in it.
"""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.catalogue import ENTRIES
from tests.faults.entry import E2E, MICROCHARGE, Planted
from tests.faults.planting import FIRED_FILE, PLANTED_VARIABLE
from tests.gate_runs import ROOT, copy_gate, run_gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.faults.entry import Entry

# Short enough that a fault's poll ends soon. A twin gets the gate's own deadlines, so that a busy machine harms nobody.
_QUICK: dict[str, dict[str, float]] = {
    E2E: {
        "completed_within_seconds": 1.5,
        "refunded_within_seconds": 1.5,
        "transfer_within_seconds": 1.0,
        "payment_hold_seconds": 20,
        "refund_stays_seconds": 1.0,
    },
    MICROCHARGE: {
        "refund_within_seconds": 5,
        "charged_within_seconds": 5,
        "payment_hold_seconds": 20,
        "logged_within_seconds": 3,
    },
}
_HARMFUL_VERDICTS = {"FAIL", "STOPPED", "ESCALATED"}
# In `make test`: every layer, both gates, and a run that is CONDITIONAL.
SMOKE = (
    "status_lies_environment",
    "huge_body",
    "charge_amount_short",
    "order_never_completes",
    "transfer_id_null",
    "refund_not_sent",
    "fleet_charges_twice",
    "fleet_log_missing",
    "fleet_refund_partial",
)


class Job(NamedTuple):
    """One gate run: which gate, what is planted, and whether it is a fault that the gate may wait for in vain."""

    gate: str
    planted: Planted
    is_fault: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What one gate run left behind; `fired` counts how often each fault acted in its sandbox."""

    exit_code: int
    verdict: str
    red_rows: frozenset[str]
    red_criteria: frozenset[str]
    reasons: str
    fired: Mapping[str, int]
    output: str

    @property
    def is_clean(self) -> bool:
        """Whether the run is a whole PASS."""
        return self.exit_code == 0 and self.verdict == "PASS" and not self.red_rows and not self.red_criteria


@dataclass
class Score:
    """The figures of one set of runs, and every problem in words."""

    planted: int = 0
    caught: int = 0
    right_row: int = 0
    twins: int = 0
    twins_red: int = 0
    fired: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The last line of `make faults`, of the figures that were measured."""
        return (
            f"faults: planted={self.planted} caught={self.caught} right_row={self.right_row}"
            f" twins={self.twins} twins_red={self.twins_red} fired={self.fired}"
        )

    def take_fault(self, entry: Entry, seen: Seen) -> None:
        """Count one planted fault."""
        fired = seen.fired.get(entry.fault, 0) > 0
        caught = _is_caught(entry, seen)
        right = caught and seen.red_rows == entry.rows and seen.red_criteria == entry.criteria
        self.planted += 1
        self.fired += fired
        self.caught += caught
        self.right_row += right
        if not fired:
            self.problems.append(f"{entry.fault}: did not act")
        if not caught:
            self.problems.append(f"{entry.fault}: missed, verdict {seen.verdict}\n{seen.output}")
        elif not right:
            self.problems.append(
                f"{entry.fault}: red are {_told(seen.red_rows)} and {_told(seen.red_criteria)},"
                f" expected {_told(entry.rows)} and {_told(entry.criteria)}"
            )

    def take_twin(self, entry: Entry, twin: Planted, seen: Seen) -> None:
        """Count one harmless twin."""
        self.twins += 1
        if not seen.is_clean:
            self.twins_red += 1
            self.problems.append(f"twin {twin} of {entry.fault}: {seen.verdict}\n{seen.output}")
        if not seen.fired.get(twin.name, 0):
            self.problems.append(f"twin {twin} of {entry.fault}: did not act")


def chosen(size: str) -> tuple[Entry, ...]:
    """The entries that a size plants: `smoke` or `full`; never one that only another test can plant."""
    entries = tuple(entry for entry in ENTRIES if not entry.held_by)
    return entries if size == "full" else tuple(entry for entry in entries if entry.fault in SMOKE)


def run(size: str) -> Score:
    """Plant every fault and every twin of a size, each in a gate run of its own; twins that are alike run once."""
    entries = chosen(size)
    jobs: dict[Job, None] = {}
    for entry in entries:
        jobs[Job(entry.gate, entry.planted, is_fault=True)] = None
        jobs |= {Job(entry.gate, twin, is_fault=False): None for twin in entry.twins}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        seen = dict(zip(jobs, pool.map(carry_out, jobs), strict=True))
    return scored(entries, seen)


def scored(entries: Sequence[Entry], seen: Mapping[Job, Seen]) -> Score:
    """Count runs against what the catalogue expects of them."""
    score = Score()
    for entry in entries:
        score.take_fault(entry, seen[Job(entry.gate, entry.planted, is_fault=True)])
        for twin in entry.twins:
            score.take_twin(entry, twin, seen[Job(entry.gate, twin, is_fault=False)])
    return score


def carry_out(job: Job) -> Seen:
    """Run one gate in a process of its own, with its own sandbox, and one fault or twin planted."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        copy_gate(folder, job.gate, **(_QUICK[job.gate] if job.is_fault else {}))
        environment = {
            PLANTED_VARIABLE: json.dumps({job.planted.name: dict(job.planted.settings)}),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        # A fault is asked for as anybody would; a twin's parameters reach the sandbox by the plugin only.
        typed = [f"--paygate-fault={job.planted.name}"] if job.is_fault else []
        result = run_gate(folder, f"suites/{job.gate}", "-q", "-p", "tests.faults.planting", *typed, env=environment)
        told = folder / FIRED_FILE
        fired = json.loads(told.read_text()) if told.exists() else {}
        if result.folder is None:
            return Seen(result.exit_code, "no run", frozenset(), frozenset(), "", fired, result.output)
        evidence = result.evidence
        return Seen(
            exit_code=result.exit_code,
            verdict=evidence["verdict"],
            red_rows=frozenset(result.red_rows()),
            red_criteria=frozenset(one["id"] for one in evidence["criteria"] if one["status"] == "FAIL"),
            reasons=" ".join(evidence["reasons"]),
            fired=fired,
            output=result.output,
        )


def _is_caught(entry: Entry, seen: Seen) -> bool:
    if seen.exit_code == 0:
        return False
    if entry.proof:
        return seen.verdict == "CONDITIONAL" and entry.proof in seen.reasons
    return seen.verdict in _HARMFUL_VERDICTS and bool(seen.red_rows & entry.rows)


def _told(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
