"""A log in a JSON Lines file: exact about the trace, patient with a line being written, deaf to everything else."""

from __future__ import annotations

import json
import os

import pytest

from pytest_paygate.adapters import log_file, logs
from pytest_paygate.adapters.log_file import FileLog
from pytest_paygate.adapters.logs import LogEntry, WatchedLog
from pytest_paygate.core.errors import TargetError
from pytest_paygate.core.log_settings import LogFields

pytestmark = pytest.mark.asyncio(loop_scope="function")
TRACE = "MICRO-1795262400-abc123"
OTHER = "MICRO-1795262400-ffffff"
AT = "2026-11-21T12:00:00.250+00:00"


def line(event="payment_succeeded", trace_id=TRACE, at=AT, **more):
    """One entry as an application writes it."""
    return (json.dumps({"at": at, "event": event, "trace_id": trace_id, **more}) + "\n").encode()


@pytest.fixture
def path(tmp_path):
    """Where the log is."""
    return tmp_path / "a5.jsonl"


@pytest.fixture
def log(path, journal):
    """The log, watched."""
    return WatchedLog(FileLog(path, LogFields()), journal, 5.0)


async def test_entries_of_the_trace_only(log, path, journal) -> None:
    """Entries of another trace, and lines that are no entry of ours, are left out; each of ours is journalled once."""
    path.write_bytes(line(trace_id=OTHER) + b"a stack trace\n" + line() + line("refunded", at="2026-11-21T12:00:01Z"))
    found = await log.entries(TRACE)
    assert found == [
        LogEntry("payment_succeeded", "2026-11-21T12:00:00.250000+00:00", TRACE),
        LogEntry("refunded", "2026-11-21T12:00:01+00:00", TRACE),
    ]
    assert await log.entries(TRACE, "refunded") == found[1:]
    assert [event.name for event in journal.of("log_seen")] == ["payment_succeeded", "refunded"]


async def test_a_trace_is_matched_whole(log, path) -> None:
    """A longer trace id that begins with ours, or one that stands in another field, is not ours."""
    path.write_bytes(line(trace_id=TRACE + "0") + line(trace_id=OTHER, note=f"after {TRACE}"))
    assert await log.entries(TRACE) == []


async def test_a_growing_file_is_read_on(log, path) -> None:
    """A line without its end waits; once whole it is read, and what was read before is still there."""
    whole = line("late")
    path.write_bytes(line() + whole[:-5])
    assert [entry.event for entry in await log.entries(TRACE)] == ["payment_succeeded"]
    with path.open("ab") as file:
        file.write(whole[-5:])
    assert [entry.event for entry in await log.entries(TRACE)] == ["payment_succeeded", "late"]


async def test_a_rotated_file_is_read_from_its_start(log, path) -> None:
    """Another file under the name, or a shorter one, is a new log."""
    path.write_bytes(line() + line(trace_id=OTHER) * 10)
    await log.entries(TRACE)
    path.with_suffix(".new").write_bytes(line("after_rotation") + line(trace_id=OTHER) * 20)
    path.with_suffix(".new").replace(path)
    assert [entry.event for entry in await log.entries(TRACE)] == ["after_rotation"]
    path.write_bytes(line("cut"))
    assert [entry.event for entry in await log.entries(TRACE)] == ["cut"]


async def test_only_typed_fields_are_taken_over(log, path) -> None:
    """A hostile event, time or trace id leaves an empty field; other fields leave nothing."""
    hostile = {"event": "<script>", "at": "soon", "secret": "sk_live_Abcdef123456"}
    path.write_bytes(
        json.dumps({"trace_id": TRACE, **hostile}).encode()
        + b"\n"
        + line(at="2026-11-21T12:00:00")
        + line(at=7)
        + line(at="0001-01-01T00:00:00+23:59")
        + line(event={"a": 1})
        + line(event="sk_live_Abcdef123456")
    )
    found = await log.entries(TRACE)
    assert {entry.event for entry in found} == {"", "payment_succeeded"}
    assert {entry.at for entry in found} == {"", "2026-11-21T12:00:00.250000+00:00"}


async def test_other_names_of_the_fields(path, journal) -> None:
    """An application may call event, time and trace id something else."""
    path.write_bytes(
        json.dumps({"msg": "paid", "@timestamp": "2026-11-21T12:00:00Z", "trace.id": TRACE}).encode() + b"\n"
    )
    log = WatchedLog(FileLog(path, LogFields("msg", "@timestamp", "trace.id")), journal, 5.0)
    assert [entry.event for entry in await log.entries(TRACE)] == ["paid"]


async def refusal(log):
    """What the log is refused for."""
    with pytest.raises(TargetError) as refused:
        await log.entries(TRACE)
    return refused.value.refusal.observed


async def test_a_file_that_is_not_there(log) -> None:
    """No file is a refusal, not an empty log."""
    assert await refusal(log) == "the file cannot be read: FileNotFoundError"


async def test_a_pipe_does_not_hold_the_run(log, path) -> None:
    """Something other than a regular file is refused at once."""
    os.mkfifo(path)
    assert await refusal(log) == "something other than a regular file"


async def test_a_folder_is_no_log(log, path) -> None:
    """A folder under the name is refused."""
    path.mkdir()
    assert await refusal(log) == "something other than a regular file"


async def test_a_huge_file_is_refused(log, path) -> None:
    """A file beyond the cap is not read at all."""
    with path.open("wb") as file:
        file.truncate(log_file.FILE_BYTES_MAX + 1)
    assert await refusal(log) == f"a file of more than {log_file.FILE_BYTES_MAX} bytes"


async def test_a_huge_line_is_refused(log, path) -> None:
    """A line beyond the cap is refused, also without any newline."""
    path.write_bytes(line(note="x" * log_file.LINE_BYTES_MAX))
    assert await refusal(log) == f"a line of more than {log_file.LINE_BYTES_MAX} bytes"


async def test_a_flood_of_entries_is_refused(log, path) -> None:
    """More entries of one trace than the cap are refused: half a log is no log."""
    path.write_bytes(line() * (logs.ENTRIES_MAX + 1))
    assert await refusal(log) == f"more than {logs.ENTRIES_MAX} entries of one trace"


async def test_many_different_entries_do_not_fill_the_journal(log, path, journal) -> None:
    """At most so many entries are journalled, however many are seen."""
    path.write_bytes(b"".join(line(f"event_{number}") for number in range(logs.TOLD_MAX + 50)))
    assert len(await log.entries(TRACE)) == logs.TOLD_MAX + 50
    assert len(journal.of("log_seen")) == logs.TOLD_MAX


@pytest.mark.parametrize(
    "content",
    [
        f"{TRACE} said in plain text\n",
        f'["{TRACE}"]\n',
        f'{{"trace_id": "{TRACE}", "trace_id": "x"}}\n',
        "[" * 90_000 + f"{TRACE}\n",
    ],
    ids=["text", "array", "key_twice", "nested"],
)
async def test_a_line_of_the_trace_that_is_no_entry_is_refused(log, path, content) -> None:
    """A line that holds the trace id and is no JSON object is not passed over."""
    path.write_text(content)
    assert f"a line of {len(content)} bytes that is no JSON" in await refusal(log)
