"""A process that has everything imported, and forks a child for each gate run it is asked for.

Owns the process and the talk with it, one line of JSON each way; what is run and what it means, `runs` and `score`
know. The parent has no thread and no event loop: only so may it fork. It learns from its children what there is to
import, so nobody keeps a list. A child is a whole gate run: its own folder, environment, sandbox and databases.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.gate_runs import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# What a child is given instead of every plugin that is installed: none of the others belongs to a gate run.
PLUGINS = ("pytest_asyncio.plugin", "pytest_paygate.plugin", "no:cacheprovider")
OUTPUT_FILE = "output.txt"
# A gate run takes a few seconds; on a machine with other work several times that.
SECONDS_MAX = 150.0
_IMPORTED_FILE = "imported.json"
_TICK_SECONDS = 0.02
_BROKEN = 70
# Modules of the project that was run, and of nobody who could import them again.
_OF_THE_RUN = {"suites", "tests", "e2e", "microcharge", "conftest"}


@dataclass(frozen=True, slots=True)
class Order:
    """One gate run to be made: where, with which arguments for pytest, and with what added to the environment."""

    key: int
    folder: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds_max: float = SECONDS_MAX


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: pytest's exit code, or None for a run that was cut off or died of a signal."""

    key: int
    exit_code: int | None
    seconds: float


class Warm:
    """The warm process as its client sees it; a context manager that ends it."""

    def __init__(self) -> None:
        # Coverage would double the time of every run, and measures the parent only.
        surroundings = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm"],
            cwd=ROOT,
            env={**surroundings, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: Order) -> None:
        """Begin one gate run."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()

    def ended(self) -> Ended:
        """Wait for the next run that ends.

        Raises:
            RuntimeError: when the warm process itself has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the warm process ended with {self._process.wait()}")
        return Ended(**json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def project_folder() -> Iterator[Path]:
    """An empty folder for one run, in memory where there is such a place: nobody needs it after a power cut."""
    memory = Path("/dev/shm")  # noqa: S108 - an optional place for a folder of our own
    with tempfile.TemporaryDirectory(prefix="faults-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def serve() -> int:
    """Take orders from standard input until it ends, then end what still runs."""
    # Children are short-lived: looking for garbage is time lost.
    gc.set_threshold(500_000, 50, 50)
    # Asked for with every request that httpcore sends, and looked for in every folder each time.
    if importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment] - how Python itself says that there is none
    answers = os.dup(1)
    os.dup2(2, 1)
    running: dict[int, tuple[Order, float]] = {}
    waiting = b""
    try:
        while True:
            if select.select([0], [], [], _TICK_SECONDS if running else None)[0]:
                read = os.read(0, 1 << 16)
                if not read:
                    return 0
                *lines, waiting = (waiting + read).split(b"\n")
                for line in lines:
                    order = Order(**json.loads(line))
                    running[_fork(order)] = (order, time.monotonic())
            for child, (order, began) in list(running.items()):
                done, status = os.waitpid(child, os.WNOHANG)
                taken = time.monotonic() - began
                if done:
                    del running[child]
                    _learn(Path(order.folder))
                    ended = Ended(order.key, os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, taken)
                    os.write(answers, (json.dumps(asdict(ended)) + "\n").encode())
                elif taken > order.seconds_max:
                    os.killpg(child, signal.SIGKILL)
    finally:
        for child in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _fork(order: Order) -> int:
    child = os.fork()
    if child:
        # Both do: who comes first is not known.
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        return child
    code = _BROKEN
    try:
        os.setpgid(0, 0)
        code = _run(order)
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(order: Order) -> int:
    import pytest

    folder = Path(order.folder)
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    output = os.open(OUTPUT_FILE, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for standard, mine in ((0, nowhere), (1, output), (2, output)):
        os.dup2(mine, standard)
    os.environ.update(order.environment)
    random.seed()
    before = set(sys.modules)
    plugins = [part for plugin in PLUGINS for part in ("-p", plugin)]
    code = int(pytest.main([*plugins, *order.arguments]))
    # In the order in which their import began: C modules of the standard library do not stand any other.
    names = [name for name, module in sys.modules.items() if name not in before and _again(name, module)]
    (folder / _IMPORTED_FILE).write_text(json.dumps(names))
    return code


def _again(name: str, module: Any) -> bool:
    spec = getattr(module, "__spec__", None)
    return spec is not None and spec.origin is not None and name.partition(".")[0] not in _OF_THE_RUN


def _learn(folder: Path) -> None:
    told = folder / _IMPORTED_FILE
    names = json.loads(told.read_text()) if told.exists() else []
    if all(name in sys.modules for name in names):
        return
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _compile_templates()
    # What is here now stays: children need not look through it, nor get copies of its pages.
    gc.collect()
    gc.freeze()


def _compile_templates() -> None:
    """A third of a run's time otherwise: each would compile the pages that it writes."""
    from pytest_paygate.renderers import templating
    from pytest_paygate.sandbox.hosted_page import render

    ours = ((templating._html(), "html"), (templating._markdown(), "md"), (render._environment(), "html"))
    for environment, suffix in ours:
        for name in environment.list_templates(extensions=[suffix]):
            environment.get_template(name)


if __name__ == "__main__":
    sys.exit(serve())
