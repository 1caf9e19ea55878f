"""The desk, purchase and probe: what goes on record word for word, every bound of the cap, and each refusal whole."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import dataclass, field, replace
from hashlib import sha256

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import InterlockError, JournalError, PaygateError, Refusal, TargetError
from pytest_paygate.core.events import Mode, ProbeIntended
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Outgoing
from pytest_paygate.core.run import IllegalEventError, RunState
from pytest_paygate.exposure.desk import MoneyDesk
from tests.unit.core.test_exposure import INTENDED
from tests.unit.exposure.told_run import PLAIN, ToldRun, at_its_money_row, outside_of_rows

pytestmark = pytest.mark.asyncio(loop_scope="function")
EUR_5 = Money(500, "EUR")
BODY = b'{"product_id":"prod_1"}'
ORDER = Outgoing("POST", "/orders", BODY)
BOUGHT = INTENDED.model_copy(update={"body_sha256": sha256(BODY).hexdigest()})
NO_ANSWER = TargetError(Refusal("r", "", "", "", ""), failure="reset")
NO_CONNECTION = TargetError(Refusal("r", "", "", "", ""), failure="connect_error", unsent=True)


@pytest.fixture(autouse=True)
def ends():
    """Whatever the desk does, it ends: nothing here takes seconds of the processor, however busy the machine is."""

    def late(*_: object) -> None:
        raise AssertionError("the desk does not end")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, 3.0)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
    signal.signal(signal.SIGVTALRM, before)


@dataclass
class Answer:
    """What a send brings back."""

    status: int = 201


@dataclass
class Before:
    """What must hold right before the purchase; keeps what it was asked, and what the run was then."""

    run: ToldRun
    asked: list[object] = field(default_factory=list)
    breach: JournalError | None = None

    async def look_again(self) -> None:
        """Look at the guards."""
        self.asked.append(("look", len(self.run.events)))

    async def take_capacity(self) -> None:
        """Take a unit."""
        self.asked.append(("take", len(self.run.events)))
        if self.breach is not None:
            raise self.breach

    async def return_capacity(self, reason: str) -> None:
        """Give it back."""
        self.asked.append(("return", reason))


@dataclass
class Stand:
    """A desk on a run at its money row, and what was sent over it."""

    run: ToldRun = field(default_factory=at_its_money_row)
    cap: Money | None = EUR_5
    closed: str = ""
    held: bool = True
    answer: object = field(default_factory=Answer)
    before: Before | None = None
    sent: int = 0

    def desk(self) -> MoneyDesk:
        """The desk."""
        return MoneyDesk(
            "run-1",
            recorder=self.run,
            state=lambda: self.run.state,
            cap=self.cap,
            closed=lambda: self.closed,
            holds_lock=self.holds,
            before=self.before,
        )

    async def holds(self) -> bool:
        """Whether the lock is ours."""
        return self.held

    async def send(self):
        """Send."""
        self.sent += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def buy(self, amount: Money = EUR_5, request: Outgoing = ORDER):
        """Buy."""
        return await self.desk().buy(amount, request, self.send)

    async def refused(self, amount: Money = EUR_5, request: Outgoing = ORDER) -> tuple[tuple[str, ...], str]:
        """The condition and the whole text of the refusal to buy; nothing was sent."""
        with pytest.raises(InterlockError) as error:
            await self.buy(amount, request)
        assert self.sent == 0
        return error.value.conditions, error.value.refusal.text()


def told(outcome: str, status: int = 0, failure: str = "") -> ex.ChargeSent:
    """The journal's line of what became of the purchase."""
    return ex.ChargeSent(outcome=ex.SendOutcome(outcome), status=status, failure=failure)


