"""Trying mutants: the tests of a module run once for each, in a process of its own that is forked from a warm one.

A mutant is killed when a test fails or the module cannot be imported. One that runs into its time limit, or dies of a
signal, is not: nothing said what was wrong.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import inspect
import math
import os
import resource
import signal
import sys
import time
import types
from collections.abc import Callable, Iterable
from enum import StrEnum
from multiprocessing.connection import Connection

import hypothesis
import pytest

from tests.mutation.mutants import Mutant, body
from tests.mutation.scope import ROOT, SCOPE, SLOW, SOURCES, dotted

MEMORY_BYTES_MAX = 4 << 30
SECONDS_MIN = 15.0
SLOWER_MAX = 8.0
# The limit is in seconds of the processor, so that a busy machine makes no survivors; this many times longer by the clock.
CLOCK_FACTOR = 6.0
PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMEOUT = "timeout"


def arguments(module: str) -> list[str]:
    """What pytest is told for the tests of a module: without the plugins that these tests do not need."""
    files = [str(ROOT / "tests" / name) for name in SCOPE[module] if (ROOT / "tests" / name).exists()]
    plugins = [*PLUGINS, "no:cacheprovider"]
    # Nobody reads why a test failed, and a difference between two long values takes longer to tell than all the tests.
    options = ["-x", "-q", "--assert=plain", "--tb=no"]
    return [f"--rootdir={ROOT}", *options, *(part for plugin in plugins for part in ("-p", plugin)), *SLOW, *files]


def try_all(module: str, chosen: list[Mutant], jobs: int, told: Callable[[Mutant, Outcome], None]) -> None:
    """Try mutants of one module, `jobs` at a time, and tell what became of each.

    Raises:
        RuntimeError: when the tests are red, or there are none, without any change.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # The same examples for every mutant; the smallest failing one is of no interest.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutation")
    loop = _Loop(module, [one for one in chosen if one.function], jobs, told)
    _warm(module)
    began = time.monotonic()
    code, _ = _wait(_fork(lambda: pytest.main(arguments(module))), None)
    if code:
        raise RuntimeError(f"the tests of {module} are red without any change")
    limit = _limit(time.monotonic() - began)
    outside = [one for one in chosen if not one.function]
    try_at_once(((one, _importing(one)) for one in outside), jobs, limit, told)
    if loop.mutants:
        code, _ = _wait(_fork(lambda: pytest.main(arguments(module), plugins=[loop])), None)
        if code:
            raise RuntimeError(f"trying the mutants of {module} ended with {code}")


def _warm(module: str) -> None:
    """Import what the module and its tests need, and not the module: what is outside of functions acts on import."""
    # Without the tests' compiled form each process would make it again. Mutated source is never written anywhere.
    sys.dont_write_bytecode = False
    name = dotted(module)
    for one in ("hypothesis.strategies", "iso4217", name):
        importlib.import_module(one)
    package, _, last = name.rpartition(".")
    delattr(sys.modules[package], last)
    del sys.modules[name]


def try_and_send(module: str, chosen: list[Mutant], jobs: int, sending: Connection) -> None:
    """Try mutants in a process that was started for it, and send what became of each."""
    try_all(module, chosen, jobs, lambda mutant, outcome: sending.send((mutant.key, outcome.value)))


