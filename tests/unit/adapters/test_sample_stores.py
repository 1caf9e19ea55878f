"""Samples at rest: what a prober keeps is what a gate reads, and whatever cannot be believed is refused."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.adapters import sample_files
from pytest_paygate.adapters.postgres_samples import PostgresSamples
from pytest_paygate.adapters.sample_files import SampleFile, SampleFolder, SampleFolderSink, segments
from pytest_paygate.core.errors import SamplesError
from pytest_paygate.core.samples import SampleSettings, decode, encode, place_of
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.window import Anomaly, Demand, Sample, check
from pytest_paygate.sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SINCE = datetime(2026, 11, 20, 8, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)


def taken(number: int, endpoint: str = "a1", status: int = 200) -> Sample:
    """Sample `number` of a prober."""
    return Sample(endpoint, SINCE + timedelta(seconds=10 * number), status, 41.25)


def read(source, endpoints=("a1",), since=SINCE) -> list[Sample]:
    """Everything a source has."""
    return list(source.samples(list(endpoints), since, UNTIL))


def keep(dsn: Secret, samples: list[Sample]) -> None:
    """Put samples into the database."""
    sink = PostgresSamples(dsn, "staging")
    sink.append(samples)
    sink.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A real server."""
    with PostgresServer.start({"samples": ""}) as running:
        yield running


