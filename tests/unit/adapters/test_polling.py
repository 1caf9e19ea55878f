"""A wait: its schedule, its ends, what it obeys and what it writes down."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.polling import Poll, PollOutcome
from pytest_paygate.core.errors import DatabaseError, ProviderError, Refusal, TargetError
from pytest_paygate.core.redaction import plain
from pytest_paygate.core.seats import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.asyncio(loop_scope="function")
REFUSAL = Refusal("r", "e", "o", "m", "n")


@dataclass
class Reply:
    """An answer as a poll sees it."""

    status: int = 200
    word: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def scripted(*replies: object):
    """A read that gives or raises its replies in turn, the last one for ever; `times` counts the reads."""
    times = []

    async def read() -> object:
        reply = replies[min(len(times), len(replies) - 1)]
        times.append(reply)
        if isinstance(reply, Exception):
            raise reply
        return reply

    read.times = times
    return read


def word_of(reply: Reply) -> str:
    """The word of a scripted reply."""
    return reply.word


@pytest.fixture
def poll(journal, manual_clock) -> Poll:
    """A poll on the manual clock."""
    return Poll(recorder=journal, clock=manual_clock)


@pytest.mark.parametrize(
    ("turns_after_seconds", "reads", "overshoot_ms"),
    [
        (0.0, 1, 0.0),
        (0.1, 6, 12.5),
        (0.5, 24, 20.931),
        (1.0, 38, 31.408),
        (3.0, 60, 17.138),
        (10.0, 85, 217.100),
        (60.0, 122, 2134.344),
        (300.0, 172, 1210.300),
    ],
)
async def test_schedule_is_exact(poll, manual_clock, turns_after_seconds, reads, overshoot_ms) -> None:
    """The schedule is a function: so many reads, so much overshoot, at most 5 % of any wait from half a second on."""

    async def read() -> str:
        return "done" if manual_clock.seconds >= turns_after_seconds else "pending"

    got = await poll.until("order", read, value=str, goal={"done"}, deadline_seconds=600)
    overshoot_seconds = got.waited_seconds - turns_after_seconds
    assert (got.reached, got.attempts) == (True, reads)
    assert overshoot_seconds * 1000 == pytest.approx(overshoot_ms, abs=0.01)
    if turns_after_seconds >= 0.5:
        assert overshoot_seconds <= 0.05 * turns_after_seconds + 1e-9


async def test_first_look_is_at_once_and_the_last_at_the_deadline(poll, manual_clock) -> None:
    """The deadline is met by a look of its own and never passed by a pause; it is a result, not an error."""
    seen = []

    async def read() -> str:
        seen.append(manual_clock.seconds)
        return "pending"

    got = await poll.until("order", read, value=str, goal={"done"}, deadline_seconds=1.0)
    assert (got.reached, got.outcome, got.value) == (False, PollOutcome.DEADLINE, "pending")
    assert (seen[0], seen[-1], got.waited_seconds) == (0.0, 1.0, 1.0)


async def test_bad_state_ends_the_wait_at_once_and_wins_over_the_goal(poll, manual_clock) -> None:
    """A terminal bad state is not waited through, and a word that is both good and bad is bad."""
    read = scripted(Reply(word="pending"), Reply(word="failed"))
    got = await poll.until("o", read, value=word_of, goal=lambda _word: True, bad={"failed"}, deadline_seconds=9)
    assert got.reached  # `pending` satisfies this goal
    read = scripted(Reply(word="failed"))
    got = await poll.until("o", read, value=word_of, goal={"failed"}, bad={"failed"}, deadline_seconds=9)
    assert (got.outcome, got.attempts, manual_clock.seconds) == (PollOutcome.BAD_STATE, 1, 0.0)


async def test_server_errors_and_failed_connections_are_counted_not_fatal(poll) -> None:
    """5xx, no answer and unreadable answers are counted, the worst status kept, and the wait goes on to its goal."""
    read = scripted(
        Reply(500),
        TargetError(REFUSAL),
        DatabaseError(REFUSAL),
        ProviderError(REFUSAL, status=503),
        Reply(502),
        Reply(word="done"),
    )
    got = await poll.until("o", read, value=word_of, goal={"done"}, deadline_seconds=9)
    assert (got.reached, got.attempts, got.server_errors, got.worst_status) == (True, 6, 5, 503)

    def unreadable(_reply: Reply) -> str:
        raise TargetError(REFUSAL)

    got = await poll.until("o", scripted(Reply()), value=unreadable, goal={"done"}, deadline_seconds=0.1)
    assert (got.reached, got.server_errors, got.value) == (False, got.attempts, "")


@pytest.mark.parametrize(
    ("header", "waited_seconds"),
    [
        ("2", 2.0),
        ("date+7", 7.0),
        ("date-7", 0.0225),
        ("1000000000", 30.0),
        ("9" * 40, 30.0),
        ("soon", 1.0),
        (None, 1.0),
    ],
)
async def test_retry_after_is_obeyed_up_to_the_deadline(poll, manual_clock, header, waited_seconds) -> None:
    """429 with seconds, an HTTP date, an absurd value or nothing usable: what was asked, never past the deadline."""
    text = header
    if header is not None and header.startswith("date"):
        text = format_datetime(manual_clock.now() + timedelta(seconds=int(header[4:])), usegmt=True)
    reply = Reply(429, headers={} if text is None else {"retry-after": text})
    read = scripted(reply, Reply(word="done"))
    got = await poll.until("o", read, value=word_of, goal={"done"}, deadline_seconds=30)
    assert (got.reached, got.attempts, got.server_errors, got.worst_status) == (True, 2, 0, 429)
    assert manual_clock.seconds == pytest.approx(waited_seconds)


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ((Reply(503),), "no usable answer in {looks} looks, the worst status 503"),
        ((Reply(429), Reply(500)), "no usable answer in {looks} looks, the worst status 500"),
        ((TargetError(REFUSAL),), "no usable answer in {looks} looks"),
        ((Reply(word="open"), Reply(503)), "open"),
    ],
)
async def test_a_wait_without_an_answer_says_what_it_got(poll, replies, told) -> None:
    """The last word that was read, or how often nothing usable came and the worst status; all of it can be shown."""
    got = await poll.until("state", scripted(*replies), value=word_of, goal={"done"}, deadline_seconds=3)
    assert got.told == told.format(looks=got.attempts) == plain(got.told)


async def test_one_look_without_an_answer_is_one(poll) -> None:
    """A single look is counted as one."""
    got = await poll.until("state", scripted(Reply(503)), value=word_of, goal={"done"}, deadline_seconds=0)
    assert got.told == "no usable answer in 1 look, the worst status 503"


async def test_retry_after_of_a_503_is_obeyed_too(poll, manual_clock) -> None:
    """A server that is down and says for how long is left alone for as long."""
    read = scripted(Reply(503, headers={"retry-after": "4"}), Reply(word="done"))
    got = await poll.until("o", read, value=word_of, goal={"done"}, deadline_seconds=30)
    assert (got.reached, manual_clock.seconds) == (True, 4.0)


async def test_a_status_that_goes_backwards_is_an_anomaly(poll, journal) -> None:
    """Forward steps and unknown words are no anomaly; each step back is one, and decides nothing."""
    words = ("processing", "authorised", "odd", "processing", "processing", "authorised", "done")
    read = scripted(*(Reply(word=word) for word in words))
    order = ("processing", "authorised", "done")
    got = await poll.until("o", read, value=word_of, goal={"done"}, order=order, deadline_seconds=9)
    assert got.reached
    read = scripted(*(Reply(word=word) for word in ("authorised", "processing", "processing", "done")))
    await poll.until("o", read, value=word_of, goal={"done"}, order=order, deadline_seconds=9)
    assert [event.detail for event in journal.of("anomaly")] == [
        "o: authorised, then processing",
        "o: authorised, then processing",
    ]


async def test_every_look_and_the_end_are_journalled_without_free_text(poll, journal) -> None:
    """Looks are numbered with their time and word, the end tells the sums; a target's free text never gets in."""
    read = scripted(Reply(word="<img src=x onerror=alert(1)>"), Reply(500), Reply(word="done"))
    await poll.until("order", read, value=word_of, goal={"done"}, deadline_seconds=9)
    looks = journal.of("poll_read")
    assert [(look.attempt, look.value, look.good) for look in looks] == [
        (1, "unreadable", True),
        (2, "http_500", False),
        (3, "done", True),
    ]
    [end] = journal.of("poll_finished")
    assert (end.outcome, end.attempts, end.server_errors, end.worst_status, end.value) == ("reached", 3, 1, 500, "done")