SENDS = {
    "199": (Answer(199), told("ambiguous", 199)),
    "200": (Answer(200), told("seen", 200)),
    "299": (Answer(299), told("seen", 299)),
    "300": (Answer(300), told("ambiguous", 300)),
    "reset": (NO_ANSWER, told("ambiguous", 0, "reset")),
    "unsent": (NO_CONNECTION, told("not_sent", 0, "connect_error")),
    "bug": (RuntimeError("of ours"), told("ambiguous", 0, "RuntimeError")),
    "cut off": (KeyboardInterrupt(), told("ambiguous", 0, "KeyboardInterrupt")),
}


@pytest.mark.parametrize("name", SENDS)
async def test_a_purchase_is_two_lines_and_one_send(name):
    """Intent with the bytes' hash, then what came of it; the answer or the error itself reaches whoever bought."""
    answer, line = SENDS[name]
    stand = Stand(answer=answer)
    if isinstance(answer, BaseException):
        with pytest.raises(type(answer)) as error:
            await stand.buy()
        assert error.value is answer
    else:
        assert await stand.buy() is answer
    assert stand.run.events == [BOUGHT, line]
    assert stand.sent == 1


async def test_a_lost_lock_is_refused_word_for_word():
    """Without the lock the intent is followed by `not_sent`, and the refusal says what to do."""
    stand = Stand(held=False)
    assert await stand.refused() == (
        ("lock_held",),
        "interlock: POST /orders is not sent, because of lock_held\n"
        "  expected  the environment's lock, held without a break\n"
        "  observed  the lease lapsed, or somebody else took the lock\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Run `paygate recover`, then start again with a fresh approval.",
    )
    assert stand.run.events == [BOUGHT, told("not_sent", 0, "lock_lost")]


async def test_a_closed_desk_is_refused_word_for_word():
    """A desk that is closed says why, and records nothing."""
    stand = Stand(closed="not armed")
    assert await stand.refused() == (
        ("armed",),
        "interlock: POST /orders is not sent, because of armed\n"
        "  expected  a run whose interlock has let money move\n"
        "  observed  not armed\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Start the gate with --live --confirm, and read what it refuses.",
    )
    assert stand.run.events == []


@pytest.mark.parametrize("illegal", ["charge_intended", "charge_sent"])
async def test_what_the_journal_does_not_allow_is_refused_word_for_word(illegal):
    """An intent, or an outcome, that may not follow what came before stops the request with the journal's reason."""
    stand = Stand(held=illegal == "charge_intended")
    stand.run.illegal = illegal
    assert await stand.refused() == (
        ("once",),
        "interlock: POST /orders is not sent, because of once\n"
        "  expected  what the journal of this run allows\n"
        "  observed  not now\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      A purchase is sent once, a charge is refunded once: look up what the first one did.",
    )


def over(observed: str, cap: str = "EUR 5.00") -> tuple[tuple[str, ...], str]:
    """The refusal of what is above the cap."""
    return (
        ("within_caps",),
        "interlock: POST /orders is not sent, because of within_caps\n"
        f"  expected  at most {cap}\n"
        f"  observed  {observed}\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Correct the amount, or the cap in paygate.toml.",
    )


@pytest.mark.parametrize(
    ("amount", "cap", "observed"),
    [
        (Money(501, "EUR"), EUR_5, "EUR 5.01"),
        (Money(500, "USD"), EUR_5, "USD 5.00"),
        (Money(499, "USD"), EUR_5, "USD 4.99"),
    ],
)
async def test_what_is_declared_above_the_cap_is_refused(amount, cap, observed):
    """One minor unit above the cap, or any amount of another currency."""
    stand = Stand(cap=cap)
    assert await stand.refused(amount) == over(observed)
    assert stand.run.events == []


async def test_without_a_cap_the_amount_is_the_cap():
    """Where no cap is set, the bytes may hold what was declared and no more."""
    stand = Stand(cap=None)
    request = Outgoing("POST", "/orders", b'{"total":501}')
    assert await stand.refused(request=request) == over("501 minor units in the request itself")
    assert await Stand(cap=None).buy() == Answer()


AMOUNTS = ["amount", "amount_minor", "amount_total", "total", "total_minor", "price", "price_minor"]


