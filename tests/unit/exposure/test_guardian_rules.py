"""The guardian's two ends of the pipe: what it is told and how it is started, and when it settles and when it does not.

The near end is driven with a real process that stands in for the guardian; the far end in this process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.environment import Environment, LiveRules, Payer, ProviderAccess
from pytest_paygate.core.errors import InterlockError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure import guardian as guarded
from pytest_paygate.exposure import guarding
from pytest_paygate.exposure.guardian import Duty, Guardian, duty_of

if TYPE_CHECKING:
    from collections.abc import Callable

DUTY = Duty(reports="/r", gate_id="shop", run_id="run-1", environment={"name": "prod", "providers": {}})
ENCODED = b'{"reports": "/r", "gate_id": "shop", "run_id": "run-1", "environment": {"name": "prod", "providers": {}}}\n'

# What is started in the guardian's place: notes how it was started, answers, and notes what it heard until the end.
STAND_IN = """#!{python} -IS
import json, os, sys, time
print("started", file=sys.stderr, flush=True)
try:
    inode = os.fstat({lock}).st_ino
except OSError:
    inode = 0
told = dict(arguments=sys.argv[1:], folder=os.getcwd(), leads=os.getsid(0) == os.getpid(), lock=inode)
told["duty"] = sys.stdin.readline() if {listens} else ""
sys.stdout.buffer.write({answer!r})
sys.stdout.buffer.flush()
time.sleep({silent})
told["rest"] = sys.stdin.read() if {listens} else ""
open({note!r}, "w").write(json.dumps(told))
time.sleep({lingers})
"""


@dataclass
class Ward:
    """A folder with what is started in the guardian's place, and the guardians that were started."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    started: list[Guardian] = field(default_factory=list)
    lock_fd: int | None = None

    def start(self, answer: bytes = b"ready\n", *, duty: Duty = DUTY, **how: object) -> Guardian:
        """Start one that answers so."""
        program = self.folder / "stand-in"
        told = {"lock": self.lock_fd or 99, "listens": True, "silent": 0, "lingers": 0, **how}
        program.write_text(
            STAND_IN.format(python=sys.executable, answer=answer, note=str(self.folder / "note"), **told)
        )
        program.chmod(0o700)
        with self.monkeypatch.context() as context:
            context.setattr(guarded.sys, "executable", str(program))
            self.started.append(Guardian(duty, folder=self.folder, lock_fd=self.lock_fd))
        return self.started[-1]

    def note(self) -> dict[str, object]:
        """What the stand-in noted."""
        return json.loads((self.folder / "note").read_text())


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """Whatever was started has ended afterwards."""
    ward = Ward(tmp_path, monkeypatch)
    yield ward
    for guardian in ward.started:
        process = guardian._process
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, AttributeError):
                end.close()


def test_a_duty_is_one_line():
    """Reports, gate, run and environment as JSON, and the end of the line."""
    assert DUTY.encoded() == ENCODED


@pytest.mark.parametrize("refund_key", [None, Secret("rk_2", "r")])
@pytest.mark.parametrize("ca_file", ["", "ca.pem"])
def test_the_duty_of_a_run_is_all_that_a_rescue_needs(tmp_path, monkeypatch, refund_key, ca_file):
    """With the restricted key where there is one, and with paths that hold in any folder."""
    monkeypatch.chdir(tmp_path)
    access = ProviderAccess("bank", Secret("sk_1", "k"), "https://bank.test", "acct_1", "https://d.test", refund_key)
    environment = Environment(
        name="prod",
        mode=Mode.LIVE,
        base_url="https://shop.example.test",
        payer=Payer.PERSON,
        ca_file=ca_file,
        providers={"bank": access},
        live=LiveRules(late_charge_seconds=7.0),
    )
    place = Path("reports")
    told = {
        "name": "prod",
        "mode": "live",
        "base_url": "https://shop.example.test",
        "ca_file": str(tmp_path / "ca.pem") if ca_file else "",
        "store_dsn": "",
        "late_charge_seconds": 7.0,
        "providers": {
            "bank": {
                "key": "sk_1" if refund_key is None else "rk_2",
                "base_url": "https://bank.test",
                "account": "acct_1",
                "dashboard_url": "https://d.test",
            }
        },
    }
    expected = Duty(str(tmp_path / "reports"), "shop", "run-1", told)
    assert duty_of(environment, reports=place, gate_id="shop", run_id="run-1") == expected
    stored = duty_of(environment, reports=place, gate_id="shop", run_id="run-1", store_dsn="postgresql://s")
    assert stored.environment == {**told, "store_dsn": "postgresql://s"}


