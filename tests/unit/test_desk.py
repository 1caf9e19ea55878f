"""The desk: intent first, cap on the very bytes, lock last, sent once, and nothing that was not declared."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from pytest_paygate.core.errors import InterlockError, JournalError, Refusal, TargetError
from pytest_paygate.core.events import Mode, ProbeIntended
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Outgoing
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.exposure.desk import MoneyDesk
from tests.network.scene import AMOUNT, MemoryRun

pytestmark = pytest.mark.asyncio(loop_scope="function")
ORDER = Outgoing("POST", "/orders", b'{"product_id":"prod_1"}')


class Answer:
    """What a send brings back."""

    def __init__(self, status: int = 201) -> None:
        self.status = status


class Stand:
    """A desk on an armed run in memory, and what was sent over it."""

    def __init__(self, *, closed: str = "", held: bool = True, answer: object = None) -> None:
        self.run = MemoryRun()
        self.sent: list[str] = []
        self.held = held
        self.answer = Answer() if answer is None else answer
        self.desk = MoneyDesk(
            self.run.run_id,
            recorder=self.run,
            state=lambda: self.run.state,
            cap=AMOUNT,
            closed=lambda: closed,
            holds_lock=self.holds,
        )

    async def holds(self) -> bool:
        """Whether the lock is held; the intent must be on record by now."""
        assert self.run.state.exposure.intent is not None
        return self.held

    async def send(self) -> object:
        """Send; the intent must be on record by now."""
        assert self.run.state.exposure.intent is not None
        self.sent.append("sent")
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def buy(self, amount=AMOUNT, request=ORDER):
        """Buy."""
        return await self.desk.buy(amount, request, self.send)


async def test_a_purchase_is_sent_once_and_told():
    """The first purchase goes out; a second of the same run is refused and not sent."""
    stand = Stand()
    assert (await stand.buy()).status == 201
    assert stand.run.state.exposure.sent.outcome == "seen"
    with pytest.raises(InterlockError, match="because of once"):
        await stand.buy()
    assert stand.sent == ["sent"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(500), "ambiguous"),
        (Answer(402), "ambiguous"),
        (Answer(302), "ambiguous"),
        (TargetError(Refusal("", "", "", "", ""), failure="reset"), "ambiguous"),
        (TargetError(Refusal("", "", "", "", ""), failure="connect_error", unsent=True), "not_sent"),
        (KeyboardInterrupt(), "ambiguous"),
        (RuntimeError(), "ambiguous"),
    ],
)
async def test_what_a_send_proves(answer, outcome):
    """Only a connection that never came about means not sent; a refusal, a timeout or a Ctrl-C mean nothing of the kind."""
    stand = Stand(answer=answer)
    if isinstance(answer, BaseException):
        with pytest.raises(type(answer)):
            await stand.buy()
    else:
        await stand.buy()
    assert stand.run.state.exposure.sent.outcome == outcome
    assert stand.sent == ["sent"]


async def test_a_lost_lock_sends_nothing():
    """The lock is looked at last, after the intent: without it nothing goes out, and that is on record."""
    stand = Stand(held=False)
    with pytest.raises(InterlockError, match="because of lock_held"):
        await stand.buy()
    assert stand.sent == []
    assert stand.run.state.exposure.sent.outcome == "not_sent"


async def test_a_closed_desk_records_and_sends_nothing():
    """Where the interlock was not passed there is not even an intent; the refusal is asserted word for word."""
    stand = Stand(closed="the interlock has not been passed")
    with pytest.raises(InterlockError) as refused:
        await stand.buy()
    assert stand.run.state.exposure.intent is None
    assert refused.value.refusal.text() == (
        "interlock: POST /orders is not sent, because of armed\n"
        "  expected  a run whose interlock has let money move\n"
        "  observed  the interlock has not been passed\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Start the gate with --live --confirm, and read what it refuses."
    )


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 501},
        {"items": [{"price_minor": 50_000}]},
        {"order": {"total": 600, "currency": "EUR"}},
        {"amount_minor": 10**12},
    ],
)
async def test_the_cap_holds_on_the_bytes(body):
    """An amount above the cap anywhere in the request stops it, whatever the suite declared."""
    stand = Stand()
    with pytest.raises(InterlockError, match="because of within_caps"):
        await stand.buy(request=Outgoing("POST", "/orders", json.dumps(body).encode()))
    assert stand.run.state.exposure.intent is None


@pytest.mark.parametrize("amount", [Money(501, "EUR"), Money(500, "USD")])
async def test_the_cap_holds_on_what_is_declared(amount):
    """More than the cap, or another currency, is refused before the intent."""
    stand = Stand()
    with pytest.raises(InterlockError, match="because of within_caps"):
        await stand.buy(amount)
    assert stand.sent == []


async def test_a_journal_that_fails_keeps_the_request_in():
    """When the intent cannot be written, nothing is sent."""
    stand = Stand()

    def fails(body: object) -> int:
        raise JournalError(Refusal("the journal cannot be written", "", "", "", ""))

    stand.run.record = fails
    with pytest.raises(JournalError):
        await stand.buy()
    assert stand.sent == []


@pytest.mark.parametrize(("method", "passes"), [("GET", True), ("HEAD", True), ("POST", False), ("PUT", False)])
async def test_what_moves_money_says_so(method, passes):
    """In a guarded run a request sent as one that moves money must say what it moves."""
    stand = Stand()
    if passes:
        stand.desk.check_undeclared(Outgoing(method, "/x", b""))
    else:
        with pytest.raises(InterlockError, match="because of declared"):
            stand.desk.check_undeclared(Outgoing(method, "/x", b""))


def in_row(row_id: str) -> Stand:
    """A stand with that row of its gate open."""
    stand = Stand()
    state = stand.run.state
    stand.run.state = replace(state, open_row=row_id)
    return stand


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_row_that_moves_money_says_what_it_sends(method):
    """A write from a money row that declares neither charge nor refund is refused, word for word, in every mode."""
    stand = in_row("order")
    with pytest.raises(InterlockError) as refused:
        stand.desk.check_row(Outgoing(method, "/orders", b""))
    assert refused.value.refusal.text() == (
        f"interlock: {method} /orders is not sent, because of declared\n"
        "  expected  charge= or refund= on what row order, which moves money, sends to the target\n"
        "  observed  neither\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Say what it moves: post(…, charge=amount) or post(…, refund=charge). What moves nothing belongs "
        "into a row without money = true."
    )


@pytest.mark.parametrize(("row", "method"), [("order", "GET"), ("alive", "POST")])
async def test_reads_and_other_rows_may_pass(row, method):
    """A read of a money row, and a login in a row that moves none, are nobody's business."""
    in_row(row).desk.check_row(Outgoing(method, "/x", b""))