@pytest.mark.parametrize("key", AMOUNTS)
@pytest.mark.parametrize(
    "nest", ["{}", '{{"a":{}}}', "[{}]", '{{"a":[0,[{}],0],"b":{{}}}}', '{{"b":[],"a":{{"c":{}}}}}']
)
async def test_an_amount_above_the_cap_is_found_wherever_it_stands(key, nest):
    """Under each name of an amount, at each depth: the cap passes, one more does not."""

    def request(minor: int) -> Outgoing:
        return Outgoing("POST", "/orders", nest.format(json.dumps({"x": 9999, key: minor, "y": "z"})).encode())

    assert await Stand().refused(request=request(501)) == over("501 minor units in the request itself")
    assert await Stand().buy(request=request(500)) == Answer()


@pytest.mark.parametrize(
    "body",
    [b"", b"amount=501", b"\xff", b"501", b'"amount"', b'{"amount":"501"}', b'{"quantity":501}', b'{"total":true}'],
)
async def test_what_is_no_amount_passes(body):
    """No JSON, a text, a flag, or another name: nothing of that is an amount in minor units."""
    assert await Stand(cap=Money(0, "EUR")).refused(Money(1, "EUR"), Outgoing("POST", "/orders", body)) == over(
        "EUR 0.01", "EUR 0.00"
    )
    assert await Stand().buy(request=Outgoing("POST", "/orders", body)) == Answer()
    assert await Stand(cap=None).buy(EUR_5, Outgoing("POST", "/orders", body)) == Answer()


async def test_a_flag_is_no_amount_of_one():
    """JSON's `true` counts as no minor unit, even where the cap is none."""
    stand = Stand(cap=Money(0, "EUR"), run=at_its_money_row(PLAIN, Mode.STAGING))
    stand.run.illegal = "charge_intended"
    conditions, _ = await stand.refused(Money(0, "EUR"), Outgoing("POST", "/orders", b'{"total":true}'))
    assert conditions == ("once",)


RETURNED = ("return", "the purchase was not sent")


@pytest.mark.parametrize(
    ("stand", "returned"),
    [
        (Stand(), False),
        (Stand(answer=Answer(500)), False),
        (Stand(answer=NO_ANSWER), False),
        (Stand(answer=RuntimeError()), False),
        (Stand(answer=NO_CONNECTION), True),
        (Stand(held=False), True),
        (Stand(run=replace(at_its_money_row(), illegal="charge_intended")), True),
        (Stand(run=replace(at_its_money_row(), illegal="charge_sent"), answer=RuntimeError()), False),
    ],
    ids=["seen", "500", "reset", "bug", "no connection", "no lock", "no intent", "untold"],
)
async def test_guards_then_capacity_then_the_purchase(stand, returned):
    """Both are asked for before the intent, in this order; the unit comes back only when nothing can have been sent."""
    stand.before = Before(stand.run)
    with contextlib.suppress(PaygateError, RuntimeError, IllegalEventError):
        await stand.buy()
    assert stand.before.asked == [("look", 0), ("take", 0), *([RETURNED] if returned else [])]


async def test_a_unit_that_was_not_taken_is_not_given_back():
    """When no capacity may be taken, nothing is bought and nothing is returned."""
    stand = Stand()
    stand.before = Before(stand.run, breach=JournalError(Refusal("r", "", "", "", "")))
    with pytest.raises(JournalError):
        await stand.buy()
    assert stand.before.asked == [("look", 0), ("take", 0)]
    assert (stand.sent, stand.run.events) == (0, [])


async def test_a_second_purchase_asks_for_no_second_unit():
    """Once a purchase is intended, the next is refused by the journal without a look at guards or capacity."""
    stand = Stand()
    await stand.buy()
    stand.before = Before(stand.run)
    with pytest.raises(InterlockError) as error:
        await stand.buy()
    assert error.value.refusal.observed == "a purchase is intended once in a run"
    assert (stand.before.asked, stand.sent, stand.run.events) == ([], 1, [BOUGHT, told("seen", 201)])


