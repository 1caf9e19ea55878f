"""A project without a gate does not notice that the plugin is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

OURS = ("stripe", "psycopg", "httpx", "pydantic", "rich", "jinja2", "click", "tenacity", "socket_used")
INI = """[pytest]
addopts = -p no:randomly -p no:sugar -p no:rerunfailures -p no:anyio -p no:allure_pytest -p no:html -p no:hypothesispytest
asyncio_default_fixture_loop_scope = session
"""
CONFTEST = f"""
import json, pathlib, sys

def audit(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        sys.modules.setdefault("socket_used", sys)

sys.addaudithook(audit)

def pytest_unconfigure(config):
    seen = {{
        "imported": [name for name in {OURS!r} if name in sys.modules],
        "ours": sorted(name for name in sys.modules if name.startswith("pytest_paygate")),
    }}
    pathlib.Path("seen.json").write_text(json.dumps(seen))
"""
TESTS = """
import pytest

def test_b(): pass
def test_a(): assert False
@pytest.mark.skip
def test_d(): pass
@pytest.mark.parametrize("x", [2, 1])
def test_c(x): pass
"""


def outcomes(result: pytest.RunResult) -> list[str]:
    """The tests of a run with their words, in order."""
    return [" ".join(line.split()[:2]) for line in result.outlines if "::" in line and line.startswith("test_")]


def test_unrelated_project_is_untouched(pytester: pytest.Pytester) -> None:
    """No import of ours beyond four small modules, no file, no network, no word, and the same tests in the same order."""
    pytester.makefile(".ini", pytest=INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    before = sorted(path.name for path in pytester.path.iterdir())

    with_us = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider")
    after = sorted(path.name for path in pytester.path.iterdir() if path.name != "__pycache__")
    seen = Path(pytester.path / "seen.json").read_text(encoding="utf-8")
    without_us = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider", "-p", "no:paygate")

    assert outcomes(with_us) == outcomes(without_us)
    assert len(outcomes(with_us)) == 5
    assert with_us.ret == without_us.ret == 1
    # pytester itself leaves the inner run's output and base folder.
    assert set(after) - {"stdout", "stderr", "runpytest-0", "runpytest-current"} == {*before, "seen.json"}
    assert '"imported": []' in seen
    for line in with_us.outlines:
        assert "paygate:" not in line
        assert " gate " not in line
    modules = "pytest_paygate pytest_paygate.plugin pytest_paygate.plugin.options pytest_paygate.plugin.stash"
    assert all(f'"{name}"' in seen for name in modules.split())
    assert seen.count('"pytest_paygate') == 4


def test_xdist_schedules_unrelated_projects_itself(pytester: pytest.Pytester) -> None:
    """Without a gate xdist schedules as ever, spreads the tests, and says so under its own name."""
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile(
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_n(n, worker_id): print(worker_id)"
    )

    result = pytester.runpytest_subprocess("-v", "-n", "2", "--dist", "worksteal")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["scheduling tests via WorkStealingScheduling"])
    assert "paygate:" not in result.stdout.str()
