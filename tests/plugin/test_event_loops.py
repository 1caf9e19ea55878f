"""One event loop for all of a gate, whatever the project's ini says of loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

CONFTEST = """
import asyncio, pathlib
import pytest, pytest_asyncio

def note(who, loop):
    with pathlib.Path("loops.txt").open("a") as file:
        file.write(f"{who} {id(loop)}\\n")

@pytest_asyncio.fixture
async def plain_client():
    note("fixture", asyncio.get_running_loop())
    yield note
    note("fixture teardown", asyncio.get_running_loop())

@pytest_asyncio.fixture(scope="module")
async def module_client():
    note("module fixture", asyncio.get_running_loop())
    return 1
"""


@pytest.mark.parametrize(
    "ini",
    [
        "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function",
        "asyncio_mode = auto\nasyncio_default_test_loop_scope = function\nasyncio_default_fixture_loop_scope = module",
        "asyncio_mode = auto",
    ],
    ids=["strict", "auto with scopes", "unset"],
)
def test_rows_and_fixtures_share_one_loop(project: Project, ini: str) -> None:
    """Async rows, the gate's async fixtures and what a plain row waits for run on one loop."""
    text = (project.path / "pytest.ini").read_text(encoding="utf-8")
    project.write("pytest.ini", text.replace("asyncio_default_fixture_loop_scope = session", ini))
    project.write("demo_gate/conftest.py", CONFTEST)
    project.change(
        "test_demo.py", "def test_payment(facts: Facts)", "def test_payment(facts, plain_client, module_client)"
    )
    project.body(
        "payment",
        "import asyncio\nplain_client('payment', asyncio.get_running_loop())\nfacts['paid'] = Money(1999, 'EUR')",
    )
    project.change(
        "test_demo.py",
        '@pytest.mark.row("order")\ndef',
        '@pytest.mark.asyncio(loop_scope="module")\n@pytest.mark.row("order")\nasync def',
    )
    project.change("test_demo.py", "def test_order(facts: Facts)", "def test_order(facts, plain_client)")
    project.body(
        "order", "import asyncio\nplain_client('order', asyncio.get_running_loop())\nfacts['order_id'] = 'ord_1'"
    )
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts, run)")
    project.body(
        "refund",
        "import asyncio, conftest_note\nasync def look():\n    conftest_note.note('refund', asyncio.get_running_loop())\n"
        "run.wait(look())\nfacts['refund_id'] = 're_1'",
    )
    project.write("conftest_note.py", CONFTEST.partition("@pytest_asyncio")[0])

    result = project.run()

    assert result.ret == 0
    lines = (project.path / "loops.txt").read_text(encoding="utf-8").splitlines()
    assert {line.rpartition(" ")[0] for line in lines} == {
        *("order", "payment", "refund", "fixture", "fixture teardown", "module fixture"),
    }
    assert len({line.rpartition(" ")[2] for line in lines}) == 1
