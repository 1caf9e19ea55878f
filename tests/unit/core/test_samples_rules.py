"""Samples at rest: every source that may be named, every spelling of a line, and each refusal word for word."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core import samples
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.samples import (
    SampleSettings,
    SourceKind,
    SourcePlace,
    StatusKind,
    check,
    decode,
    decode_lines,
    encode,
    number,
    place_of,
)
from pytest_paygate.core.window import Sample

AT = datetime(2026, 11, 21, 8, 30, 0, 250_000, tzinfo=UTC)
SOUND = Sample("a1", AT, 200, 40.125)
LINE = '{"at":"2026-11-21T08:30:00.250Z","endpoint":"a1","latency_ms":40.125,"status":200}'
SOURCES = "'store', 'file:PATH', 'prometheus:http(s)://host[:port][/path]' without user or query, or 'database:TABLE'"
SELECTOR = "a plain selector such as probe_http_status_code{job='fleet'}, without functions or ranges"


def loosely(**changed: object) -> str:
    """The line of a sample as another program would write it, with spaces."""
    return json.dumps({**json.loads(LINE), **changed})


def test_settings_have_their_published_values():
    """What a file leaves out, and the words it may use."""
    assert SampleSettings().model_dump() == {
        "source": "store",
        "interval_seconds": 10.0,
        "path": "/health",
        "status_query": "probe_http_status_code",
        "status_kind": StatusKind.CODE,
        "duration_query": "probe_duration_seconds",
        "endpoint_label": "service",
        "token": "",
    }
    assert [one.value for one in StatusKind] == ["code", "success"]
    assert [one.value for one in SourceKind] == ["store", "file", "prometheus", "database"]
    assert (samples.SAMPLES_MAX, samples.LINE_BYTES_MAX) == (5_000_000, 512)


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("interval_seconds", (0.05, 1.0, 3600.0), (0.049, 3600.1)),
        ("path", ("", "/", "/aZ09_.~/-", "/" + "a" * 200), ("a", "/a b", "/a?b", "/" + "a" * 201)),
        ("endpoint_label", ("a", "_Z9", "Z", "a" * 61), ("", "9a", "a-b", "a" * 62)),
    ],
)
def test_each_setting_has_its_bounds(key, right, wrong):
    """The bounds themselves are accepted, one step further is refused."""
    for value in right:
        assert getattr(SampleSettings(**{key: value}), key) == value
    for value in wrong:
        with pytest.raises(ValidationError, match=key):
            SampleSettings(**{key: value})


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("store", SourcePlace(SourceKind.STORE, "")),
        ("file:a:b", SourcePlace(SourceKind.FILE, "a:b")),
        ("file:/a/", SourcePlace(SourceKind.FILE, "/a/")),
        ("prometheus:http://h", SourcePlace(SourceKind.PROMETHEUS, "http://h")),
        ("prometheus:http://h:9090", SourcePlace(SourceKind.PROMETHEUS, "http://h:9090")),
        ("prometheus:https://h:1/X//", SourcePlace(SourceKind.PROMETHEUS, "https://h:1/X")),
        ("database:t", SourcePlace(SourceKind.DATABASE, "t")),
        ("database:_s0.t_9", SourcePlace(SourceKind.DATABASE, "_s0.t_9")),
        ("database:" + "s" * 63 + "." + "t" * 63, SourcePlace(SourceKind.DATABASE, "s" * 63 + "." + "t" * 63)),
    ],
)
def test_a_source_is_read_as_it_is_written(source, place):
    """The store by its name alone; the others by what stands after the first colon."""
    assert place_of(source) == place
    assert SourcePlace(SourceKind.STORE).where == ""


@pytest.mark.parametrize(
    "source",
    [
        "",
        "store:",
        "Store",
        "file",
        "file:",
        "file:a\0b",
        "csv:a",
        "csv:http://h:80",
        "store:http://h:80",
        "prometheus:",
        "prometheus:h",
        "prometheus:ftp://h",
        "prometheus:http://",
        "prometheus:http://:80",
        "prometheus:http://h?a=b",
        "prometheus:http://h#f",
        "prometheus:http://u@h",
        "prometheus:http://:secret@h",
        "prometheus:http://h:0",
        "prometheus:http://h:65536",
        "prometheus:http://[h",
        "database:",
        "database:T",
        "database:9t",
        "database:a.b.c",
        "database:a b",
        "database:" + "t" * 64,
        "database:" + "s" * 64 + ".t",
    ],
)
def test_any_other_source_is_refused(source):
    """The refusal says every form there is, and repeats nothing of the text."""
    with pytest.raises(ValueError, match=f"^{re.escape(SOURCES)}$"):
        place_of(source)
    assert SampleSettings(source=source).fault() == ("source", SOURCES)


@pytest.mark.parametrize("key", ["status_query", "duration_query"])
def test_queries_are_plain_selectors(key):
    """A metric's name, with labels or without; no function, range or second selector."""
    for right in ("a", "_Z9:b", "Z", ":a", "up{}", "up{job='f',x=\"A\"}", "up{" + "x" * 400 + "}"):
        assert SampleSettings(**{key: right}).fault() is None
    for wrong in ("", "9a", "rate(up)", "up[5m]", "up{a}{b}", "up{a[b}", "up{\n}", "up{" + "x" * 401 + "}", "up "):
        assert SampleSettings(**{key: wrong}).fault() == (key, SELECTOR)