@pytest.fixture
def dsn(server: PostgresServer) -> Secret:
    """A database without our schema."""
    with psycopg.connect(server.dsn("samples"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS paygate CASCADE")
    return Secret(server.dsn("samples"))


@pytest.fixture(params=["folder", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    """A way to add to a store and a way to read it, as two processes would."""
    if request.param == "folder":
        return (lambda: SampleFolderSink(tmp_path, "staging")), (lambda: SampleFolder(tmp_path, "staging"))
    secret = request.getfixturevalue("dsn")
    return (lambda: PostgresSamples(secret, "staging")), (lambda: PostgresSamples(secret, "staging"))


def test_what_was_kept_is_what_is_read(store):
    """Samples come back as they were, in the order in which they were kept."""
    sink, source = store[0](), store[1]()
    kept = [taken(0), taken(1, status=0), taken(2), taken(1), taken(3)]
    sink.append(kept[:2])
    sink.append([])
    sink.append(kept[2:])
    assert read(source) == kept
    sink.close()


def test_an_empty_store_has_no_samples(store):
    """Where nobody has watched there is nothing, which no window takes for health."""
    found = check(read(store[1]()), ["a1"], Demand(SINCE, UNTIL, 10.0), now=UNTIL)["a1"]
    assert found.reasons[0] == "there is no data"


def test_a_restart_goes_on_and_shows_the_gap(store):
    """A second prober adds to what the first has kept; the time between them is a gap."""
    for numbers in (range(100), range(140, 360)):
        sink = store[0]()
        sink.append([taken(number) for number in numbers])
        sink.close()
    found = check(read(store[1]()), ["a1"], Demand(SINCE, UNTIL, 10.0), now=UNTIL)["a1"]
    assert (found.seen, found.worst_gap_seconds, found.healthy) == (320, 410.0, False)


def test_environments_are_kept_apart(store, tmp_path, request):
    """What one environment's prober keeps never stands for another."""
    sink = store[0]()
    sink.append([taken(0)])
    sink.close()
    other = (
        SampleFolder(tmp_path, "prod")
        if isinstance(store[1](), SampleFolder)
        else PostgresSamples(request.getfixturevalue("dsn"), "prod")
    )
    assert read(other) == []


def test_the_database_s_not_a_number_is_counted(dsn, server):
    """NaN and infinity in the table come back as what they are."""
    keep(dsn, [taken(0), taken(1)._replace(latency_ms=math.nan), taken(2)._replace(latency_ms=math.inf)])
    found = check(read(PostgresSamples(dsn, "staging")), ["a1"], Demand(SINCE, UNTIL, 10.0), now=UNTIL)["a1"]
    assert dict(found.anomalies) == {Anomaly.NOT_A_LATENCY: 1, Anomaly.INFINITE: 1}


def test_a_moment_no_calendar_has_is_refused(dsn, server):
    """A row at `infinity` is no sample, and nothing is judged by a table that holds one."""
    keep(dsn, [taken(0)])
    with psycopg.connect(server.dsn("samples"), autocommit=True) as connection:
        connection.execute("UPDATE paygate.samples SET at = 'infinity'")
    with pytest.raises(SamplesError):
        read(PostgresSamples(dsn, "staging"))


def test_a_database_that_is_down_is_refused_without_its_dsn():
    """No database: a refusal that names neither password nor host."""
    source = PostgresSamples(Secret("postgresql://somebody:hunter2@127.0.0.1:9/none"), "staging")
    for use in (lambda: read(source), lambda: source.append([taken(0)])):
        with pytest.raises(SamplesError) as refused:
            use()
        assert str(refused.value) == (
            "the shared store of samples cannot be used\n"
            "  expected  the database behind [store] dsn\n"
            "  observed  OperationalError\n"
            "  money     No money moved.\n"
            "  next      Bring the database back, or correct [store] dsn."
        )


def test_a_slow_database_is_refused(dsn, server, monkeypatch):
    """A lock nobody gives up ends in a refusal by the server's own timeout."""
    monkeypatch.setattr("pytest_paygate.adapters.postgres_samples.STATEMENT_MS", 300)
    keep(dsn, [taken(0)])
    with psycopg.connect(server.dsn("samples")) as holder:
        holder.execute("LOCK TABLE paygate.samples IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SamplesError) as refused:
            read(PostgresSamples(dsn, "staging"))
    assert "57014" in refused.value.refusal.observed


def test_more_than_a_window_can_hold_is_refused(dsn, tmp_path):
    """A source with more samples than agreed is refused, whatever holds them."""
    many = [taken(number) for number in range(12)]
    keep(dsn, many)
    sink = SampleFolderSink(tmp_path, "staging")
    sink.append(many)
    file = tmp_path / "samples.jsonl"
    file.write_bytes(b"".join(map(encode, many)))
    for source in (PostgresSamples(dsn, "staging", 11), SampleFolder(tmp_path, "staging", 11), SampleFile(file, 11)):
        with pytest.raises(SamplesError):
            read(source)
    for source in (PostgresSamples(dsn, "staging", 12), SampleFolder(tmp_path, "staging", 12), SampleFile(file, 12)):
        assert read(source) == many


def test_one_prober_holds_a_folder(tmp_path):
    """A second prober of the same environment is refused; when the first has ended, it may."""
    first = SampleFolderSink(tmp_path, "staging")
    with pytest.raises(SamplesError, match="already being watched"):
        SampleFolderSink(tmp_path, "staging")
    SampleFolderSink(tmp_path, "prod").close()
    first.close()
    SampleFolderSink(tmp_path, "staging").close()


def test_a_torn_last_line_is_left_out_and_counted(tmp_path):
    """What a crash cut off is no sample; it is counted, and the next start writes beside it."""
    sink = SampleFolderSink(tmp_path, "staging")
    sink.append([taken(0), taken(1)])
    sink.close()
    ((_, path),) = segments(tmp_path / "staging")
    path.write_bytes(path.read_bytes()[:-9])
    again = SampleFolderSink(tmp_path, "staging")
    again.append([taken(2)])
    source = SampleFolder(tmp_path, "staging")
    assert read(source) == [taken(0), taken(2)]
    assert source.torn == 1


def test_a_damaged_line_before_the_end_is_refused(tmp_path):
    """A line that was changed by anybody makes the whole store a refusal."""
    sink = SampleFolderSink(tmp_path, "staging")
    sink.append([taken(0), taken(1)])
    ((_, path),) = segments(tmp_path / "staging")
    path.write_bytes(path.read_bytes().replace(b'"status":200', b'"status":"ok"', 1))
    with pytest.raises(SamplesError, match="line 1 is not a sample"):
        read(SampleFolder(tmp_path, "staging"))


def test_segments_grow_and_are_followed(tmp_path):
    """A segment that is large enough is followed by the next; reading skips those that end before the window."""
    sink = SampleFolderSink(tmp_path, "staging", segment_bytes_max=800)
    for number in range(100):
        sink.append([taken(number)])
    found = segments(tmp_path / "staging")
    assert len(found) == 10
    assert read(SampleFolder(tmp_path, "staging")) == [taken(number) for number in range(100)]
    found[0][1].write_bytes(b"not a sample\n")
    late = read(SampleFolder(tmp_path, "staging"), since=SINCE + timedelta(seconds=500))
    assert late[-1] == taken(99)
    assert late[0].at <= SINCE + timedelta(seconds=500)


FULL = """
import resource, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pytest_paygate.adapters.sample_files import SampleFolder, SampleFolderSink
from pytest_paygate.core.errors import SamplesError
from pytest_paygate.core.window import Sample
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
since = datetime(2026, 11, 20, 8, tzinfo=UTC)
sink = SampleFolderSink(Path(sys.argv[1]), "staging")
batch = lambda n: [Sample("a1", since + timedelta(seconds=10 * (7 * n + i)), 200, 41.25) for i in range(7)]
sink.append(batch(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    sink.append(batch(1))
except SamplesError as error:
    print(error.refusal.observed)
assert len(list(SampleFolder(Path(sys.argv[1]), "staging").samples([], since, since))) == 7
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.append(batch(1))
source = SampleFolder(Path(sys.argv[1]), "staging")
print(len(list(source.samples([], since, since))), source.torn)
"""


def test_a_disk_that_fills_up_half_way_leaves_whole_lines(tmp_path):
    """A write that the system cuts off is undone, told, and succeeds when it is tried again; nothing stands twice."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["File too large", "14 0"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"a1"',
        b"\xff\xfe",
        "é".encode(),
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":200,"more":1}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":200,"status":500}',
        b'{"at":"2026-11-20T08:00:00","endpoint":"a1","latency_ms":1,"status":200}',
        b'{"at":"2026-02-30T08:00:00Z","endpoint":"a1","latency_ms":1,"status":200}',
        b'{"at":1795262400,"endpoint":"a1","latency_ms":1,"status":200}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"\\u001b[2J","latency_ms":1,"status":200}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"../x y","latency_ms":1,"status":200}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":["a1"],"latency_ms":1,"status":200}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":"200"}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":true}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":200.0}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":1000}',
        b'{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":1,"status":-1}',
        b"[" * 400,
        b"x" * 600,
    ],
)
def test_a_hostile_line_is_refused_and_not_repeated(tmp_path, line):
    """Whatever stands in a file instead of a sample is a refusal that repeats nothing of it."""
    path = tmp_path / "samples.jsonl"
    path.write_bytes(encode(taken(0)) + line + b"\n" + encode(taken(1)))
    with pytest.raises(SamplesError) as refused:
        read(SampleFile(path))
    assert refused.value.refusal.refused.startswith("samples.jsonl: line 2 is not a sample")
    assert "\x1b" not in str(refused.value)
    assert "xxx" not in str(refused.value)


@pytest.mark.parametrize(
    ("latency", "kind"),
    [
        ("NaN", Anomaly.NOT_A_LATENCY),
        ("null", Anomaly.NOT_A_LATENCY),
        ('"12"', Anomaly.NOT_A_LATENCY),
        ("true", Anomaly.NOT_A_LATENCY),
        ("Infinity", Anomaly.INFINITE),
        ("-Infinity", Anomaly.INFINITE),
        ("1e999", Anomaly.INFINITE),
        ("9" * 300, Anomaly.NOT_A_LATENCY),
        ("-0.5", Anomaly.NEGATIVE),
    ],
)
def test_a_latency_that_is_none_is_read_to_be_counted(tmp_path, latency, kind):
    """Such a line is a sample whose latency was not measured, so its window says how often that happened."""
    path = tmp_path / "samples.jsonl"
    path.write_text(f'{{"at":"2026-11-20T08:00:00Z","endpoint":"a1","latency_ms":{latency},"status":200}}\n')
    found = check(read(SampleFile(path)), ["a1"], Demand(SINCE, UNTIL, 10.0), now=UNTIL)["a1"]
    assert dict(found.anomalies) == {kind: 1}


def test_a_file_that_is_none_is_refused(tmp_path):
    """A missing file, a folder, a pipe, a device and a link to one are refused at once, without waiting."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "pipe", "link", "folder"):
        with pytest.raises(SamplesError) as refused:
            read(SampleFile(tmp_path / name))
        assert refused.value.refusal.refused == f"the samples in {name} cannot be read"


def test_a_line_without_end_costs_no_memory(tmp_path):
    """A file of one endless line is refused after its first block."""
    path = tmp_path / "samples.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SamplesError, match="line 1 is not a sample"):
        read(SampleFile(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_line_is_one_spelling_of_a_sample():
    """A sample survives its line, and foreign spellings of the same sample mean the same."""
    sample = Sample("a1", datetime(2026, 11, 20, 8, 0, 0, 123_000, UTC), 200, 41.25)
    line = encode(sample).decode().removesuffix("\n")
    assert line == '{"at":"2026-11-20T08:00:00.123Z","endpoint":"a1","latency_ms":41.25,"status":200}'
    assert decode(line) == sample
    shuffled = json.dumps({"status": 200, "latency_ms": 41.25, "endpoint": "a1", "at": "2026-11-20T09:00:00.123+01:00"})
    assert decode(shuffled) == sample


@pytest.mark.parametrize("name", ["../etc", "", "A", "a/b", "a\n"])
def test_an_environment_s_name_leads_nowhere_else(tmp_path, name):
    """A folder is made of a plain word only."""
    with pytest.raises(ValueError, match="plain word"):
        SampleFolder(tmp_path, name)


@pytest.mark.parametrize(
    ("source", "kind", "where"),
    [
        ("store", "store", ""),
        ("file:samples.jsonl", "file", "samples.jsonl"),
        ("prometheus:http://127.0.0.1:9090/prom/", "prometheus", "http://127.0.0.1:9090/prom"),
    ],
)
def test_a_source_is_named_in_one_of_three_ways(source, kind, where):
    """The store, a file, or a Prometheus."""
    assert (place_of(source).kind, place_of(source).where) == (kind, where)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source", "stores"),
        ("source", "file:"),
        ("source", "prometheus:"),
        ("source", "prometheus:ftp://h"),
        ("source", "prometheus:http://u:p@h"),
        ("source", "prometheus:http://h?x=1"),
        ("source", "prometheus:http://[::1"),
        ("status_query", "rate(x[5m])"),
        ("status_query", "x[5m]"),
        ("duration_query", "x or vector(1)"),
        ("duration_query", ""),
    ],
)
def test_another_source_or_query_is_a_fault(key, value):
    """What is no source, and what is no plain selector, is named with its key."""
    fault = SampleSettings(**{key: value}).fault()
    assert fault is not None
    assert fault[0] == key


def test_a_closed_descriptor_is_told_and_followed_by_a_new_segment(tmp_path, monkeypatch):
    """When even cutting back fails, the next samples go into a segment of their own."""
    sink = SampleFolderSink(tmp_path, "staging")
    sink.append([taken(0)])

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(sample_files.os, "fsync", broken)
        patch.setattr(sample_files.os, "ftruncate", broken)
        with pytest.raises(SamplesError, match="cannot be kept"):
            sink.append([taken(1)])
    sink.append([taken(1), taken(2)])
    assert len(segments(tmp_path / "staging")) == 2
    assert set(read(SampleFolder(tmp_path, "staging"))) == {taken(0), taken(1), taken(2)}
