"""The tutorial does what it says: every block of it is carried out, from the wheel, in an empty folder."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.tutorial import wheel
from tests.tutorial.comparing import difference
from tests.tutorial.document import Change, Command, File, read
from tests.tutorial.reader import Reader

PAGE = wheel.ROOT / "docs" / "tutorial.md"
SANDBOX_PORTS = range(8460, 8472)
SHOP_PORT = 8001


def free_ports(count: int) -> int:
    """The first of some ports in a row that are free now."""
    for base in range(21000, 29000, count):
        taken = [socket.socket() for _ in range(count)]
        try:
            for number, one in enumerate(taken):
                one.bind(("127.0.0.1", base + number))
        except OSError:
            continue
        else:
            return base
        finally:
            for one in taken:
                one.close()
    raise OSError("no free ports in a row")


@pytest.mark.timeout(900)
def test_the_tutorial_leads_from_an_empty_folder_to_go(tmp_path):
    """Every file, change and command of the page works as printed, and ends in GO for the rehearsal."""
    index = wheel.link_dependencies(tmp_path / "index", "sandbox")
    built = wheel.build(tmp_path / "wheel")
    base = free_ports(len(SANDBOX_PORTS) + 1)
    ports = {old: base + number for number, old in enumerate([*SANDBOX_PORTS, SHOP_PORT])}
    (tmp_path / "mugs").mkdir()
    reader = Reader(tmp_path / "mugs", index, built, ports)
    try:
        for step in read(PAGE.read_text()):
            reader.carry_out(step)
    finally:
        reader.close()

    python = next((tmp_path / "mugs").glob(".venv/lib/python3*/site-packages/pytest_paygate/__init__.py"))
    assert not python.is_symlink()
    answers = {step.typed: shown for step, shown in reader.shown}
    assert answers["paygate gate shop --require rehearsal"].startswith("GO: ")
    assert "REHEARSAL" in Path(max((tmp_path / "mugs" / "reports" / "shop").glob("2*")), "report.md").read_text()


def test_the_suite_is_at_most_a_hundred_lines():
    """The gate of somebody else's shop is short: conftest and tests together, empty lines and all."""
    files = {step.path: step.text for step in read(PAGE.read_text()) if isinstance(step, File)}
    suite = [text for path, text in files.items() if path.startswith("suites/") and path.endswith(".py")]
    assert sum(len(text.splitlines()) for text in suite) <= 100
    assert "pytest_paygate" not in files["shop/app.py"]


def test_a_block_of_no_convention_is_refused():
    """Nothing on the page goes untested."""
    for page in ("text\n\n```python\nx = 1\n```\n", "**`a.py`**\n\n```diff\n x\n```\n", "```console\nshown\n```\n"):
        with pytest.raises(ValueError, match=r"block|line"):
            read(page)


def test_a_page_is_read_as_steps():
    """Files, changes and commands come in the page's order, with their terminals."""
    page = (
        "**`a.txt`**\n\n```text\none\n```\n\n**`a.txt`**\n\n```diff\n-one\n+two\n```\n\nIn the third terminal:\n\n"
        "```console\n^C\n$ ls\na.txt\n```\n"
    )
    assert read(page) == [
        File("a.txt", "one\n"),
        Change("a.txt", (("one\n", "two\n"),)),
        Command(3, "^C", ""),
        Command(3, "ls", "a.txt\n"),
    ]


def test_only_times_and_ids_may_differ():
    """A duration may be another one; a word, an amount or a line more may not."""
    assert difference("8 passed in 4.15s\n", "8 passed in 9.99s\n") == ""
    assert difference("a\nb\nc\n", "a\n…\nc\n") == ""
    assert difference("a x b\n", "a … b\n") == ""
    assert difference("8 passed in 4.15s\n", "7 passed in 4.15s\n")
    assert difference("EUR 15.00\n", "EUR 1500.00\n")
    assert difference("a\nb\n", "a\n")
