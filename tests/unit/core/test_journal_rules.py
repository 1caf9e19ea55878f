"""The journal's bytes, and every sentence about a line that cannot be trusted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.events import AnomalyRecorded, RowStarted
from pytest_paygate.core.journal import GENESIS, Journal, encode, line_hash, read, read_as_far, strict_json
from tests.properties.gates import started

AT = datetime(2026, 11, 21, 9, 15, 0, 123456, tzinfo=UTC)
ODD = AnomalyRecorded(code="odd", detail="ü")
SHA = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def lines(*events, head: str = GENESIS, seq: int = 0) -> list[bytes]:
    """Some events as lines, chained."""
    made = []
    for number, event in enumerate(events, start=seq):
        made.append(encode(number, head, AT, number / 4, event))
        head = line_hash(made[-1])
    return made


ONE, TWO, THREE = lines(RowStarted(row="a"), ODD, RowStarted(row="c"))
WHOLE = b"\n".join((ONE, TWO, THREE)) + b"\n"


def refused(content: bytes, after: Journal | None = None) -> list[str]:
    """Line, expectation and observation of a refusal."""
    with pytest.raises(JournalError) as damaged:
        read(content, "j", after)
    refusal = damaged.value.refusal
    assert refusal.money == "No money moved. What this run moved must be read from the provider's ledger."
    assert refusal.next_step == "Keep the file as it is, and look the run's trace id up at the provider."
    journal, told = read_as_far(content, "j", after)
    assert told == f"{refusal.refused} ({refusal.observed})"
    assert journal.torn_bytes == 0
    return [refusal.refused, refusal.expected, refusal.observed]


def test_a_line_has_one_spelling():
    """Keys sorted, nothing between them, letters as they are, UTC with milliseconds, four places of a second."""
    assert GENESIS == "0" * 64
    assert line_hash(b"abc") == SHA
    assert (
        encode(7, SHA, AT, 1.234567, ODD)
        == (
            '{"at":"2026-11-21T09:15:00.123Z","elapsed_seconds":1.2346,'
            '"event":{"code":"odd","detail":"ü","kind":"anomaly"},"prev":"' + SHA + '","seq":7}'
        ).encode()
    )
    begun = started().model_copy(update={"gate": {"until": date(2026, 1, 31)}})
    assert b'"gate":{"until":"2026-01-31"}' in encode(0, SHA, AT, 0.0, begun)
    east = AT.astimezone(timezone(timedelta(hours=1)))
    assert b'"at":"2026-11-21T10:15:00.123+01:00"' in encode(0, SHA, east, 0.0, ODD)


def test_what_is_written_is_read():
    """Every entry in its order, the hash of the last line, and nothing torn."""
    journal = read(WHOLE, "j")
    assert [(entry.seq, entry.prev) for entry in journal.entries] == [
        (0, GENESIS),
        (1, line_hash(ONE)),
        (2, line_hash(TWO)),
    ]
    assert journal == Journal(journal.entries, line_hash(THREE), 0)
    assert journal.entries[1].event == ODD
    assert Journal((), "").torn_bytes == 0
    assert read(b"", "j") == Journal((), GENESIS, 0)
    assert read_as_far(WHOLE, "j") == (journal, "")


def test_a_torn_last_line_is_counted_and_dropped():
    """Its bytes are told, not read."""
    journal = read(ONE + b"\n" + TWO[:9], "j")
    assert (len(journal.entries), journal.head, journal.torn_bytes) == (1, line_hash(ONE), 9)
    assert read(THREE, "j") == Journal((), GENESIS, len(THREE))


def test_the_next_file_goes_on_where_the_whole_lines_end():
    """What the files before hold comes first; a line is numbered over all of them."""
    first = read(ONE + b"\n" + b"torn", "j")
    both = read(TWO + b"\n" + THREE + b"\n", "j-1", first)
    assert both == read(WHOLE, "j")
    assert read_as_far(TWO + b"\n", "j-1", first) == (read(ONE + b"\n" + TWO + b"\n", "j"), "")
    assert refused(THREE + b"\n", first) == [
        "j: line 1 cannot be trusted, so nothing after it is read",
        "line 1 follows on from the line before",
        "a break in the hash chain",
    ]


WRONG_PREV = ONE.replace(b'"prev":"0', b'"prev":"1')
WRONG_SEQ = ONE.replace(b'"seq":0', b'"seq":1')
ONE_OBJECT, CHAIN = "one JSON object", "line 0 follows on from the line before"
SPELLED, AN_EVENT = "one JSON object, spelled in one way", "an event of this journal version"


@pytest.mark.parametrize(
    ("line", "expected", "observed"),
    [
        (WRONG_PREV, CHAIN, "a break in the hash chain"),
        (WRONG_SEQ, CHAIN, "a break in the hash chain"),
        (b" " + ONE, SPELLED, "another spelling of it"),
        (ONE.replace(b'"a"', b'"\\u0061"'), SPELLED, "another spelling of it"),
        (ONE.replace(b'"row":"a"', b'"row":1'), AN_EVENT, "event.row_started.row: string_type"),
        (ONE.replace(b'"seq":0', b'"seq":0,"x":1'), AN_EVENT, "x: extra_forbidden"),
        (b"{}", AN_EVENT, "seq: missing"),
        (b"", ONE_OBJECT, "Expecting value: line 1 column 1 (char 0)"),
        (ONE.replace(b'"seq":0', b'"seq":0,"seq":0'), ONE_OBJECT, "a key stands twice in one object"),
        (ONE.replace(b'"seq":0', b'"seq":NaN'), ONE_OBJECT, "NaN is not JSON"),
        (b"\xff", ONE_OBJECT, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (
            b'{"a":1}' + b"\xff" * 3 + b"x" * 100,
            ONE_OBJECT,
            "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte",
        ),
    ],
)
def test_a_line_that_cannot_be_trusted_is_told(line, expected, observed):
    """Chain, spelling, shape or no JSON at all: the line, what it should be and what it is."""
    refusal = ["j: line 0 cannot be trusted, so nothing after it is read", expected, observed]
    assert refused(line + b"\n") == refusal
    assert refused(line + b"\n" + TWO + b"\n") == refusal


def test_a_line_nested_without_end_is_refused():
    """In the parser's words, and no more than eighty of its letters."""
    refusal = refused(b"[" * 200_000 + b"\n")
    assert refusal[1] == ONE_OBJECT
    assert refusal[2].startswith("maximum recursion depth exceeded")
    long = b'"' + b"x" * 123_455 + b"\xc3("
    assert (
        refused(long + b"\n")[2] == "'utf-8' codec can't decode byte 0xc3 in position 123456: invalid continuation by"
    )


def test_what_stands_before_the_damage_is_believed():
    """And is handed out with the hash of its last line."""
    content = b"\n".join((ONE, TWO, TWO, THREE)) + b"\ntorn"
    journal, told = read_as_far(content, "j")
    assert journal == read(ONE + b"\n" + TWO + b"\n", "j")
    assert told == "j: line 2 cannot be trusted, so nothing after it is read (a break in the hash chain)"


def test_json_without_liberties():
    """Duplicate keys and constants that are no JSON are refused wherever they stand; everything else is as usual."""
    assert strict_json('{"a":[1,{"b":"ü"}]}'.encode()) == {"a": [1, {"b": "ü"}]}
    for text, why in (
        (b'[{"a":1,"a":1}]', "a key stands twice in one object"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b'{"a":NaN}', "NaN is not JSON"),
    ):
        with pytest.raises(ValueError, match=f"^{why}$"):
            strict_json(text)
