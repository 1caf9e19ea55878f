"""Starting the operator's run in every way that repeats, hides, cuts off or fakes tests, and looking at the books.

Whatever the invocation: at most one charge, none left open, and never exit code 0 without a PASS (which a rehearsal, waiting
for its bank statement, never reaches). Run by hand: `python -m tests.rehearsal.hostile --size full`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.gate_runs import QUIET
from tests.rehearsal.project import INI, LIVE, PYTHON, UNMEASURED, LiveSandbox, Project, environ
from tests.rehearsal.terminal import start

REFUSED = 22
# Takes the plugin's own refusal away, so that only the rules of money are left.
BYPASS = "from pytest_paygate.plugin import session_checks\nsession_checks.findings = lambda *_: ()\n"
# Does something in the middle of the run, when the charge is made.
IN_ROW = """
import os, signal, sys, threading, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "test_{row}" in item.nodeid:
        {act}
"""


@dataclass(frozen=True)
class Invocation:
    """One way to start the gate. `refused` means that it must not even begin to spend."""

    name: str
    arguments: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    conftest: str = ""
    ini: str = INI
    base: tuple[str, ...] = LIVE
    quiet: tuple[str, ...] = QUIET
    refused: bool = False
    files: tuple[tuple[str, str], ...] = ()


def _in_row(row: str, act: str) -> str:
    return IN_ROW.format(row=row, act=act)


def _refusals() -> list[Invocation]:
    typed = {
        "xdist": ("-n", "2"),
        "xdist each": ("-n", "2", "--dist", "each"),
        "xdist tx": ("--dist", "each", "--tx", "4*popen"),
        "last failed": ("--lf",),
        "failed first": ("--ff",),
        "stepwise": ("--sw",),
        "a keyword": ("-k", "pay"),
        "a mark": ("-m", "live_money"),
        "deselected": ("--deselect", "suites/e2e/test_1_preflight.py::test_health"),
        "exit first": ("-x",),
        "setup only": ("--setup-only",),
        "collect only": ("--collect-only",),
        "plain asserts": ("--assert=plain",),
        "a path twice": ("suites/e2e", "suites/e2e", "--keep-duplicates"),
        "one test": ("suites/e2e/test_2_walkthrough.py::test_order",),
        "timeout by thread": ("--timeout=60", "--timeout-method=thread"),
    }
    found = [Invocation(name, arguments, refused=True) for name, arguments in typed.items()]
    variables = {
        "optimised": ("PYTHONOPTIMIZE", "2"),
        "a proxy": ("HTTPS_PROXY", "http://127.0.0.1:9"),
        "a key log": ("SSLKEYLOGFILE", "keys.log"),
        "addopts": ("PYTEST_ADDOPTS", "--co"),
    }
    found += [Invocation(name, env=(pair,), refused=True) for name, pair in variables.items()]
    return [
        *found,
        Invocation("reruns", ("--reruns", "3"), quiet=_without("rerunfailures"), refused=True),
        Invocation("random order", quiet=_without("randomly"), refused=True),
        Invocation("a transport stub", conftest="import respx\n", files=(("respx.py", ""),), refused=True),
        Invocation("live from the ini file", base=(), ini=INI.replace('"]', '", "--live", "--confirm"]'), refused=True),
        Invocation(
            "live from a variable", base=(), env=(("PYTEST_ADDOPTS", "--live --confirm --payer=http"),), refused=True
        ),
    ]


def _bypassed() -> list[Invocation]:
    fails = _in_row("licence", "raise AssertionError")
    return [
        Invocation("bypassed: xdist", ("-n", "2"), conftest=BYPASS),
        Invocation("bypassed: xdist each", ("-n", "2", "--dist", "each"), conftest=BYPASS),
        Invocation("bypassed: reruns", ("--reruns", "3"), conftest=BYPASS + fails, quiet=_without("rerunfailures")),
        Invocation("bypassed: random order", conftest=BYPASS, quiet=_without("randomly")),
        Invocation("bypassed: exit first", ("-x",), conftest=BYPASS + fails),
        Invocation("bypassed: a keyword", ("-k", "order or health"), conftest=BYPASS),
        Invocation("bypassed: setup only", ("--setup-only",), conftest=BYPASS),
        Invocation("bypassed: a path twice", ("suites/e2e", "suites/e2e", "--keep-duplicates"), conftest=BYPASS),
        Invocation("bypassed: optimised", env=(("PYTHONOPTIMIZE", "2"),), conftest=BYPASS),
        Invocation("bypassed: timeout by thread", _TIMEOUT_THREAD, conftest=BYPASS + _HANGS),
    ]


_HANGS = _in_row("licence", "import time; time.sleep(60)")
_TIMEOUT_THREAD = ("--timeout=3", "--timeout-method=thread")
_AGAIN = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "test_licence" in item.nodeid:
        from pytest_paygate.core.money import Money
        run = item.funcargs["run"]
        buyer = item.funcargs["buyer"]
        {how}
"""
_BUY = 'buyer.order("prod_test_licence", price=Money(500, "EUR"), idempotency_key="again")'
_CODE_ZERO = "\ndef pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
_ALL_PASSED = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome = "passed"
    report.longrepr = None
    return report