PROBE = Outgoing("POST", "/orders", b'{"product_id":"unknown"}')


async def test_no_probe_is_sent_where_money_is_real():
    """A rehearsal and a live run refuse to send what the target must refuse, word for word, and record no intent of it."""
    stand = Stand()
    with pytest.raises(InterlockError) as refused:
        await stand.desk.probe(PROBE, stand.send)
    assert stand.sent == []
    assert refused.value.refusal.text() == (
        "interlock: POST /orders is not sent, because of dry_run\n"
        "  expected  probes of the target in a sandbox or staging run only\n"
        "  observed  a probe is sent in a dry run only, never where money is real\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Probe where run.may_probe says so; a live run sends its one purchase and nothing else."
    )


async def test_a_probe_is_on_record_before_it_is_sent():
    """In a dry run the journal says which bytes are about to leave; they are not a purchase."""
    stand = Stand()
    stand.run.state = replace(
        stand.run.state, started=stand.run.state.started.model_copy(update={"mode": Mode.STAGING})
    )
    recorded: list[object] = []
    record = stand.run.record
    stand.run.record = lambda body: recorded.append(body) or record(body)

    async def send() -> object:
        assert recorded == [ProbeIntended(method="POST", path="/orders", body_sha256=sha256(PROBE.body).hexdigest())]
        return stand.answer

    assert await stand.desk.probe(PROBE, send) is stand.answer
    assert stand.run.state.exposure.intent is None


async def test_a_probe_belongs_into_a_row():
    """Outside of a row nothing is probed."""
    stand = Stand()
    stand.run.state = replace(stand.run.state, open_row=None)
    with pytest.raises(IllegalEventError, match=r"^probe_intended happens inside a row$"):
        stand.run.record(ProbeIntended(method="POST", path="/orders", body_sha256="0" * 64))
