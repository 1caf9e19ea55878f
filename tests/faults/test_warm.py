"""A run in the warm process is a run of its own; one that does not end by itself counts as none."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.faults.runs import look
from tests.faults.warm import OUTPUT_FILE, Order, Warm

SECONDS_MAX = 60
KEEPS_TO_ITSELF = """
import os, pathlib, random, sys
def test_it():
    assert os.environ["MINE"] == pathlib.Path.cwd().name
    assert "LEFT" not in os.environ and not hasattr(sys, "left")
    os.environ["LEFT"] = sys.left = "x"
    pathlib.Path("random").write_text(str(random.random()))
"""
STAYS = """
import os, pathlib, time
def test_it():
    pathlib.Path("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def project(tmp_path):
    """Make a project folder with one test file."""

    def make(name: str, source: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "test_it.py").write_text(source)
        (folder / "pytest.ini").write_text("[pytest]\n")
        return folder

    return make


def order_for(folder: Path, *, key: int = 1, seconds_max: float = SECONDS_MAX) -> Order:
    """Run the tests of a folder."""
    return Order(key, str(folder), ["-q"], {"MINE": folder.name}, seconds_max)


def test_runs_share_nothing(project):
    """Environment, working folder, modules and random numbers of one run are not those of the next."""
    folders = [project(name, KEEPS_TO_ITSELF) for name in ("first", "second", "third")]
    with Warm() as warm:
        for key, folder in enumerate(folders):
            warm.start(order_for(folder, key=key))
            ended = warm.ended()
            assert (ended.key, ended.exit_code) == (key, 0), (folder / OUTPUT_FILE).read_text()
    assert len({(folder / "random").read_text() for folder in folders}) == 3


def test_a_red_run_is_told_with_its_output(project):
    """Exit code and output are those of the run."""
    folder = project("red", "def test_it(): assert 'this' == 'that'\n")
    with Warm() as warm:
        warm.start(order_for(folder))
        assert warm.ended().exit_code == 1
    assert "assert 'this' == 'that'" in (folder / OUTPUT_FILE).read_text()


@pytest.mark.parametrize(
    ("source", "seconds_max"),
    [(STAYS, 5.0), ("import os\ndef test_it(): os.kill(os.getpid(), 9)\n", SECONDS_MAX)],
    ids=["too long", "killed"],
)
def test_a_run_that_does_not_end_by_itself_has_no_exit_code(project, source, seconds_max):
    """Cut off or dead of a signal, it is neither a caught fault nor a clean run."""
    folder = project("lost", source)
    with Warm() as warm:
        warm.start(order_for(folder, seconds_max=seconds_max))
        ended = warm.ended()
    assert ended.exit_code is None
    seen = look(folder, ended.exit_code)
    assert seen.verdict == "cut off"
    assert not seen.is_clean


def test_what_still_runs_ends_with_the_warm_process(project):
    """Nobody waits for a run that nobody will read."""
    folder = project("stays", STAYS)
    with Warm() as warm:
        warm.start(order_for(folder))
        until = time.monotonic() + SECONDS_MAX
        while not (folder / "pid").exists() or not (folder / "pid").read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        pid = int((folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