"""


def _disasters() -> list[Invocation]:
    signals = {
        name: _in_row("licence", f"os.kill(os.getpid(), signal.{name})")
        for name in ("SIGTERM", "SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGSEGV", "SIGABRT")
    }
    later = "threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGTERM)).start()"
    twice = "[threading.Timer(s, os.kill, (os.getpid(), signal.SIGINT)).start() for s in (0.0, 0.3)]"
    fails = _in_row("completed", "raise AssertionError")
    return [
        *(Invocation(name, conftest=text) for name, text in signals.items()),
        Invocation("SIGTERM inside the loop", conftest=_in_row("pay", later)),
        Invocation("Ctrl-C twice", conftest=_in_row("pay", twice)),
        Invocation("os._exit(0)", conftest=_in_row("licence", "os._exit(0)")),
        Invocation("sys.exit(0)", conftest=_in_row("licence", "sys.exit(0)")),
        Invocation("pytest.exit(0)", conftest=_in_row("licence", "pytest.exit('done', returncode=0)")),
        Invocation("exit code 0 from a conftest", conftest=fails + _CODE_ZERO),
        Invocation("every report passed", conftest=fails + _ALL_PASSED),
        Invocation("a failing row", conftest=fails),
        Invocation("a hanging row, by signal", ("--timeout=3", "--timeout-method=signal"), conftest=_HANGS),
        Invocation("bought again", conftest=_AGAIN.format(how=f"run.wait({_BUY})")),
        Invocation(
            "bought again in a thread",
            conftest="import asyncio, threading\n"
            + _AGAIN.format(how=f"t = threading.Thread(target=lambda: asyncio.run({_BUY})); t.start(); t.join()"),
        ),
        Invocation("no recursion left", conftest=_in_row("licence", "(lambda f: f(f))(lambda f: f(f))")),
        Invocation("a broken teardown", conftest="\ndef pytest_runtest_teardown(item):\n    raise RuntimeError\n"),
        Invocation(
            "an internal error",
            conftest="\ndef pytest_runtest_logfinish(nodeid):\n    assert 'test_pay' not in nodeid\n",
        ),
    ]


def _without(name: str) -> tuple[str, ...]:
    words = list(QUIET)
    place = words.index(f"no:{name}")
    return tuple(words[: place - 1] + words[place + 1 :])


ALL = (*_refusals(), *_bypassed(), *_disasters())
SMOKE = {
    "xdist each",
    "reruns",
    "live from the ini file",
    "bypassed: reruns",
    "SIGTERM",
    "SIGKILL",
    "os._exit(0)",
    "bought again",
}


@dataclass
class HostileResult:
    """What the books said after every invocation."""

    runs: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)


def attempt(invocation: Invocation, folder: Path, sandbox: LiveSandbox, result: HostileResult) -> None:
    """Start the gate in one way and read the books."""
    project = Project(folder, sandbox)
    (project.folder / "pyproject.toml").write_text(invocation.ini)
    (project.folder / "conftest.py").write_text(invocation.conftest)
    for name, text in invocation.files:
        (project.folder / name).write_text(text)
    before = sandbox.money()
    project.approve()
    line = [PYTHON, "-m", "pytest", *invocation.quiet, *invocation.base, *invocation.arguments]
    session = start(line, cwd=project.folder, env=environ(**dict(invocation.env), **UNMEASURED))
    status = session.wait()
    money = project.settled(before)
    project.quiet()
    wrong = []
    if status == 0:
        wrong.append("exit code 0")
    if invocation.refused and (status not in {REFUSED, 4} or money.charges):
        wrong.append(f"not refused: exit code {status}, {money}")
    if money.charges > 1:
        wrong.append(f"{money.charges} charges")
    if money.open_minor or money.payable:
        wrong.append(f"left open: {money}")
    result.runs += 1
    if wrong:
        result.wrong += 1
        result.problems.append(f"{invocation.name}: {'; '.join(wrong)}\n{session.output[-1500:]}")


def run(size: str) -> HostileResult:
    """Every invocation of a size."""
    result = HostileResult()
    folder = Path(tempfile.mkdtemp(prefix="paygate-hostile-"))
    sandbox = LiveSandbox()
    try:
        for number, invocation in enumerate(ALL):
            if size == "full" or invocation.name in SMOKE:
                attempt(invocation, folder / str(number), sandbox, result)
    finally:
        sandbox.stop()
        shutil.rmtree(folder)
    return result


def main() -> None:
    """Print what the books said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=["smoke", "full"], default="smoke")
    result = run(parser.parse_args().size)
    print(f"runs={result.runs} wrong={result.wrong}")
    print("\n\n".join(result.problems))


if __name__ == "__main__":
    main()