@pytest.mark.parametrize("with_lock", [True, False])
@pytest.mark.asyncio(loop_scope="function")
async def test_a_guardian_lives_on_its_own_and_hears_duty_and_release(ward, with_lock):
    """In a session of its own, in the root folder, with the lock where a file holds it; secrets only in the pipe."""
    lock = ward.folder / "lock"
    with lock.open("wb") as held:
        ward.lock_fd = held.fileno() if with_lock else None
        guardian = ward.start()
        await guardian.wait_ready()
        process = guardian._process
        assert (guardian.is_alive, guardian.pid) == (True, process.pid)
        guardian.release()
    assert ward.note() == {
        "arguments": ["-m", "pytest_paygate.exposure.guardian"],
        "folder": "/",
        "leads": True,
        "lock": lock.stat().st_ino if with_lock else 0,
        "duty": ENCODED.decode(),
        "rest": "released\n",
    }
    assert (guardian.is_alive, process.returncode) == (False, 0)
    assert process.stdin.closed
    assert process.stdout.closed
    assert (ward.folder / "guardian.log").read_text() == "started\n"


def test_a_guardian_does_not_write_over_what_another_has_said(ward):
    """The file of its messages must not be there yet."""
    (ward.folder / "guardian.log").write_text("said")
    with pytest.raises(FileExistsError):
        ward.start()
    assert (ward.folder / "guardian.log").read_text() == "said"


async def unready(guardian: Guardian) -> str:
    """The whole refusal of a guardian that does not watch; its process is ended."""
    with pytest.raises(InterlockError) as error:
        await guardian.wait_ready()
    assert error.value.conditions == ("guardian_ready",)
    guardian._process.wait(timeout=0.5)
    return error.value.refusal.text()


def words(observed: str, seconds: str = "20") -> str:
    """The refusal."""
    return (
        "interlock: no money moves, because of guardian_ready\n"
        f"  expected  a guardian that reports within {seconds} s\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      Read guardian.log in the run's folder, and start again."
    )


@pytest.mark.parametrize(
    ("answer", "observed"),
    [
        (b"bank refused it\n", "bank refused it"),
        (b"  a \xff key \n", "a str of length 7 that is not shown"),
        (b"a \x1b[31mkey\n", "a str of length 10 that is not shown"),
        (b"ready", "ready"),
        (b"", "it ended, or said nothing"),
    ],
)
@pytest.mark.asyncio(loop_scope="function")
async def test_a_guardian_that_is_not_ready_is_refused_word_for_word(ward, answer, observed):
    """What it says instead is shown as plain text; the guardian is ended, though it would stay."""
    is_staying = answer.endswith(b"\n")
    guardian = ward.start(answer, silent=2 if is_staying else 0, listens=is_staying)
    assert await unready(guardian) == words(observed)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_guardian_that_says_nothing_in_time_is_ended(ward):
    """It is waited for no longer than it has."""
    ward.monkeypatch.setattr(guarded, "READY_SECONDS", 0.2)
    assert await unready(ward.start(b"", listens=False, silent=1.5)) == words("it ended, or said nothing", "0")
    assert not (ward.folder / "note").exists()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_guardian_that_dies_before_it_has_heard_its_duty_is_told_of_later(ward):
    """A pipe that breaks is no crash: `wait_ready` says so."""
    long = Duty("/r", "shop", "run-1", {"name": "x" * 300_000})
    assert await unready(ward.start(b"", duty=long, listens=False)) == words("it ended, or said nothing")


def test_releasing_a_guardian_that_has_gone_is_no_crash(ward):
    """Nothing is open, so nothing is lost."""
    guardian = ward.start(b"", listens=False)
    guardian._process.wait()
    guardian.release()
    assert not guardian.is_alive
    assert not guardian._process.stdout.closed


