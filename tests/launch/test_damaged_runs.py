"""Runs nobody can fully believe: what is known is shown, what is missing is said, and nothing is better than INCOMPLETE."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_paygate.core.verdict import Verdict
from pytest_paygate.reporting.reading import load
from tests.golden.scenes import RUN_ID, go, no_go

BETTER = {Verdict.PASS, Verdict.PENDING, Verdict.CONDITIONAL}


def damaged(reports, change, run_id=RUN_ID):
    """Lay a run down whose journal somebody changed, and write its report."""
    from pytest_paygate.reporting.run_reports import write

    folder = reports.lay(go(), run_id)
    path = folder / "journal.jsonl"
    path.write_bytes(change(path.read_bytes()))
    (outcome,) = write(reports.root, run_id, ["e2e"])
    return folder, outcome


def cut(at):
    """Everything after so many lines is gone, as after a crash or a malicious cut."""
    return lambda content: b"".join(content.splitlines(keepends=True)[:at])


CHANGES = {
    "cut between two lines": cut(60),
    "cut inside a line": lambda content: content[: len(content) // 2],
    "a line of another file": lambda content: content.replace(b"\n", b'\n{"hello": 1}\n', 40).replace(
        b'{"hello": 1}\n', b"", 39
    ),
    "a byte changed": lambda content: content.replace(b"EUR", b"USD", 1),
    "a line twice": lambda content: b"".join(
        line * (2 if number == 50 else 1) for number, line in enumerate(content.splitlines(keepends=True))
    ),
    "not UTF-8": lambda content: content[:-9000] + b"\xff\xfe" + content[-9000:],
    "an event of a later version": lambda content: content.replace(b'"kind":"query"', b'"kind":"query_v2"', 1),
    "nul bytes": lambda content: content[:-12000] + b"\0" * 400 + content[-12000:],
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_known_is_shown(reports, name):
    """Whatever is wrong after the start of a journal, the report shows the rows before it, names the damage, and is red."""
    folder, outcome = damaged(reports, CHANGES[name])
    assert outcome.verdict not in BETTER
    assert load(folder).view().verdict not in BETTER
    page = (folder / "report.html").read_text(encoding="utf-8")
    record = json.loads((folder / "evidence.json").read_text())
    assert record["verdict"] == outcome.verdict
    assert record["damage"] or "cut off" in " ".join(record["reasons"])
    assert "GET /health answers 200" in page
    assert re.search(r'class="verdict (INCOMPLETE|ESCALATED)', page)


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"cut between two lines", "cut inside a line"}))
def test_a_damaged_run_is_not_sealed(reports, name):
    """Damage is not sealed over: there is no attestation, and the end of the session says why."""
    folder, outcome = damaged(reports, CHANGES[name])
    assert not list(folder.glob("attestation*"))
    assert outcome.failure == "the journal is damaged"
    assert reports.run("history")[1].count(RUN_ID) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "its journal is empty"),
        (b"\n", "line 0 cannot be trusted"),
        (b"PK\x03\x04 a zip file\n", "line 0 cannot be trusted"),
        (b'{"event":{"kind":"run_started"}}\n', "line 0 cannot be trusted"),
        (
            b'{"seq":0,"prev":"","at":"","elapsed_seconds":0.0,"event":{"kind":"run_began_v9"}}\n',
            "line 0 cannot be trusted",
        ),
    ],
    ids=["empty", "blank", "foreign", "half", "future"],
)
def test_a_journal_without_a_run_is_refused_by_name(reports, content, told):
    """An empty, foreign or future journal makes no report; the command names what it saw, and the run stays listed."""
    folder = reports.lay(go())
    (folder / "journal.jsonl").write_bytes(content)
    code, output = reports.run("report", RUN_ID)
    assert code == 2
    assert "cannot be shown" in output
    assert told in output
    assert f"UNREADABLE e2e/{RUN_ID}" in reports.run("history")[1]


def test_a_newer_journal_version_says_so(reports):
    """A journal that says it is of a later version is not read as one of this."""
    folder = reports.lay(go())
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"schema_version":1', b'"schema_version":2', 1))
    code, output = reports.run("report", RUN_ID)
    assert code == 2
    assert "journal version 2 is not 1" in output


def test_a_disk_without_room_is_no_pass(tmp_path):
    """Without room for its report a run is not a pass, and what is known still stands in its journal."""
    code = """
import pathlib, resource, signal, sys
from tests.launch.folders import Reports
from tests.golden.scenes import go
from pytest_paygate.reporting.run_reports import write
root = pathlib.Path(sys.argv[1]) / "reports"
folder = Reports(root, root, root).lay(go())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
(outcome,) = write(root, folder.name, ["e2e"])
print(outcome.failure)
print((folder / "journal.jsonl").stat().st_size > 1000, list(folder.glob("attestation*")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    folder = tmp_path / "reports" / "e2e" / RUN_ID
    assert done.stdout.splitlines() == [f"report.md cannot be written in {folder}", "True []"]


def test_a_report_is_never_written_over(reports, tmp_path):
    """`paygate report --out` leaves a file that is there as it is."""
    reports.add(no_go())
    target = tmp_path / "mine.md"
    target.write_text("mine")
    code, output = reports.run("report", RUN_ID, "--out", str(target))
    assert code == 1
    assert "File exists" in output
    assert target.read_text() == "mine"


@pytest.mark.parametrize("form", ["md", "html", "json", "ctrf", "summary"])
def test_the_same_journal_gives_the_same_bytes(reports, form):
    """Rendered again, a run's report is byte for byte the one that was sealed."""
    reports.add(no_go())
    folder = reports.root / "e2e" / RUN_ID
    code, output = reports.run("report", RUN_ID, "--format", form)
    assert code == 0
    assert output == reports.run("report", RUN_ID, "--format", form)[1]
    sealed = {"md": "report.md", "html": "report.html", "json": "evidence.json"}.get(form)
    if sealed:
        assert output == (folder / sealed).read_text(encoding="utf-8")


def test_two_runs_are_compared(reports):
    """`--diff` names the verdict, rows and facts that differ, and leaves ids and times out."""
    from tests.launch.folders import later

    reports.add(go())
    reports.add(no_go(), later(1))
    code, output = reports.run("report", "--diff", RUN_ID, later(1))
    assert code == 0
    assert "| verdict | PASS | FAIL |" in output
    assert "| licence | PASS | FAIL: the number of licences of this order is not as expected |" in output
    assert "| licence\\_type | standard | — |" in output
    assert "order\\_id" not in output
