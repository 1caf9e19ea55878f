"""`paygate watch` as a process: what it keeps, what it says, how it ends and what it survives."""

from __future__ import annotations

import http.server
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.sample_files import SampleFolder, segments
from pytest_paygate.core.board import Board
from pytest_paygate.core.window import Demand, Sample, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FOREVER = datetime(2090, 1, 1, tzinfo=UTC)


class Fleet:
    """A server with one path for each service; a test says how each answers."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.delays_seconds: dict[str, float] = {}
        self.bodies: dict[str, bytes] = {}
        self.open: dict[str, int] = {}
        self.at_once: dict[str, int] = {}
        fleet = self

        class Service(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer as the test said."""
                fleet.open[self.path] = fleet.open.get(self.path, 0) + 1
                fleet.at_once[self.path] = max(fleet.at_once.get(self.path, 0), fleet.open[self.path])
                try:
                    time.sleep(fleet.delays_seconds.get(self.path, 0.0))
                    self.send_response(fleet.statuses.get(self.path, 200))
                    self.send_header("Location", "/other")
                    self.end_headers()
                    self.wfile.write(fleet.bodies.get(self.path, b"ok"))
                except OSError:
                    pass
                finally:
                    fleet.open[self.path] -= 1

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """A fleet of healthy services."""
    made = Fleet()
    yield made
    made.server.shutdown()
    made.server.server_close()


def command(*arguments: str) -> list[str]:
    """`paygate watch` in this interpreter; a look has time on a busy machine too, unless a test says otherwise."""
    return [sys.executable, "-m", "pytest_paygate.cli", "watch", "--env=sandbox", "--timeout=20", *arguments]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a watch in a project of its own; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def kept(project: Path) -> list[Sample]:
    """Everything the store of a project holds."""
    return list(SampleFolder(project / "reports" / ".samples", "sandbox").samples([], LONG_AGO, FOREVER))


def until(project: Path, condition: Callable[[list[Sample]], bool]) -> list[Sample]:
    """The samples, once they are so."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        found = kept(project)
        if condition(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"not so after 30 s: {found[-3:]}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and output of a watch that was told to end."""
    output, _ = process.communicate(timeout=30)
    return process.returncode, output