def test_settings_that_cannot_be_used_are_refused():
    """The key is named and its length told, its value is not: it could be a secret in the wrong place."""
    assert check("paygate.toml: env.prod.samples", SampleSettings()) is None
    for key, expected in (("source", SOURCES), ("status_query", SELECTOR), ("duration_query", SELECTOR)):
        with pytest.raises(ConfigurationError) as refused:
            check("paygate.toml: env.prod.samples", SampleSettings(**{key: "rate(hunter2)"}))
        assert str(refused.value) == (
            f"paygate.toml: env.prod.samples.{key}: cannot be used\n"
            f"  expected  {expected}\n"
            "  observed  13 characters of another form\n"
            "  money     No money moved.\n"
            "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md."
        )


def test_a_sample_has_one_spelling():
    """Keys in order, no spaces, the time in UTC to the millisecond, the latency to the microsecond."""
    assert encode(SOUND) == LINE.encode() + b"\n"
    zone = timezone(timedelta(hours=5, minutes=30))
    there = Sample("A-_.9", datetime(2026, 11, 21, 14, 0, 0, 1_999, tzinfo=zone), 0, 40.12349)
    assert encode(there) == (b'{"at":"2026-11-21T08:30:00.001Z","endpoint":"A-_.9","latency_ms":40.123,"status":0}\n')


def test_the_time_of_a_sample_is_utc_on_every_machine(monkeypatch):
    """Also where the machine keeps a zone of its own."""
    with monkeypatch.context() as machine:
        machine.setenv("TZ", "XXX-05:30")
        time.tzset()
        assert encode(SOUND) == LINE.encode() + b"\n"
    time.tzset()


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        (LINE, SOUND),
        (LINE.replace(".250", ""), SOUND._replace(at=AT.replace(microsecond=0))),
        (LINE.replace(".250", ".250001"), SOUND._replace(at=AT.replace(microsecond=250_001))),
        (LINE.replace("40.125", "999999999"), SOUND._replace(latency_ms=999_999_999.0)),
        (LINE.replace("a1", "Z9_.-" + "a" * 35), SOUND._replace(endpoint="Z9_.-" + "a" * 35)),
        (LINE.replace("40.125", "0.125"), SOUND._replace(latency_ms=0.125)),
        (LINE.replace("40.125", "0"), SOUND._replace(latency_ms=0.0)),
        (LINE.replace("200", "0"), SOUND._replace(status=0)),
        (LINE.replace("200", "7"), SOUND._replace(status=7)),
        (LINE.replace("200", "999"), SOUND._replace(status=999)),
        (loosely(), SOUND),
        (loosely(status=0), SOUND._replace(status=0)),
        (loosely(status=999), SOUND._replace(status=999)),
        (loosely(latency_ms=7), SOUND._replace(latency_ms=7.0)),
        (loosely(latency_ms=-7), SOUND._replace(latency_ms=-7.0)),
        (loosely(endpoint="Z"), SOUND._replace(endpoint="Z")),
        (loosely(at="2026-11-21T14:00:00.250+05:30"), SOUND),
    ],
)
def test_a_line_is_read_in_any_spelling_that_is_a_sample(line, sample):
    """The spelling of this project, and whatever else says the same in JSON."""
    found = decode(line)
    assert found == sample
    assert (type(found.status), type(found.latency_ms)) == (int, float)
    assert encode(decode(encode(sample).decode().removesuffix("\n"))) == encode(sample)


