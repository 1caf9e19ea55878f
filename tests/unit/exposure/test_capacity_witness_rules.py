"""The newest run that testifies of a capacity log: which one it is, what it says, and how far back anybody looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.capacity import Witness
from pytest_paygate.core.journal import GENESIS, encode, line_hash
from pytest_paygate.exposure.capacity_witness import newest_witness
from tests.unit.core.stories import STARTED

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime.fromisoformat("2026-11-21T09:15:00.250+00:00")
LOG, LINE = "a" * 64, "b" * 64
TAKEN = ex.CapacityTaken(line=3, line_sha256=LINE, log_sha256=LOG, left=24)
RETURNED = ex.CapacityReturned(left=25, reason="not sent")


def put(reports: Path, run_id: str, *events, environment: str = "prod", at: datetime = AT) -> Path:
    """Lay a run down; its events come a second apart."""
    folder = reports / "shop" / run_id
    folder.mkdir(parents=True)
    head, lines = GENESIS, []
    told = (STARTED.model_copy(update={"run_id": run_id, "environment": environment}), *events)
    for number, event in enumerate(told):
        lines.append(encode(number, head, at + timedelta(seconds=number), float(number), event))
        head = line_hash(lines[-1])
    (folder / "journal.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def witness(run_id: str) -> Witness:
    """What such a run testifies: when it began, and its line of the log."""
    return Witness(run_id, AT, LOG, 3, LINE)


def test_the_newest_run_that_took_a_unit_testifies(tmp_path):
    """Its beginning, the log, number and hash of the line; an older run is not heard."""
    for run_id in ("run-1", "run-3", "run-2"):
        put(tmp_path, run_id, TAKEN)
    assert newest_witness(tmp_path, "prod", besides="") == witness("run-3")


@pytest.mark.parametrize("newer", ["none taken", "given back", "elsewhere", "damaged", "impossible", "asking"])
def test_a_run_that_says_nothing_is_passed_over(tmp_path, newer):
    """One that took no unit or gave it back, is another environment's, cannot be read, or is the one that asks."""
    put(tmp_path, "run-1", TAKEN)
    events = {"none taken": (), "given back": (TAKEN, RETURNED), "impossible": (TAKEN, TAKEN)}.get(newer, (TAKEN,))
    folder = put(tmp_path, "run-2", *events, environment="test" if newer == "elsewhere" else "prod")
    if newer == "damaged":
        (folder / "journal.jsonl").write_bytes(b"{}\n{}\n")
    besides = "run-2" if newer == "asking" else ""
    assert newest_witness(tmp_path, "prod", besides=besides) == witness("run-1")


def test_nobody_testifies_where_no_run_is(tmp_path):
    """No reports, no runs, and no empty journal is a witness."""
    assert newest_witness(tmp_path / "none", "prod", besides="") is None
    folder = put(tmp_path, "run-1")
    (folder / "journal.jsonl").write_bytes(b"")
    assert newest_witness(tmp_path, "prod", besides="") is None


def test_twenty_runs_of_the_environment_are_looked_into(tmp_path):
    """The twentieth is heard and the twenty-first is not; runs elsewhere, unreadable or asking do not count as looks."""
    put(tmp_path, "run-00", TAKEN)
    put(tmp_path, "run-01", TAKEN)
    for number in range(2, 21):
        put(tmp_path, f"run-{number:02}")
    for number in range(21, 30):
        put(tmp_path, f"run-{number:02}", environment="test")
    put(tmp_path, "run-30")
    assert newest_witness(tmp_path, "prod", besides="run-30") == witness("run-01")
    put(tmp_path, "run-31")
    assert newest_witness(tmp_path, "prod", besides="run-30") is None