def test_one_look_at_each(fleet, tmp_path):
    """--once looks at every endpoint once, keeps it, says so, and is red when one is not 200."""
    fleet.statuses["/a3"] = 503
    endpoints = [f"--endpoint={name}={fleet.url}/{name}" for name in ("a1", "a3")]
    done = subprocess.run(command("--once", *endpoints), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert {(sample.endpoint, sample.status) for sample in kept(tmp_path)} == {("a1", 200), ("a3", 503)}
    told = [line.split(" ", 1)[1] for line in done.stdout.splitlines()]
    assert told[0] == "watching a1, a3 of sandbox once"
    assert re.search(r"^a1: 200 after \d+ ms$", "\n".join(told), re.MULTILINE)
    assert re.search(r"^a3: 503 after \d+ ms$", "\n".join(told), re.MULTILINE)
    assert told[-1] == "2 samples taken, 0 lost"
    fleet.statuses.clear()
    assert subprocess.run(command("--once", *endpoints), cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_cleanly(fleet, started, tmp_path, number):
    """A signal ends it with exit code 0, and everything it took is kept."""
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    until(tmp_path, lambda found: len(found) >= 5)
    process.send_signal(number)
    code, output = ended(process)
    assert code == 0, output
    assert output.splitlines()[-1].endswith(f" {len(kept(tmp_path))} samples taken, 0 lost")


def test_it_looks_for_a_while(fleet, started, tmp_path):
    """--for ends by itself, with exit code 0 when every answer was 200; each look is of its own time."""
    code, output = ended(started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.2", "--for=3s"))
    assert code == 0, output
    found = kept(tmp_path)
    assert 2 <= len({sample.at for sample in found}) == len(found) <= 16


def test_a_restart_shows_the_gap(fleet, started, tmp_path):
    """Killed without warning and started again it goes on; the time between is a gap, and no line is damaged."""
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    first = until(tmp_path, lambda found: len(found) >= 5)
    process.kill()
    process.wait()
    time.sleep(1.2)
    started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    found = until(tmp_path, lambda found: len(found) >= len(first) + 8)
    now = datetime.now(UTC)
    judged = check(found, ["a1"], Demand(found[0].at, found[-1].at, 0.1, gap_max_seconds=1.0), now=now)["a1"]
    assert not judged.healthy
    assert judged.worst_gap_seconds >= 1.2
    assert len(segments(tmp_path / "reports" / ".samples" / "sandbox")) == 2


def test_two_watches_of_one_store_are_refused(fleet, started, tmp_path):
    """The second is told who is first, before it looks at anything."""
    started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    until(tmp_path, bool)
    code, output = ended(started(f"--endpoint=a1={fleet.url}/a2", "--interval=0.1"))
    assert code == 2
    assert output.startswith("environment sandbox is already being watched\n")
    assert "/a2" not in fleet.at_once


def test_one_request_at_a_time(fleet, started, tmp_path):
    """A service slower than the interval is asked again only when it has answered, and the missed looks are missing."""
    fleet.delays_seconds["/a1"] = 0.7
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.2", "--timeout=30")
    found = until(tmp_path, lambda found: len(found) >= 4)
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert fleet.at_once["/a1"] == 1
    assert all(sample.latency_ms >= 700 for sample in found)
    assert all((after.at - before.at).total_seconds() >= 0.7 for before, after in pairwise(found))


def test_what_is_no_answer_is_no_answer(fleet, tmp_path):
    """Nobody there, a late answer and one without end are status 0; a redirect is its own status, not its target's."""
    fleet.delays_seconds["/late"] = 2.0
    fleet.statuses["/moved"] = 302
    fleet.bodies["/huge"] = b"x" * 1_000_000
    urls = {name: f"{fleet.url}/{name}" for name in ("late", "moved", "huge")} | {"nobody": "http://127.0.0.1:9/"}
    arguments = [f"--endpoint={name}={url}" for name, url in urls.items()]
    subprocess.run(command("--once", "--timeout=0.5", *arguments), cwd=tmp_path, capture_output=True, check=False)
    found = {sample.endpoint: sample for sample in kept(tmp_path)}
    assert {name: sample.status for name, sample in found.items()} == {"late": 0, "moved": 302, "huge": 0, "nobody": 0}
    assert found["late"].latency_ms >= 500


def test_a_full_disk_is_told_and_survived(fleet, started, tmp_path):
    """When nothing more fits, it says so and goes on looking; when there is room again, what waited is kept."""
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    before = until(tmp_path, lambda found: len(found) >= 5)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
    time.sleep(2.0)
    full = kept(tmp_path)
    assert len(full) <= len(before) + 5
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found = until(tmp_path, lambda found: len(found) >= len(full) + 25)
    process.send_signal(signal.SIGTERM)
    code, output = ended(process)
    assert code == 0, output
    assert "samples cannot be kept in sandbox (File too large); " in output
    assert "the store is back after " in output
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(found)]
    assert max(gaps) < 1.5  # the disk was full for 2 s
    assert len({sample.at for sample in found}) == len(found)


def test_what_waits_is_kept_at_the_end(fleet, started, tmp_path):
    """Told to end while samples wait for the next try, it tries once more and loses none."""
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    until(tmp_path, lambda found: len(found) >= 3)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
    time.sleep(4.0)  # after tries at 0, 1 and 3 s the next is at 7 s
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    process.send_signal(signal.SIGTERM)
    code, output = ended(process)
    assert code == 0, output
    assert "the store is back" not in output
    assert output.splitlines()[-1].endswith(f" {len(kept(tmp_path))} samples taken, 0 lost")


def test_a_store_that_stays_down_is_not_silent(fleet, started, tmp_path):
    """A database that is down is told, looking goes on, and at the end what could not be kept is said and red."""
    (tmp_path / "paygate.toml").write_text('[store]\ndsn = "cmd:echo postgresql://u:hunter2@127.0.0.1:9/x"\n')
    code, output = ended(started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1", "--for=2s"))
    assert code == 1
    assert "the shared store of samples cannot be used (OperationalError); " in output
    assert re.search(r" (\d+) samples taken, \1 lost\n$", output)
    assert "hunter2" not in output


def test_a_change_is_a_line_and_the_rest_is_not(fleet, started, tmp_path):
    """Without a terminal there is a line when an answer changes, and no line for each look."""
    process = started(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    until(tmp_path, lambda found: len(found) >= 5)
    fleet.statuses["/a1"] = 500
    until(tmp_path, lambda found: any(sample.status == 500 for sample in found))
    fleet.statuses.clear()
    until(tmp_path, lambda found: found[-1].status == 200)
    process.send_signal(signal.SIGTERM)
    _, output = ended(process)
    told = [line.split(" ", 1)[1] for line in output.splitlines()]
    assert len(told) == 5
    assert re.fullmatch(r"a1: 500 after \d+ ms \(was 200\)", told[1])
    assert re.fullmatch(r"a1: 200 after \d+ ms \(was 500\)", told[2])
    assert re.fullmatch(r"a1 200 p95 \d+ ms of \d+, \d+ bad", told[3])
    assert "\x1b" not in output


def test_an_output_that_nobody_takes_stops_nothing(fleet, tmp_path):
    """With its log on a full disk, or its reader gone, it goes on looking and ends cleanly."""
    arguments = command(f"--endpoint=a1={fleet.url}/a1", "--interval=0.1")
    for output in ("/dev/full", "gone"):
        before = len(kept(tmp_path))
        reading, writing = os.pipe()
        os.close(reading)
        target = os.open(output, os.O_WRONLY) if output == "/dev/full" else os.dup(writing)
        process = subprocess.Popen(arguments, cwd=tmp_path, stdout=target, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        os.close(target)
        until(tmp_path, lambda found, before=before: len(found) >= before + 5)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
        assert (process.returncode, told) == (0, ""), output


def on_a_terminal(project: Path, url: str, **more: str) -> str:
    """What a watch writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    surroundings = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    process = subprocess.Popen(
        command(f"--endpoint=a1={url}/a1", "--interval=0.1", "--for=2s"),
        cwd=project,
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        env={**surroundings, "TERM": "xterm", **more},
    )
    os.close(theirs)
    written = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                written += os.read(ours, 65_536)
            except OSError:
                break
    process.wait(30)
    os.close(ours)
    return written.decode()


def test_a_terminal_gets_a_table(fleet, tmp_path):
    """On a terminal a table is drawn in place, and the cursor is given back."""
    written = on_a_terminal(tmp_path, fleet.url)
    assert "endpoint" in written
    assert "P95" in written
    assert "\x1b[?25l" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_none_gets_lines(fleet, tmp_path, variable):
    """NO_COLOR and a dumb terminal get plain lines."""
    written = on_a_terminal(tmp_path, fleet.url, **variable)
    assert "\x1b" not in written
    assert "watching a1 of sandbox every 0.1 s" in written


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "has nothing to look at"),
        (("--endpoint=a1",), "--endpoint takes NAME=URL"),
        (("--endpoint=a 1=http://127.0.0.1/",), "cannot be looked at"),
        (("--endpoint=a1=file:///etc/passwd",), "cannot be looked at"),
        (("--endpoint=a1=http://user:hunter2@h/",), "cannot be looked at"),
        (("--endpoint=a1=http://h:99999/",), "cannot be looked at"),
        (("--endpoint=a1=http://h/", "--interval=0"), "--interval is 0.05 to 3600 seconds"),
        (("--endpoint=a1=http://h/", "--interval=nan"), "--interval is 0.05 to 3600 seconds"),
        (("--endpoint=a1=http://h/", "--timeout=0"), "over 0 and at most 60"),
        (("--endpoint=a1=http://h/", "--timeout=61"), "over 0 and at most 60"),
        (("--endpoint=a1=http://h/", "--for=0h"), "like 24h"),
        (("--endpoint=a1=http://h/", "--for=1w"), "like 24h"),
        (("--env=nowhere", "--endpoint=a1=http://h/"), "is not a known environment"),
    ],
)
def test_what_cannot_be_watched_is_refused(tmp_path, arguments, told):
    """A wrong name, address or time is refused before anything is looked at or kept."""
    done = subprocess.run(command(*arguments), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_the_board_counts_what_it_is_told():
    """The tally has the last look, the number of looks and of bad ones, and the P95 of good ones."""
    board = Board(["a1", "a3"])
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    changes = [board.take(Sample("a1", at, status, 40.0)) for status in (200, 200, 0, 0, 200)]
    assert changes == ["", "", "a1: no answer after 40 ms (was 200)", "", "a1: 200 after 40 ms (was no answer)"]
    assert board.bad == 2
    assert board.summary() == "a1 200 p95 40 ms of 5, 2 bad · a3 — p95 none of 0"
