"""The capacity log: the bytes of a line, what each line does to the book, and each reason for which a log is refused."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core.capacity import (
    Book,
    GivenBack,
    Granted,
    Judged,
    Overridden,
    Taken,
    Unit,
    Witness,
    check_witness,
    damaged,
    encode,
    follow,
    hash_of,
    moment,
    read,
    told,
)
from pytest_paygate.core.errors import StoreError
from pytest_paygate.core.journal import GENESIS, line_hash
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.verdict import Verdict

AT = datetime(2026, 11, 21, 9, 15, 0, 123456, tzinfo=UTC)
UNTIL = "2026-12-21T09:15:00.000Z"
GRANTED = Granted(by="änn", reason="r", units=3, budget=5, pause_below=2, pause_level=1, until=UNTIL)
WORD = Overridden(by="bob", reason="r", until="2026-11-21T10:15:00.000Z")
BACK = GivenBack(run_id="run-1", reason="r")
WRITTEN = (
    '{"at":"2026-11-21T09:15:00.123Z","entry":{"budget":5,"by":"änn","kind":"granted","pause_below":2,'
    '"pause_level":1,"reason":"r","units":3,"until":"2026-12-21T09:15:00.000Z"},"environment":"prod",'
    '"prev":"' + "0" * 64 + '","seq":0}'
).encode()
NO_UNIT = "only a run that holds a unit gives it back or is judged"
STORY = "a story that can be"
ONE_WAY = "one JSON object, spelled in one way"


def taken(run: str, override_seq: int | None = None) -> Taken:
    """A unit is taken."""
    return Taken(run_id=run, gate_id="g", override_seq=override_seq)


def judged(run: str, verdict: Verdict = Verdict.PASS) -> Judged:
    """A run has its verdict."""
    return Judged(run_id=run, verdict=verdict)


def log(*entries) -> list[bytes]:
    """The lines of some entries, a minute apart."""
    book, lines = Book("prod"), []
    for number, entry in enumerate(entries):
        lines.append(encode(book, entry, AT + timedelta(minutes=number)))
        book = follow(book, lines[-1])
    return lines


def book(*entries) -> Book:
    """The book of some entries."""
    return read(log(*entries), "prod")


def refused(lines: list[bytes], environment: str = "prod") -> tuple[str, str, str]:
    """Refusal, expectation and observation."""
    with pytest.raises(StoreError) as error:
        read(lines, environment)
    refusal = error.value.refusal
    return (refusal.refused, refusal.expected, refusal.observed)


def at_line(number: int) -> str:
    """The refusal at a line."""
    return f"the capacity log of prod cannot be trusted at line {number}, so nothing counts as left"


def test_a_line_has_one_spelling():
    """Keys sorted, nothing between them, letters as they are; a time is UTC to the millisecond."""
    assert log(GRANTED) == [WRITTEN]
    east = AT.astimezone(timezone(timedelta(hours=2)))
    assert told(east) == told(AT) == "2026-11-21T09:15:00.123Z"
    assert moment("2026-11-21T09:15:00Z") == AT.replace(microsecond=0)
    assert moment("2026-11-21T09:15:00+00:00").tzinfo is UTC
    for text in ("2026-11-21T09:15:00", "2026-11-21T09:15:00+01:00"):
        with pytest.raises(ValueError, match=r"^not a moment in UTC$"):
            moment(text)


def test_times_do_not_depend_on_the_zone_of_the_machine(monkeypatch):
    """UTC in the log, wherever the line is written."""
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        assert told(AT) == "2026-11-21T09:15:00.123Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_log_of_nothing():
    """Nothing granted, nothing left, nobody's word."""
    empty = read([], "prod")
    assert empty == Book("prod", (), "0" * 64, None, -1, 0, 0, None, None, {})
    assert (empty.head, hash_of(empty, 0)) == (GENESIS, "")
    assert Unit("run-1", "g", 0) == Unit("run-1", "g", 0, returned=False, verdict=None)
    assert Taken(run_id="run-1", gate_id="g").override_seq is None


def test_what_each_line_does():
    """Grant, charge, word, charge in the pause, verdicts and a return, one after another."""
    entries = [GRANTED]
    first = book(*entries)
    assert (first.grant, first.grant_seq, first.left, first.pause_level) == (GRANTED, 0, 3, 1)
    assert (first.head, len(first.lines), first.environment) == (line_hash(WRITTEN), 1, "prod")
    entries += [taken("run-1"), taken("run-2")]
    unit_1, unit_2 = Unit("run-1", "g", 0), Unit("run-2", "g", 0)
    assert (book(*entries).left, dict(book(*entries).units)) == (1, {"run-1": unit_1, "run-2": unit_2})
    entries += [WORD]
    assert (book(*entries).override, book(*entries).override_seq) == (WORD, 3)
    entries += [taken("run-3", 3)]
    after = book(*entries)
    assert (after.left, after.override, after.override_seq) == (0, None, None)
    entries += [judged("run-2", Verdict.FAIL)]
    assert (book(*entries).pause_level, book(*entries).units["run-2"]) == (1, replace(unit_2, verdict=Verdict.FAIL))
    entries += [judged("run-3"), BACK]
    last = book(*entries)
    assert (last.pause_level, last.left) == (0, 1)
    assert last.units == {
        "run-1": replace(unit_1, returned=True),
        "run-2": replace(unit_2, verdict=Verdict.FAIL),
        "run-3": replace(Unit("run-3", "g", 0), verdict=Verdict.PASS),
    }
    again = book(*entries, WORD, GRANTED)
    assert (again.left, again.pause_level, again.grant_seq, again.override, again.override_seq) == (3, 1, 9, None, None)
    assert again.units == last.units


