"""What a session leaves behind: the journal as the only truth, reports written once, nothing ever overwritten."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_paygate.core.journal import read
from pytest_paygate.core.run import fold
from pytest_paygate.core.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.project import Project

# The last line of a row that makes every further write to a file longer than the journal fail, as a full disk does.
FULL_DISK = """import resource, signal, pathlib
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
(journal,) = pathlib.Path("reports").glob("demo/*/journal.jsonl")
resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + {room}, resource.RLIM_INFINITY))
facts["order_id"] = "ord_1"
"""


def prints(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_session_leaves_its_own_folder(project: Project) -> None:
    """Two sessions leave two folders, and the second changes no byte of the first."""
    project.run_here()
    (first,) = project.folders()
    before = prints(first)
    project.body("refund", "assert False")

    project.run_here()

    assert len(project.folders()) == 2
    assert prints(first) == before
    assert sorted(before) == [
        "attestation.json",
        "evidence.json",
        "gate.toml",
        "journal.jsonl",
        "manifest.json",
        "report.html",
        "report.md",
        "session.log",
    ]


def test_pages_across_runs_are_rebuilt(project: Project) -> None:
    """`sessions.md` lists every run, newest first, and the go/no-go pages are there in both forms."""
    project.run_here()
    project.run_here()
    reports = project.path / "reports"
    names = [folder.name for folder in project.folders()]

    page = (reports / "demo" / "sessions.md").read_text(encoding="utf-8").replace("\\", "")
    assert sorted(names, key=page.index) == sorted(names, reverse=True)
    assert "PENDING" in (reports / "go-no-go.md").read_text(encoding="utf-8")
    assert "PENDING" in (reports / "go-no-go.html").read_text(encoding="utf-8")


def test_a_process_that_dies_leaves_an_incomplete_run(project: Project) -> None:
    """A row that ends the process with code 0 leaves a journal without an end, which folds to INCOMPLETE."""
    project.body("payment", "import os\nos._exit(0)")

    project.run()

    assert project.state().finished is None
    assert project.judgement().verdict == "INCOMPLETE"
    assert project.state().open_row == "payment"


def test_the_run_after_a_death_shows_it(project: Project) -> None:
    """The next session lists the run that was cut off as INCOMPLETE and leaves its folder alone."""
    project.body("payment", "import os\nos._exit(0)")
    project.run()
    (dead,) = project.folders()
    before = prints(dead)
    project.body("payment", "facts['paid'] = Money(1999, 'EUR')")

    assert project.run_here().ret == 0
    page = (project.path / "reports" / "demo" / "sessions.md").read_text(encoding="utf-8")
    assert "INCOMPLETE" in page
    assert "PASS" in page
    assert prints(dead) == before


def test_nobody_talks_the_exit_code_down(project: Project) -> None:
    """A conftest that sets the exit status to 0 changes neither the exit code nor what is written."""
    project.write(
        "conftest.py",
        "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    )
    project.body("order", "assert False")

    result = project.run()

    assert result.ret == 1
    assert project.evidence()["verdict"] == "FAIL"
    result.stdout.fnmatch_lines(["*gate demo: FAIL*"])


def test_conftest_that_breaks_at_the_end_does_not_hide_the_verdict(project: Project) -> None:
    """The verdict is written and said even when a conftest raises at the end of the session."""
    project.write("conftest.py", "def pytest_sessionfinish(session):\n    raise RuntimeError('broken')\n")

    result = project.run()

    assert result.ret != 0
    assert project.evidence()["verdict"] == "PASS"
    result.stdout.fnmatch_lines(["*gate demo: PASS*"])


def test_verdict_comes_from_the_folded_journal(project: Project) -> None:
    """The evidence, both reports and the terminal say what folding the journal from disk says."""
    project.body("payment", "assert False")

    result = project.run_here()

    (folder,) = project.folders()
    verdict = str(judge(fold(read((folder / "journal.jsonl").read_bytes(), "journal").entries)).verdict)
    assert verdict == "FAIL"
    assert project.evidence()["verdict"] == verdict
    assert verdict in (folder / "report.md").read_text(encoding="utf-8")
    assert verdict in (folder / "report.html").read_text(encoding="utf-8")
    result.stdout.fnmatch_lines([f"*gate demo: {verdict}*"])


def test_every_journal_line_has_its_line_in_the_session_log(project: Project) -> None:
    """The session log has one numbered line for each journal line, which the Trace column points into."""
    project.run_here()
    (folder,) = project.folders()

    numbers = [line[:5] for line in (folder / "session.log").read_text(encoding="utf-8").splitlines()]
    assert numbers == [f"{entry.seq + 1:05d}" for entry in project.entries()]


def test_reports_folder_that_cannot_be_made_stops_everything(project: Project) -> None:
    """With a file where the reports folder should be, no row's body runs, and the refusal says why; exit 4."""
    project.write("reports", "a file")

    result = project.run()

    assert result.ret == 4
    assert project.bodies() == []
    result.stdout.fnmatch_lines(["*gate demo did not run*", "*cannot be written in*", "*observed  *"])
    assert (project.path / "reports").read_text(encoding="utf-8") == "a file"


def test_full_disk_inside_a_row_stops_the_run(project: Project) -> None:
    """When the journal cannot grow any more, the run stops there, what was written stays readable, and it is no pass."""
    project.body("order", FULL_DISK.format(room=40))

    result = project.run("-p", "no:cacheprovider")

    (folder,) = project.folders()
    journal = read((folder / "journal.jsonl").read_bytes(), "journal.jsonl")
    assert result.ret not in {0, 5}
    assert journal.torn_bytes == 40
    assert fold(journal.entries).open_row == "order"
    assert judge(fold(journal.entries)).verdict == "INCOMPLETE"
    assert project.bodies() == ["ready", "order"]
    result.stdout.fnmatch_lines(["*the journal cannot be written, so the run stops here*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_report_that_cannot_be_written_is_no_pass(project: Project) -> None:
    """A run whose rows all passed but whose report cannot be written exits with 22 and says so."""
    project.body(
        "refund",
        "facts['refund_id'] = 're_1'\nimport pathlib\n"
        "(folder,) = pathlib.Path('reports').glob('demo/*')\n(folder / 'report.html').write_text('taken')",
    )

    result = project.run()

    assert result.ret == 22
    result.stdout.fnmatch_lines(["*report    NOT WRITTEN: report.html cannot be written in *"])
    assert (project.folders()[0] / "report.html").read_text(encoding="utf-8") == "taken"
