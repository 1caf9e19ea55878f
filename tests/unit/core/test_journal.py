"""The journal as text: a chain of lines that damage cannot enter unseen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.journal import GENESIS, encode, line_hash, read, strict_json
from tests.properties.gates import whole_run

AT = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)


def written(events=None) -> bytes:
    """A journal of the reference run."""
    lines, head = [], GENESIS
    for seq, event in enumerate(events or whole_run()):
        line = encode(seq, head, AT, seq / 10, event)
        head = line_hash(line)
        lines.append(line)
    return b"".join(line + b"\n" for line in lines)


def test_what_was_written_is_read():
    """Reading gives the events in order and the hash of the last line."""
    content = written()
    journal = read(content, "journal.jsonl")
    assert [entry.event for entry in journal.entries] == whole_run()
    assert journal.head == line_hash(content.splitlines()[-1])
    assert journal.torn_bytes == 0


def test_every_single_bit_flip_is_seen():
    """No flipped bit goes unnoticed: it is refused, or it is in the last line, whose hash then differs."""
    content = written()
    good = read(content, "j")
    accepted = 0
    for index in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[index] ^= 1 << bit
            try:
                journal = read(bytes(changed), "j")
            except JournalError:
                continue
            # The head is pinned by whoever holds the seal; a changed last line cannot keep it.
            assert journal.head != good.head
            assert journal.entries[: len(good.entries) - 1] == good.entries[:-1]
            accepted += 1
    assert accepted < len(content.splitlines()[-1]) * 8


def test_a_torn_tail_is_dropped():
    """A last line without its newline is what a crash leaves: it is dropped and its size told."""
    content = written()
    whole = read(content, "j")
    for cut in range(1, len(content.splitlines(keepends=True)[-1])):
        journal = read(content[:-cut], "j")
        assert journal.entries == whole.entries[:-1]
        assert journal.torn_bytes == len(content.splitlines(keepends=True)[-1]) - cut


def test_an_empty_file_is_an_empty_journal():
    """Nothing written is nothing read."""
    assert read(b"", "j").entries == ()


def edited(change) -> bytes:
    """The reference journal with its lines changed."""
    lines = written().splitlines()
    return b"".join(line + b"\n" for line in change(lines))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, b""],
        lambda lines: [*lines, b"{}"],
        lambda lines: [b"\xff", *lines],
        lambda lines: [lines[0].replace(b'"seq":0', b'"seq":0,"seq":0'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"seq":0', b'"seq":NaN'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"seq":0', b'"extra":1,"seq":0'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"seq":0', b'"seq":"0"'), *lines[1:]],
        lambda lines: [b"[" * 100_000, *lines],
    ],
    ids=[
        "hole",
        "swap",
        "copy",
        "beheaded",
        "blank",
        "foreign",
        "latin",
        "doubled_key",
        "nan",
        "extra_field",
        "text_number",
        "deep",
    ],
)
def test_damage_stops_everything(change):
    """A hole, a swap, a copy, a foreign line, a doubled key or an unknown field is damage."""
    with pytest.raises(JournalError):
        read(edited(change), "j")


def test_the_damage_is_named():
    """The refusal says which line, what was expected and what it means for the money."""
    with pytest.raises(JournalError) as refused:
        read(edited(lambda lines: [lines[0], *lines[2:]]), "e2e/journal.jsonl")
    assert str(refused.value) == (
        "e2e/journal.jsonl: line 1 cannot be trusted, so nothing after it is read\n"
        "  expected  line 1 follows on from the line before\n"
        "  observed  a break in the hash chain\n"
        "  money     No money moved. What this run moved must be read from the provider's ledger.\n"
        "  next      Keep the file as it is, and look the run's trace id up at the provider."
    )


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":2}', b"NaN", b"-Infinity", b"\xff", b"{", b"{} {}"],
    ids=["doubled", "nan", "infinity", "latin", "cut", "trailing"],
)
def test_json_is_strict(text):
    """Duplicate keys, NaN, bad UTF-8 and trailing data are not JSON here."""
    with pytest.raises(ValueError, match=r"."):
        strict_json(text)
