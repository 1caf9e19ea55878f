"""Gate runs with faults planted: what one is asked to do, and what it left behind.

Owns neither expectation nor figure. Runs are made several at once by a warm process; one that was cut off says so, and
is never taken for anything else.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.entry import E2E, MICROCHARGE, Planted
from tests.faults.planting import FIRED_FILE, PLANTED_VARIABLE, RELENTED_FILE, RELENTING_VARIABLE
from tests.faults.warm import OUTPUT_FILE, Order, Warm, project_folder
from tests.gate_runs import copy_gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Short enough that a fault's poll ends soon. What is harmless gets the gate's own deadlines, so that a busy machine
# turns nothing red.
_QUICK: dict[str, dict[str, float]] = {
    E2E: {
        "completed_within_seconds": 3,
        "refunded_within_seconds": 6,
        "transfer_within_seconds": 2,
        "payment_hold_seconds": 20,
        "refund_stays_seconds": 1.0,
    },
    MICROCHARGE: {
        "refund_within_seconds": 5,
        "refund_grace_seconds": 4,
        "charged_within_seconds": 5,
        "payment_hold_seconds": 20,
        "posted_within_seconds": 3,
        "logged_within_seconds": 3,
        "event_within_seconds": 3,
    },
}
# What a run that was cut off had written last says what it was waiting for.
_LAST_LINES = 5
# Runs sleep for more than half of their time, so several for each processor.
AT_ONCE = 4 * (os.cpu_count() or 1)


class Job(NamedTuple):
    """One gate run: which gate, what is planted, and whether that is a fault the gate may wait for in vain.

    `relents` is how many of the checks that find something are set aside, one after the other; `label` tells runs
    apart that are alike.
    """

    gate: str
    planted: tuple[Planted, ...]
    is_fault: bool
    relents: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one gate run left behind.

    `fired` counts how often each fault acted in its sandbox. `made` are the checks that were made, each with its
    statement; `failed` those that found something, each with its row, in the order of the rows; `relented` those that
    found something and were set aside, each with its row, in the order in which they did.
    """

    exit_code: int | None
    verdict: str
    red_rows: frozenset[str]
    red_criteria: frozenset[str]
    reasons: str
    fired: Mapping[str, int]
    output: str
    made: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    relented: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether the run is a whole PASS."""
        return self.exit_code == 0 and self.verdict == "PASS" and not self.red_rows and not self.red_criteria


def carry_out(jobs: Iterable[Job], then: Callable[[Job, Seen], Iterable[Job]] | None = None) -> dict[Job, Seen]:
    """Make every run once, several at a time, and the runs that follow from what one showed.

    Args:
        jobs: the runs; those that are alike are one.
        then: asked after every run which others it gives reason for.
    """
    waiting = list(dict.fromkeys(jobs))
    known = set(waiting)
    seen: dict[Job, Seen] = {}
    running: dict[int, tuple[Job, Path, ExitStack]] = {}
    began = 0
    with Warm() as warm:
        while waiting or running:
            # The first alone: what it had to import, none of the others has to.
            while waiting and len(running) < (AT_ONCE if seen else 1):
                job, stack = waiting.pop(0), ExitStack()
                folder = stack.enter_context(project_folder())
                running[began] = (job, folder, stack)
                warm.start(_order(began, job, folder))
                began += 1
            ended = warm.ended()
            job, folder, stack = running.pop(ended.key)
            with stack:
                seen[job] = look(folder, ended.exit_code)
            following = [one for one in (then(job, seen[job]) if then else ()) if one not in known]
            known.update(following)
            waiting += dict.fromkeys(following)
    return seen


def _order(key: int, job: Job, folder: Path) -> Order:
    copy_gate(folder, job.gate, **(_QUICK[job.gate] if job.is_fault else {}))
    environment = {
        PLANTED_VARIABLE: json.dumps({one.name: dict(one.settings) for one in job.planted}),
        RELENTING_VARIABLE: str(job.relents),
    }
    # A fault is asked for as anybody would; what has parameters reaches the sandbox by the plugin only.
    typed = [f"--paygate-fault={one.name}" for one in job.planted] if job.is_fault else []
    return Order(key, str(folder), [f"suites/{job.gate}", "-q", "-p", "tests.faults.planting", *typed], environment)


def look(folder: Path, exit_code: int | None) -> Seen:
    """Read what a run left in its folder.

    Args:
        folder: the project it ran in.
        exit_code: what it ended with, None when it was cut off.
    """
    written = folder / OUTPUT_FILE
    output = written.read_text(errors="replace") if written.exists() else ""
    fired, relented = _told(folder / FIRED_FILE), _told(folder / RELENTED_FILE)
    found = sorted((folder / "reports").glob("*/*/evidence.json"))
    if exit_code is None:
        for journal in (folder / "reports").glob("*/*/journal.jsonl"):
            output += "\nthe journal ends with\n" + "\n".join(
                journal.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            )
    if exit_code is None or not found:
        verdict = "cut off" if exit_code is None else "no run"
        return Seen(exit_code, verdict, frozenset(), frozenset(), "", fired, output, relented=relented)
    evidence = json.loads(found[-1].read_text())
    checks = [(check, row["id"]) for row in evidence["rows"] for check in row["checks"]]
    return Seen(
        exit_code=exit_code,
        verdict=evidence["verdict"],
        red_rows=frozenset(row["id"] for row in evidence["rows"] if row["status"] not in {"PASS", "BLOCKED"}),
        red_criteria=frozenset(one["id"] for one in evidence["criteria"] if one["status"] == "FAIL"),
        reasons=" ".join(evidence["reasons"]),
        fired=fired,
        output=output,
        made={check["id"]: check["holds"] for check, _row in checks},
        failed={check["id"]: row for check, row in checks if not check["held"]},
        relented=relented,
    )


def _told(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text()) if file.exists() else {}
