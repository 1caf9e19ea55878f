"""Notices of whole runs: who is told of what, and that nobody who cannot be told hurts the run."""

from __future__ import annotations

import json
import re

import pytest

from tests.notices.receiver import SECRET
from tests.page.sessions import WebSession
from tests.rehearsal.project import environ

NOTIFY = """
[notify]
webhook = "{url}"
secret = "env:PAYGATE_NOTIFY_SECRET"
"""
KEY = {"PAYGATE_NOTIFY_SECRET": SECRET}
HOOK = """
import json, pathlib

def pytest_paygate_notify(notice):
    with (pathlib.Path(__file__).parent / "heard.jsonl").open("a") as file:
        file.write(json.dumps(notice.payload()) + "\\n")
"""


def notify(project, url, more=""):
    """Write `[notify]` into the project's settings, before its first table."""
    path = project.folder / "paygate.toml"
    head, table, rest = path.read_text().partition("[env.rehearsal]")
    path.write_text(f"{head}{NOTIFY.format(url=url)}{more}\n{table}{rest}")


def heard(folder):
    """What the hook of a project's conftest was told."""
    path = folder / "heard.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def anomalies(project):
    """Code and detail of every anomaly of the newest run."""
    lines = (project.runs()[-1] / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    return [(one["code"], one["detail"]) for one in events if one["kind"] == "anomaly"]


def test_a_rehearsal_tells_when_it_needs_somebody_and_how_it_ended(project, receiver):
    """The card that lets money move calls the operator, the end tells verdict, exit code and report; signed, no secret."""
    notify(project, receiver.url)
    project.approve()
    session = project.start(env=KEY)
    assert session.wait() == 20, session.output
    assert receiver.refused == 0
    assert receiver.kinds() == ["paygate.operator_needed", "paygate.verdict"]
    (asked,), (ended,) = receiver.data("operator_needed"), receiver.data("verdict")
    assert asked["text"] == "REHEARSAL, no funds: do as if it were real. Read the plan:"
    assert (asked["gate"], asked["mode"], asked["environment"]) == ("e2e", "rehearsal", "rehearsal")
    assert asked["deadline_seconds"] == 600
    assert (ended["verdict"], ended["exit_code"]) == ("PENDING", 20)
    assert (project.folder / ended["report"]).is_file()
    assert ended["run_id"] == project.runs()[-1].name
    for word in ("://", "token", SECRET, "amber", "sk_live"):
        assert word not in receiver.text()
    assert anomalies(project) == []


def test_a_refund_that_does_not_come_is_told(project, receiver):
    """A refund that is not there when its time is up is told as overdue, while the run still settles it."""
    notify(project, receiver.url)
    path = project.gate / "gate.toml"
    text = path.read_text()
    before = next(line for line in text.splitlines() if line.startswith("refunded_within_seconds"))
    path.write_text(text.replace(before, "refunded_within_seconds = 2"))
    project.sandbox.set_fault("refund_not_sent")
    project.approve()
    money = project.sandbox.money()
    session = project.start(env=KEY)
    session.wait(200)
    assert project.settled(money).open_minor == 0, session.output
    overdue = [one["text"] for one in receiver.data("refund_overdue")]
    assert "refunded was not reached in 2 s (deadline)" in overdue
    assert receiver.kinds()[-1] == "paygate.verdict"


def test_money_outstanding_is_told(project, receiver):
    """A settlement that escalates is told with amount and charge, before a verdict that says ESCALATED."""
    notify(project, receiver.url)
    project.sandbox.set_fault("refund_fails_later")
    # At once, or a quick run would be over before the refund fails.
    project.sandbox.set_delay("stripe.refund_fails", 0)
    project.approve()
    session = project.start(env=KEY)
    assert session.wait(200) == 23, session.output
    overdue = [one["text"] for one in receiver.data("refund_overdue")]
    assert any(text.startswith("money is outstanding: EUR 5.00 of ch_") for text in overdue), overdue
    assert receiver.data("verdict")[-1]["verdict"] == "ESCALATED"


def test_a_receiver_that_is_down_hurts_nothing(project, receiver):
    """The run ends as it would have; what was not delivered is journalled and told at the end."""
    url = receiver.url
    receiver.close()
    notify(project, url)
    project.approve()
    before = project.sandbox.money()
    session = project.start(env=KEY)
    assert session.wait() == 20, session.output
    assert project.settled(before).open_minor == 0
    told = "the notice operator_needed did not reach the webhook: ConnectError"
    assert ("notice_failed", told) in anomalies(project)
    assert f"paygate: {told}" in session.output
    assert "paygate: the notice verdict did not reach the webhook: ConnectError" in session.output


def test_only_what_is_asked_for_is_sent(project, receiver):
    """`on` names the occasions; the others are not sent."""
    notify(project, receiver.url, 'on = ["verdict"]')
    project.approve()
    assert project.start(env=KEY).wait() == 20
    assert receiver.kinds() == ["paygate.verdict"]


def test_the_hook_hears_of_it_and_may_raise(project):
    """A conftest's hook is told; one that raises, exits or fails changes nothing but an anomaly."""
    (project.folder / "conftest.py").write_text(HOOK + "    raise SystemExit(9)\n")
    project.approve()
    session = project.start()
    assert session.wait() == 20, session.output
    kinds = [one["type"] for one in heard(project.folder)]
    assert kinds == ["paygate.operator_needed", "paygate.verdict"]
    told = "the notice operator_needed did not reach the hook pytest_paygate_notify: it raised SystemExit"
    assert ("notice_failed", told) in anomalies(project)


def test_a_hook_that_hangs_does_not_hold_money_up(project):
    """A hook that sleeps for minutes delays neither the purchase nor its refund, and the session ends."""
    (project.folder / "conftest.py").write_text(
        "import time\n\ndef pytest_paygate_notify(notice):\n    time.sleep(600)\n"
    )
    project.approve()
    before = project.sandbox.money()
    session = project.start()
    assert session.wait(90) == 20, session.output
    assert project.settled(before).open_minor == 0
    assert "what was still to be told at the end of the session: the time for it was up" in session.output


def test_a_secret_in_a_title_is_not_told(project, receiver):
    """A hold point whose title holds a secret of the run is told without it."""
    notify(project, receiver.url)
    (project.folder / "conftest.py").write_text(HOOK)
    path = project.gate / "test_2_walkthrough.py"
    text = path.read_text()
    place = "    answer = await operator.hold(point)\n"
    assert text.count(place) == 1
    leak = (
        '    import dataclasses\n    point = dataclasses.replace(point, title=run.secret("buyer_password").reveal())\n'
    )
    path.write_text(text.replace(place, leak + place))
    project.approve()
    session = WebSession(project.folder, "--live", "--confirm", "--operator=web", env=environ(**KEY))
    try:
        session.enter()
        wanted = re.search(r'<strong class="code">([^<]+)</strong></label>', session.until("exactly like this"))
        session.send(text=wanted[1])
        session.until("give up")
        session.send(word="abort")
        session.wait()
    finally:
        session.end()
    password = project.sandbox.description["buyer_password"]
    assert password not in receiver.text()
    assert password not in json.dumps(heard(project.folder))
    assert "a text that holds a secret of this run and is not told" in receiver.text()


def test_the_embedded_sandbox_calls_nobody_but_the_hook(demo, receiver):
    """Trying the demo gate in a dry environment tells the hook its verdict."""
    demo.write("conftest.py", HOOK)
    assert demo.run().ret == 0
    (told,) = heard(demo.path)
    assert (told["type"], told["data"]["verdict"], told["data"]["exit_code"]) == ("paygate.verdict", "PASS", 0)


def test_a_countdown_that_ends_unreached_is_told_at_once(demo):
    """Time that runs out is told when it runs out, one that was reached in time is not; and nobody need sit there."""
    demo.write("conftest.py", HOOK)
    demo.change("test_demo.py", "def test_order(facts: Facts)", "async def test_order(facts: Facts, run)")
    demo.body(
        "order",
        """import asyncio, pathlib
heard = pathlib.Path(__file__).parent.with_name("heard.jsonl")
now = run.elapsed_seconds
with run.countdown("refund of EUR 1.00", since_seconds=now, limit_seconds=60, at_end="It fails."):
    await asyncio.sleep(0.01)
with run.countdown("refund of EUR 5.00", since_seconds=now, limit_seconds=0.2, at_end="It fails."):
    await asyncio.sleep(1.0)
    assert heard.exists()
facts["order_id"] = "ord_1"
""".rstrip(),
    )
    result = demo.run()
    assert result.ret == 0, str(result.stdout)
    overdue = [one["data"] for one in heard(demo.path) if one["type"] == "paygate.refund_overdue"]
    assert [(one["text"], one["row"]) for one in overdue] == [("refund of EUR 5.00: time is up. It fails.", "order")]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            'webhook = "http://hooks.example/x"\nsecret = "env:S"',
            "paygate.toml: notify.webhook: is no address that notices can be sent to",
        ),
        (
            'webhook = "https://hooks.example/x"\nsecret = "whsec_literal"',
            "paygate.toml: notify.secret: holds a literal secret",
        ),
        ('webhook = "https://hooks.example/x"\nsecret = "env:NOT_THERE"', "paygate.toml: notify.secret"),
        (
            'webhook = "https://hooks.example/x"\nsecret = "env:HOME"',
            "paygate.toml: notify.secret: is no key that notices",
        ),
        ('on = ["verdikt"]', "paygate.toml: notify.on[0]: is not one of the allowed values"),
        ("on = []", "paygate.toml: notify.on: has the wrong type or form"),
        ('url = "https://hooks.example/x"', "paygate.toml: notify.url: is not a known key"),
    ],
)
def test_wrong_settings_are_refused_before_any_row(demo, table, said):
    """Each wrong key of `[notify]` is a usage error that names file and key, and no row runs."""
    path = demo.path / "paygate.toml"
    path.write_text(f"[notify]\n{table}\n\n{path.read_text()}")
    result = demo.run()
    assert result.ret == 4
    assert said in str(result.stderr) + str(result.stdout)
    assert demo.bodies() == []
