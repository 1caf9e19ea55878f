"""Whole runs whose operator answers on the page: in the sandbox, in a rehearsal, with a terminal and without one."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess

import pytest

from pytest_paygate.adapters.operator_scripted import CARDS
from pytest_paygate.adapters.payer_http import pay
from pytest_paygate.core.events import Mode
from tests.gate_runs import QUIET, copy_gate
from tests.page.sessions import ADDRESS, WebSession
from tests.plugin.project import Project as Demo
from tests.plugin.project import project as demo
from tests.rehearsal.conftest import project, sandbox
from tests.rehearsal.project import LIVE, PYTHON, environ
from tests.rehearsal.terminal import start

__all__ = ["demo", "project", "sandbox"]

WEB = "--operator=web"
LINK = re.compile(r'<a href="(http://[^"]+)" target="_blank"')


def journal(folder):
    """The events of the newest run below a project."""
    (path,) = sorted((folder / "reports").glob("e2e/*/journal.jsonl"))[-1:]
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_a_sandbox_run_on_the_page_alone(tmp_path):
    """Without a terminal, `--operator=web` implies a person who pays: they follow the page's link and say done."""
    copy_gate(tmp_path)
    session = WebSession(tmp_path, "suites/e2e", WEB)
    try:
        session.enter()
        page = session.until("it is done")
        link = LINK.search(page)
        assert link, page
        assert "SANDBOX" in page
        assert "RUNNING" in page
        assert "Match code" not in page
        session.send(word="note", text="the page was slow")
        asyncio.run(pay(link[1].replace("&amp;", "&"), card=CARDS[Mode.SANDBOX], timeout_seconds=20))
        last = session.last_page()
        assert session.wait() == 0, session.output
    finally:
        session.end()
    assert "SANDBOX · gate e2e: PASS" in last
    events = journal(tmp_path)
    assert next(one for one in events if one["kind"] == "run_started")["operator"] == "operator"
    assert next(one for one in events if one["kind"] == "hold_opened")["attended"] is True
    assert [one["detail"] for one in events if one.get("code") == "operator_note"] == ["the page was slow"]
    written = b"".join(path.read_bytes() for path in (tmp_path / "reports").rglob("*") if path.is_file())
    token = ADDRESS.search(session.output)[0].partition("token=")[2]
    assert token.encode() not in written


def test_a_rehearsal_confirmed_on_the_page_alone(project, sandbox):
    """No terminal at all: the amount is typed on the page, wrongly first, and one charge is made and refunded."""
    before = sandbox.money()
    project.approve()
    session = WebSession(project.folder, *LIVE, WEB, env=environ())
    try:
        session.enter()
        page = session.until("exactly like this")
        assert "REHEARSAL" in page
        wanted = re.search(r'<strong class="code">([^<]+)</strong></label>', page)[1]
        assert re.fullmatch(r"EUR 5\.00 [a-z]+", wanted)
        assert "Tries left: 2." in session.send(text="EUR 5.00")
        session.send(text=wanted)
        last = session.last_page()
        assert session.wait() == 20, session.output
    finally:
        session.end()
    assert "REHEARSAL · gate e2e: PENDING" in last
    money = project.settled(before)
    assert (money.charges, money.taken_minor, money.returned_minor, money.payable) == (1, 500, 500, 0)
    events = journal(project.folder)
    answers = [(one["card"], one["seat"], one["counted"]) for one in events if one["kind"] == "seat_answered"]
    assert answers == [("confirm", "page", True)]


def test_three_wrong_texts_on_the_page_stop_a_rehearsal(project, sandbox):
    """Whoever types the wrong thing three times on the page moves nothing."""
    before = sandbox.money()
    project.approve()
    session = WebSession(project.folder, *LIVE, WEB, env=environ())
    try:
        session.enter()
        for _ in range(3):
            session.send(text="yes")
        assert session.wait() == 22, session.output
    finally:
        session.end()
    assert "the amount and the word were typed wrongly 3 times" in session.output
    assert project.settled(before).charges == 0


def test_the_terminal_is_told_where_the_page_is_and_can_answer_it(project, sandbox):
    """With its output piped away the address still reaches the terminal; both show one match code; the terminal counts."""
    before = sandbox.money()
    project.approve()
    line = f"{PYTHON} -m pytest {' '.join(QUIET)} -q {' '.join(LIVE)} {WEB} --paygate-plain > piped.txt"
    session = start(["sh", "-c", line], cwd=project.folder, env=environ())
    assert session.wait() == 20, session.output
    assert ADDRESS.search(session.output), session.output
    assert ADDRESS.search((project.folder / "piped.txt").read_text())
    assert re.search(r"match code \d{4}: the page must show the same", session.output)
    assert session.answered == 1
    assert project.settled(before).charges == 1


NOBODY = """money may not move: nobody can be asked here, because this process has no terminal
  expected  operator_present: a controlling terminal, or the page of --operator=web
  observed  No such device or address
  money     No money moved.
  next      One of three ways on: start it from a terminal (ssh -t, docker run -it); add --operator=web and open its \
page in a browser on this machine; or prepare the run here with `paygate plan` and `paygate approve`, and let somebody \
who has a terminal start it."""


def test_live_without_anybody_is_refused_at_once(project):
    """No terminal and no page: exit code 22 before anything is collected, with three ways on."""
    done = subprocess.run(
        [PYTHON, "-m", "pytest", *QUIET, *LIVE],
        cwd=project.folder,
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 22
    assert NOBODY in done.stdout + done.stderr
    assert not project.reports.exists()


REFUSED = {
    "place": (
        ("--operator=wen",),
        """--operator=wen: is not a place where an operator can be asked
  expected  one of: terminal, web. Did you mean 'web'?
  observed  'wen'
  money     No money moved.
  next      Choose one of them; `web` adds a page to the terminal, it does not take the terminal away.""",
    ),
    "xdist": (
        (WEB, "-n1"),
        """--operator=web: is refused in a session that is spread over processes
  expected  one process that asks its operator
  observed  pytest-xdist at work (-n, --dist or --tx)
  money     No money moved.
  next      Leave -n out, or leave --operator=web out and let a scripted payer pay.""",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_operator_cannot_be(demo: Demo, name):
    """An unknown place, and a page in a session of several processes, are usage errors before anything is collected."""
    arguments, said = REFUSED[name]
    result = demo.run(*arguments)
    assert result.ret == 4
    assert said in str(result.stderr)
    assert demo.bodies() == []


def test_without_the_libraries_the_page_is_refused(demo: Demo):
    """Where the extra is not installed, the refusal says what to install."""
    demo.write(
        "absent.py",
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        'util.find_spec = lambda name, package=None: None if name == "starlette" else found(name, package)\n',
    )
    result = demo.run(WEB, "-p", "absent")
    assert result.ret == 4
    assert """--operator=web: needs libraries that are not installed
  expected  the extra `console`: starlette, uvicorn
  observed  missing: starlette
  money     No money moved.
  next      Run `pip install 'pytest-paygate[console]'`, or answer at the terminal.""" in str(result.stderr)


def test_a_session_without_a_gate_or_rows_opens_no_page(demo: Demo):
    """Nothing is served where no row will run: other tests, `--collect-only`, everything deselected."""
    demo.write("test_other.py", "def test_other():\n    pass\n")
    for arguments in ((WEB, "test_other.py"), (WEB, "--collect-only"), (WEB, "-k", "nothing_is_called_so")):
        assert "the operator's page" not in str(demo.run(*arguments).stdout)