async def test_a_bug_in_the_read_is_not_swallowed(poll) -> None:
    """Only the world's failures are waited through; an error of our own ends the poll."""
    with pytest.raises(KeyError):
        await poll.until("o", scripted(KeyError("x")), value=str, goal={"done"}, deadline_seconds=9)


async def test_a_wait_is_shown_with_its_deadline_and_what_is_usual(journal, manual_clock) -> None:
    """Whoever sits at the terminal is told what is waited for, until when, and how long it usually takes."""
    seen: list[tuple[Waiting, float | None]] = []

    @contextlib.contextmanager
    def shown(wait: Waiting) -> Iterator[None]:
        began = manual_clock.elapsed_seconds()
        yield
        seen.append((wait, manual_clock.elapsed_seconds() - began))

    poll = Poll(recorder=journal, clock=manual_clock, shown=shown, usual_seconds=lambda: 12.0)
    before = manual_clock.elapsed_seconds()
    await poll.until(
        "completed", scripted(Reply(word="pending")), value=word_of, goal={"completed"}, deadline_seconds=30
    )
    ((wait, lasted),) = seen
    assert wait == Waiting("completed", before, before + 30, 12.0)
    assert lasted == pytest.approx(30, abs=1)


async def test_a_hold_point_can_notice_by_polling(poll) -> None:
    """`noticing` hands a look over: True once the goal is reached, False once it no longer can be."""
    paid = poll.noticing(
        "paid", scripted(Reply(word="pending"), Reply(word="paid")), value=word_of, goal={"paid"}, deadline_seconds=9
    )
    dead = poll.noticing(
        "paid", scripted(Reply(word="expired")), value=word_of, goal={"paid"}, bad={"expired"}, deadline_seconds=9
    )
    assert await paid() is True
    assert await dead() is False