def test_a_charge_makes_what_was_said_before_it_stale():
    """An override that no charge needed is gone after the next one."""
    assert book(GRANTED, WORD, taken("run-1")).override is None
    assert book(GRANTED, WORD, taken("run-1")).override_seq is None
    assert book(GRANTED, WORD, WORD).override_seq == 2


def test_a_unit_comes_back_to_its_own_grant_only():
    """After a new grant it is returned, and nothing is added; a run that gave back may take again."""
    assert book(GRANTED, taken("run-1"), GRANTED, BACK).left == 3
    assert book(GRANTED, taken("run-1"), BACK).left == 3
    assert book(GRANTED, taken("run-1"), BACK, taken("run-1")).units["run-1"] == Unit("run-1", "g", 0)
    assert book(GRANTED, taken("run-1"), GRANTED, taken("run-2")).units["run-2"].grant_seq == 2


def test_a_pending_run_is_open_until_its_last_word():
    """No verdict and PENDING are open, unless the unit came back; the pause level never falls below nought."""
    for verdict in (None, *Verdict):
        unit = Unit("run-1", "g", 0, verdict=verdict)
        assert unit.is_open is (verdict in {None, Verdict.PENDING})
        assert not replace(unit, returned=True).is_open
    entries = [
        GRANTED,
        taken("run-1"),
        taken("run-2"),
        judged("run-1", Verdict.PENDING),
        judged("run-1"),
        judged("run-2"),
    ]
    assert book(*entries[:4]).pause_level == 1
    assert book(*entries[:5]).pause_level == 0
    assert book(*entries).pause_level == 0
    assert book(GRANTED.model_copy(update={"pause_level": 4}), taken("run-1"), judged("run-1")).pause_level == 3


LATE = Overridden(by="b", reason="r", until="tomorrow")


@pytest.mark.parametrize(
    ("before", "entry", "rule"),
    [
        ((), WORD, "an override follows a grant"),
        ((GRANTED,), LATE, "times are moments in UTC"),
        ((), GRANTED.model_copy(update={"until": "2026-12-21T09:15:00"}), "times are moments in UTC"),
        ((), GRANTED.model_copy(update={"units": 6}), "a grant is not more than the budget"),
        ((), taken("run-1"), "a unit is taken from a grant"),
        (
            (GRANTED, taken("a"), taken("b"), WORD, taken("c", 3), WORD),
            taken("d", 5),
            "a unit is taken while one is left",
        ),
        ((GRANTED, taken("a")), taken("a"), "a run takes one unit"),
        ((GRANTED, WORD, taken("a")), taken("b", 1), "an override is used once, fresh"),
        ((GRANTED, WORD), taken("a", 2), "an override is used once, fresh"),
        ((GRANTED, taken("a"), taken("b")), taken("c"), "a paused charge has its override"),
        ((GRANTED,), BACK, NO_UNIT),
        ((GRANTED, taken("run-1"), BACK), BACK, NO_UNIT),
        ((GRANTED, taken("run-1"), BACK), judged("run-1"), NO_UNIT),
        ((GRANTED,), judged("run-1"), NO_UNIT),
        (
            (GRANTED, taken("run-1"), judged("run-1", Verdict.PENDING)),
            BACK,
            "a unit is given back before the run has its verdict",
        ),
        ((GRANTED, taken("run-1"), judged("run-1")), judged("run-1", Verdict.FAIL), "a run is judged once"),
        (
            (GRANTED, taken("run-1"), judged("run-1", Verdict.PENDING)),
            judged("run-1", Verdict.PENDING),
            "a run is judged once",
        ),
    ],
)
def test_a_story_that_cannot_be(before, entry, rule):
    """However well it is chained: the rule it breaks is told."""
    line = encode(book(*before), entry, AT)
    assert refused([*log(*before), line]) == (at_line(len(before)), STORY, rule)


def test_a_charge_at_the_threshold_needs_no_word():
    """Two left of a pause below two may be taken; an unneeded word may be named all the same; a whole budget is granted."""
    assert book(GRANTED.model_copy(update={"units": 5})).left == 5
    assert book(GRANTED, taken("a"), taken("b")).left == 1
    assert book(GRANTED, WORD, taken("a", 1)).left == 2


def spoilt(**changes: object) -> bytes:
    """The line of the grant with other keys, in its one spelling."""
    document = {**json.loads(WRITTEN), **changes}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


CHAIN = ("a line that follows on from the one before", "a break in the chain")