def test_a_guardian_that_does_not_end_when_released_is_noticed(ward):
    """It is waited for no longer than it has."""
    guardian = ward.start(lingers=1)
    ward.monkeypatch.setattr(guarded, "READY_SECONDS", 0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        guardian.release()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_guardian_without_a_pipe_is_a_mistake_of_ours(ward):
    """It is never started without one; without its answers it is released all the same."""
    guardian = ward.start()
    answers, guardian._process.stdout = guardian._process.stdout, None
    with pytest.raises(RuntimeError, match=r"^the guardian was started with a pipe$"):
        await guardian.wait_ready()
    guardian.release()
    assert not guardian.is_alive
    answers.close()
    guardian._process.stdin = None
    with pytest.raises(RuntimeError, match=r"^the guardian was started with a pipe$"):
        guardian.release()


class Wire(io.RawIOBase):
    """Where the far end's words arrive, once they have left its buffer."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self.arrived = b""

    def writable(self) -> bool:
        """It takes words."""
        return True

    def write(self, content) -> int:
        """Words arrive."""
        self.arrived += bytes(content)
        return len(content)


@dataclass
class Far:
    """The guardian's own process, in this one: its standard input and output, and what it does."""

    first: bytes
    rest: bytes
    problem: str = ""
    done: list[object] = field(default_factory=list)
    wire: Wire = field(default_factory=Wire)

    def readline(self) -> bytes:
        """The duty."""
        return self.first

    def read(self) -> bytes:
        """Until the other end is gone; by now it must have been told that the guardian watches."""
        self.done.append(self.wire.arrived)
        return self.rest

    def prepare(self, duty: object) -> str:
        """Get ready."""
        self.done.append(("prepare", duty))
        return self.problem

    def settle_now(self, duty: object) -> int:
        """Settle."""
        self.done.append(("settle", duty))
        return 7

    def main(self, monkeypatch: pytest.MonkeyPatch, main: Callable[[], int] = guarded.main) -> int:
        """What the process ends with."""
        out = io.BufferedWriter(self.wire)
        limits = []
        with monkeypatch.context() as context:
            context.setattr(sys, "stdin", SimpleNamespace(buffer=self))
            context.setattr(sys, "stdout", SimpleNamespace(buffer=out))
            context.setattr(resource, "setrlimit", lambda *told: limits.append(told))
            context.setattr(os, "umask", limits.append)
            context.setattr(guarding, "prepare", self.prepare)
            context.setattr(guarding, "settle_now", self.settle_now)
            code = main()
        out.flush()
        assert limits == [(resource.RLIMIT_CORE, (0, 0)), 0o077]
        return code


class Program(ModuleType):
    """The module as `python -m` runs it: called `__main__` inside, and by its own name for whoever loads it."""

    __name__ = property(lambda _: guarded.__name__)

    def run(self) -> int:
        """What the program exits with."""
        self.__dict__.update(__name__="__main__", __file__=guarded.__file__)
        with pytest.raises(SystemExit) as end:
            guarded.__spec__.loader.exec_module(self)
        return end.value.code


TOLD = {"run_id": "run-1"}
LINE = b'{"run_id": "run-1"}\n'


@pytest.mark.parametrize("first", [b"", LINE[:-1]])
def test_a_guardian_without_its_whole_duty_does_nothing(monkeypatch, first):
    """The test process was gone before money could move; nothing is said either."""
    far = Far(first, b"")
    assert far.main(monkeypatch) == 0
    assert (far.done, far.wire.arrived) == ([], b"")


def test_a_guardian_that_could_not_settle_says_why_and_ends(monkeypatch):
    """In one line, before money moves."""
    far = Far(LINE, b"", "no\nkey  fits")
    assert far.main(monkeypatch) == 1
    assert (far.done, far.wire.arrived) == ([("prepare", TOLD)], b"no key fits\n")


def test_the_program_ends_with_what_the_guardian_ends_with(monkeypatch):
    """Run as a program it does its duty, and its exit code says how that went."""
    for problem, code in (("", 7), ("no key fits", 1)):
        far = Far(LINE, b"", problem)
        assert far.main(monkeypatch, Program("guardian").run) == code


def test_a_released_guardian_settles_nothing(monkeypatch):
    """It says that it is ready before it begins to wait, and ends when it is released."""
    far = Far(LINE, b"released\n")
    assert far.main(monkeypatch) == 0
    assert far.done == [("prepare", TOLD), b"ready\n"]


@pytest.mark.parametrize("rest", [b"", b"released", b"released\nreleased\n", b"Released\n"])
def test_a_guardian_whose_pipe_ends_otherwise_settles(monkeypatch, rest):
    """Whatever is not exactly the release means that the test process is dead; the exit code is the settling's."""
    far = Far(LINE, rest)
    assert far.main(monkeypatch) == 7
    assert far.done == [("prepare", TOLD), b"ready\n", ("settle", TOLD)]
    assert far.wire.arrived == b"ready\n"