KEYS = "it is not an object with the keys at, endpoint, latency_ms and status"
NAME = "its endpoint is not a plain name"
STATUS = "its status is not one of HTTP, or 0"
MOMENT = "its time is not a moment with a zone"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("[" * 100_000, "it is nested too deep"),
        ("5", KEYS),
        ('["at", "endpoint", "latency_ms", "status"]', KEYS),
        (loosely(more=1), KEYS),
        (loosely().replace('"at"', '"At"'), KEYS),
        (loosely(endpoint=5), NAME),
        (loosely(endpoint=""), NAME),
        (loosely(endpoint="_a"), NAME),
        (loosely(endpoint="a b"), NAME),
        (loosely(endpoint="a" * 41), NAME),
        (loosely(status=True), STATUS),
        (loosely(status=200.0), STATUS),
        (loosely(status="200"), STATUS),
        (loosely(status=-1), STATUS),
        (loosely(status=1000), STATUS),
        (loosely(at=5), MOMENT),
        (loosely(at=None), MOMENT),
        (loosely(at="2026-11-21T08:30:00"), MOMENT),
        (LINE[:-1] + ',"status":200}', "a key stands twice"),
        (loosely(at="2026-13-21T08:30:00Z"), "month must be in 1..12"),
        (LINE.replace("-11-", "-13-"), "month must be in 1..12"),
    ],
)
def test_a_line_that_is_no_sample_says_what_is_wrong(line, text):
    """Each in our own words or the calendar's, with nothing of the line."""
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$") as refused:
        decode(line)
    assert refused.value.__suppress_context__ is (text == "it is nested too deep")


NOT_JSON = [
    "",
    "x",
    LINE + " x",
    LINE.replace("200", "２00"),
    LINE.replace("{", "{{"),
    LINE.replace("200", "020"),
    LINE.replace("200", "00"),
    LINE.replace("40.125", "4０.125"),
    LINE.replace("40.125", "040.125"),
    LINE.replace("40.125", "00.125"),
]


@pytest.mark.parametrize("line", NOT_JSON)
def test_a_line_that_is_not_json_is_refused(line):
    """Digits of another alphabet are no digits, and no number has zeros before it."""
    with pytest.raises(json.JSONDecodeError):
        decode(line)
    assert decode_lines(f"{LINE}\n{line}\n") is None


def test_many_lines_are_read_at_once():
    """As many samples as lines, the same as one by one; None when one line is spelled otherwise."""
    other = encode(SOUND._replace(endpoint="B2", status=0)).decode()
    found = decode_lines(f"{LINE}\n{other}")
    assert found is not None
    assert list(found) == [SOUND, SOUND._replace(endpoint="B2", status=0)]
    assert list(decode_lines("") or ()) == []
    for odd in (loosely(), LINE.replace("200", "２00"), f" {LINE}", "", LINE.replace("40.125", "NaN"), f"{LINE}x"):
        assert decode_lines(f"{LINE}\n{odd}\n{other}") is None
    torn = decode_lines(f"{LINE}\n{LINE.replace('-11-', '-13-')}\n")
    assert torn is not None
    with pytest.raises(ValueError, match="month must be in"):
        list(torn)


@pytest.mark.parametrize("value", [True, None, "5", [5], 1 << 53, -(1 << 53), 10**400, math.nan])
def test_what_is_no_number_is_none(value):
    """Truth values, texts, and integers no float can tell apart count as not a number."""
    assert math.isnan(number(value))
    assert math.isnan(decode(loosely(latency_ms=value)).latency_ms)


@pytest.mark.parametrize("value", [0, 1.5, -2, (1 << 53) - 1, 1 - (1 << 53), math.inf])
def test_a_number_is_a_float(value):
    """Integers and floats come back as the same float."""
    assert (number(value), type(number(value))) == (float(value), float)