class _Loop:
    """A pytest plugin: collects once, then forks a process for each mutant, which runs the tests."""

    def __init__(self, module: str, mutants: list[Mutant], jobs: int, told: Callable[[Mutant, Outcome], None]) -> None:
        self.module, self.mutants, self.jobs, self.told = module, mutants, jobs, told

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once."""
        reading, writing = os.pipe()
        code, seconds = _wait(_fork(lambda: self._timed(session, writing)), None)
        os.close(writing)
        if code:
            raise RuntimeError(f"the tests of {self.module} are red without any change")
        with os.fdopen(reading) as pipe:
            order = [int(line) for line in pipe]
        # The quick ones first: most mutants are killed before a slow one begins.
        session.items[:] = [session.items[place] for place in order]
        work = ((one, lambda one=one: self._changed(session, one)) for one in self.mutants)
        try_at_once(work, self.jobs, _limit(seconds), self.told)
        return True

    @staticmethod
    def _timed(session: pytest.Session, writing: int) -> int:
        seconds = dict.fromkeys((item.nodeid for item in session.items), 0.0)

        class Watch:
            def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
                seconds[report.nodeid] += report.duration

        session.config.pluginmanager.register(Watch())
        code = _run(session)
        order = sorted(range(len(session.items)), key=lambda place: seconds[session.items[place].nodeid])
        os.write(writing, "".join(f"{place}\n" for place in order).encode())
        return code

    @staticmethod
    def _changed(session: pytest.Session, mutant: Mutant) -> int:
        try:
            exchange(mutant)
        except (AssertionError, LookupError, ValueError):
            # A change that cannot be made was noticed by no test: it counts as a survivor.
            os.kill(os.getpid(), signal.SIGKILL)
        return _run(session)


def _run(session: pytest.Session) -> int:
    from _pytest.main import pytest_runtestloop

    try:
        pytest_runtestloop(session)
    except (session.Failed, session.Interrupted):
        return 1
    return 1 if session.testsfailed else 0


def exchange(mutant: Mutant) -> None:
    """Give a function that is in use the mutated body. Every reference to it sees the change."""
    compiled = compile(mutant.source, str(SOURCES / mutant.module), "exec")
    live: object = importlib.import_module(dotted(mutant.module))
    for name in mutant.function.split("."):
        live = live.__dict__[name]
    live = live.fget if isinstance(live, property) else getattr(live, "__func__", live)
    # The function of a check or of a command, and the one inside of a wrapper, such as that of a context manager.
    function = inspect.unwrap(getattr(live, "judge", getattr(live, "callback", live)))
    assert isinstance(function, types.FunctionType), mutant.function
    function.__code__ = body(compiled, mutant.function)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant, self.name = mutant, dotted(mutant.module)

    def find_spec(self, fullname: str, *_: object) -> object:
        """Ours, or somebody else's business."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, SOURCES / self.mutant.module, loader=self)

    def create_module(self, spec: object) -> None:
        """An ordinary module."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the mutated source."""
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)  # noqa: S102 - that is the mutant


def _importing(mutant: Mutant) -> Callable[[], int]:
    def run() -> int:
        assert dotted(mutant.module) not in sys.modules
        sys.meta_path.insert(0, _Finder(mutant))
        return int(pytest.main(arguments(mutant.module)))

    return run


def _limit(seconds: float) -> float:
    return max(SECONDS_MIN, SLOWER_MAX * seconds)


def _fork(work: Callable[[], int], seconds: float | None = None) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        # What is there already stays; looking through it at each end of a session would take a third of a mutant's time.
        gc.freeze()
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds)))
        code = int(work())
    finally:
        os._exit(code)


def _wait(child: int, seconds: float | None) -> tuple[int | None, float]:
    """How it ended, None when it was cut off or died of a signal; and how long it took."""
    began = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG if seconds is not None else 0)
        taken = time.monotonic() - began
        if done:
            return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else None), taken
        if seconds is not None and taken > seconds:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None, taken
        time.sleep(0.005)


def try_at_once(
    work: Iterable[tuple[Mutant, Callable[[], int]]],
    jobs: int,
    limit: float,
    told: Callable[[Mutant, Outcome], None],
) -> None:
    """Several at a time, each with its own limit in seconds of the processor."""
    running: dict[int, tuple[Mutant, float]] = {}
    waiting = iter(work)
    more = True
    while running or more:
        while more and len(running) < jobs:
            following = next(waiting, None)
            more = following is not None
            if following is not None:
                running[_fork(following[1], limit)] = (following[0], time.monotonic() + CLOCK_FACTOR * limit)
        for child, (mutant, until) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                del running[child]
                told(mutant, outcome_of(status))
            elif time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
        time.sleep(0.003)


def outcome_of(status: int) -> Outcome:
    """What the end of a process says, as `os.waitpid` tells it."""
    if not os.WIFEXITED(status):
        return Outcome.TIMEOUT
    return Outcome.KILLED if os.WEXITSTATUS(status) else Outcome.SURVIVED