@pytest.mark.parametrize(
    ("line", "expected", "observed"),
    [
        (b" " + WRITTEN, ONE_WAY, "another spelling of it"),
        (WRITTEN.replace("ä".encode(), b"\\u00e4"), ONE_WAY, "another spelling of it"),
        (spoilt(seq="0"), "a line of the capacity log", "seq: int_type"),
        (spoilt(entry={"kind": "granted"}), "a line of the capacity log", "entry.granted.by: missing"),
        (b"", "one JSON object", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":1,"a":1}', "one JSON object", "a key stands twice in one object"),
        (spoilt(environment="staging"), "a line of prod", "a line of another environment"),
        (spoilt(seq=1), *CHAIN),
        (spoilt(prev="1" * 64), *CHAIN),
        (spoilt(at="now"), STORY, "times are moments in UTC"),
    ],
)
def test_a_line_that_cannot_be_believed(line, expected, observed):
    """Spelling, shape, environment, chain and time: the line, what it should be and what it is."""
    assert refused([line]) == (at_line(0), expected, observed)
    assert refused([line, line]) == (at_line(0), expected, observed)


def test_a_line_nested_without_end_is_refused():
    """In no more than eighty letters of the parser's."""
    assert refused([b"[" * 200_000])[:2] == (at_line(0), "one JSON object")
    long = refused([b"\xff" + b"x" * 100])[2]
    assert long == "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    far = refused([b'"' + b"x" * 123_455 + b"\xc3("])[2]
    assert far == "'utf-8' codec can't decode byte 0xc3 in position 123456: invalid continuation by"


def test_the_refusal_of_a_log():
    """Whole, word for word."""
    assert damaged("prod", 7, "this", "that").refusal.text() == (
        "the capacity log of prod cannot be trusted at line 7, so nothing counts as left\n"
        "  expected  this\n"
        "  observed  that\n"
        "  money     No money moved. How many charges were taken is not known.\n"
        "  next      Keep the log as it is, find out what changed it, and restore it from a copy."
    )


def test_the_hash_of_each_line():
    """Of the first, of one in the middle, of the last; of none beyond."""
    lines = log(GRANTED, taken("a"), taken("b"))
    whole = read(lines, "prod")
    assert [hash_of(whole, number) for number in (-1, 0, 1, 2, 3)] == ["", *map(line_hash, lines), ""]


def witness(of: Book, line: int, at: datetime = AT) -> Witness:
    """What a run has journalled of a line."""
    return Witness("run-1", at, hash_of(of, 0), line, hash_of(of, line))


def test_a_log_is_the_one_that_a_run_has_counted_in():
    """It still holds that run's line, or was begun after that run; everything else was put back."""
    whole = book(GRANTED, taken("a"), taken("b"))
    known = witness(whole, 2)
    check_witness(whole, known)
    check_witness(book(GRANTED, taken("a"), taken("b"), BACK.model_copy(update={"run_id": "a"})), known)
    other = book(GRANTED.model_copy(update={"by": "eve"}))
    check_witness(other, replace(known, at=AT - timedelta(seconds=1)))
    check_witness(Book("prod"), known)
    for put_back in (book(GRANTED), book(GRANTED, taken("a"), taken("c")), other):
        with pytest.raises(StoreError) as error:
            check_witness(put_back, replace(known, at=AT.replace(microsecond=123000)))
        refusal = error.value.refusal
        assert refusal.refused == at_line(2)
        assert refusal.expected == "the line that run run-1 has journalled"
        assert refusal.observed == "another one, or none: the log was put back, or is another one"


@pytest.mark.parametrize("key", ["by", "reason"])
def test_names_are_short_and_plain(key):
    """One to two hundred characters, no control characters, nothing blank at the front."""
    for name in ("a", "a" * 200, "ä b", "."):
        assert getattr(GRANTED.model_validate({**GRANTED.model_dump(), key: name}), key) == name
    for model in (GRANTED, WORD):
        for name in ("", " a", "a" * 201, "a\nb", "a\x7fb", "\x01a", "\x7fa", "a\n"):
            with pytest.raises(ValidationError):
                model.model_validate({**model.model_dump(), key: name})


@pytest.mark.parametrize(
    ("entry", "key"),
    [(taken("a"), "run_id"), (taken("a"), "gate_id"), (BACK, "run_id"), (BACK, "reason"), (judged("a"), "run_id")],
)
def test_every_text_of_a_line_is_a_name(entry, key):
    """None of them is empty or has a control character."""
    for name in ("", "a\x00"):
        with pytest.raises(ValidationError):
            entry.model_validate({**entry.model_dump(), key: name})


@pytest.mark.parametrize(("key", "least"), [("units", 1), ("budget", 1), ("pause_below", 0), ("pause_level", 0)])
def test_a_grant_is_within_its_bounds(key, least):
    """Up to a hundred thousand charges."""
    for number in (least, 100_000):
        assert getattr(Granted.model_validate({**GRANTED.model_dump(), key: number}), key) == number
    for number in (least - 1, 100_001):
        with pytest.raises(ValidationError):
            Granted.model_validate({**GRANTED.model_dump(), key: number})