async def test_a_probe_is_on_record_before_it_is_sent():
    """In a dry run a probe's line has method, path and the hash of its bytes, and its answer is handed on."""
    stand = Stand(run=at_its_money_row(PLAIN, Mode.STAGING), closed="no money here")
    assert await stand.desk().probe(Outgoing("PUT", "/x", BODY), stand.send) is stand.answer
    assert stand.run.events == [ProbeIntended(method="PUT", path="/x", body_sha256=sha256(BODY).hexdigest())]
    assert stand.sent == 1


async def test_a_probe_of_a_live_run_is_refused_word_for_word():
    """Where money is real nothing is probed."""
    stand = Stand()
    with pytest.raises(InterlockError) as error:
        await stand.desk().probe(ORDER, stand.send)
    assert error.value.conditions == ("dry_run",)
    assert error.value.refusal.text() == (
        "interlock: POST /orders is not sent, because of dry_run\n"
        "  expected  probes of the target in a sandbox or staging run only\n"
        "  observed  a probe is sent in a dry run only, never where money is real\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Probe where run.may_probe says so; a live run sends its one purchase and nothing else."
    )
    assert (stand.sent, stand.run.events) == (0, [])


READS = ["GET", "HEAD", "OPTIONS"]
WRITES = ["POST", "PUT", "PATCH", "DELETE"]


def settling(run: ToldRun) -> ToldRun:
    """The run while what is open is settled."""
    run.state = replace(run.state, phase="settling")
    return run


@pytest.mark.parametrize("method", READS + WRITES)
@pytest.mark.parametrize("where", ["live", "staging", "settling", "interlock"])
async def test_what_moves_money_in_a_guarded_run_says_what(method, where):
    """A write sent as one that moves money declares what it moves, in a guarded run and outside of settling."""
    run = at_its_money_row(PLAIN, Mode.STAGING) if where == "staging" else at_its_money_row()
    run.state = replace(run.state, phase=where if where in {"settling", "interlock"} else "")
    desk, request = Stand(run=run).desk(), Outgoing(method, "/pay", b"")
    if method in READS or where in {"staging", "settling"}:
        desk.check_undeclared(request)
        return
    with pytest.raises(InterlockError) as error:
        desk.check_undeclared(request)
    assert error.value.conditions == ("declared",)
    assert error.value.refusal.text() == (
        f"interlock: {method} /pay is not sent, because of declared\n"
        "  expected  charge= or refund= on every request that moves money in a live run\n"
        "  observed  once=True alone\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Say in the suite what the request moves: post(…, charge=amount) or post(…, refund=charge)."
    )


@pytest.mark.parametrize("method", READS + WRITES)
@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.STAGING])
async def test_a_money_row_says_what_its_writes_move(method, mode):
    """In every mode a write of a money row declares what it moves; a read need not."""
    desk, request = Stand(run=at_its_money_row(PLAIN, mode)).desk(), Outgoing(method, "/pay", b"")
    if method in READS:
        desk.check_row(request)
        return
    with pytest.raises(InterlockError) as error:
        desk.check_row(request)
    assert error.value.conditions == ("declared",)
    assert error.value.refusal.text() == (
        f"interlock: {method} /pay is not sent, because of declared\n"
        "  expected  charge= or refund= on what row buy, which moves money, sends to the target\n"
        "  observed  neither\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Say what it moves: post(…, charge=amount) or post(…, refund=charge). What moves nothing belongs "
        "into a row without money = true."
    )


async def test_other_rows_and_other_times_write_what_they_like():
    """A row without money, no row at all, a run without its gate, and settling are held back by nothing here."""
    runs = [outside_of_rows(), settling(at_its_money_row()), at_its_money_row(), at_its_money_row()]
    runs[2].state = replace(runs[2].state, open_row="login")
    runs[3].state = RunState(open_row="buy")
    for run in runs:
        Stand(run=run).desk().check_row(Outgoing("POST", "/pay", b""))
