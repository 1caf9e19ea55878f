"""Samples out of a real Prometheus: each one once, at its own time; and refusals for what only looks like one."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import http_prometheus
from pytest_paygate.adapters.http_prometheus import PrometheusSamples
from pytest_paygate.core.errors import SamplesError
from pytest_paygate.core.samples import SampleSettings, StatusKind
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.window import Anomaly, Demand, check
from tests.samples.prometheus import open_metrics, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

# Prometheus forgets what is older than its retention, so its samples are of the day before the test.
UNTIL = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SINCE = UNTIL - timedelta(hours=24)
NAMES = ("a1", "a3", "a6", "a8")
SETTINGS = SampleSettings()


def at(number: float) -> datetime:
    """When scrape `number` happened, a little off the grid as scrapes are."""
    return SINCE + timedelta(seconds=10 * number + 3.217)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """24 hours of four services: sound, with a hole of ten minutes, with one 503, and slow for a while."""
    series = {}
    for name in NAMES:
        numbers = [number for number in range(8640) if name != "a3" or not 4000 <= number < 4060]
        status = [(at(number), 503.0 if name == "a6" and number == 5000 else 200.0) for number in numbers]
        lasted = [(at(number), 0.3 if name == "a8" and 1000 <= number < 1500 else 0.0417) for number in numbers]
        series[f'probe_http_status_code{{service="{name}"}}'] = status
        series[f'probe_duration_seconds{{service="{name}"}}'] = lasted
        series[f'probe_success{{service="{name}"}}'] = [(moment, float(value == 200)) for moment, value in status]
        series[f'double_code{{service="{name}",job="x"}}'] = status[:500]
        series[f'double_code{{service="{name}",job="y"}}'] = status[:500]
    with serving(tmp_path_factory.mktemp("prometheus"), backfill=open_metrics(series)) as running:
        yield running


def windows(base_url: str, settings: SampleSettings = SETTINGS, *, hours: float = 24, names=NAMES):
    """The windows of the services, judged."""
    since = UNTIL - timedelta(hours=hours)
    demand = Demand(since, UNTIL, settings.interval_seconds, p95_ms=120)
    source = PrometheusSamples(base_url, settings)
    return check(source.samples(names, since, UNTIL), names, demand, now=UNTIL)


def test_each_sample_is_read_once_at_its_own_time(base_url):
    """24 hours come back whole: nothing doubled by the grid, the hole as long as it was, the one 503 seen."""
    found = windows(base_url)
    assert {name: (result.seen, dict(result.anomalies)) for name, result in found.items()} == {
        "a1": (8640, {}),
        "a3": (8580, {}),
        "a6": (8640, {}),
        "a8": (8640, {}),
    }
    assert found["a1"].healthy
    assert (found["a1"].p95_ms, found["a1"].worst_gap_seconds) == (42, 10.0)
    assert found["a3"].reasons == ("a gap of 610 s is over 300 s",)
    assert found["a3"].worst_gap_at == at(3999).replace(microsecond=217_000)
    assert dict(found["a6"].bad_statuses) == {503: 1}
    assert found["a8"].reasons == ("P95 300 ms is over 120 ms",)


def test_a_success_of_1_is_a_200(base_url):
    """Where only success is kept, 1 stands for 200 and anything else for no answer."""
    found = windows(base_url, SampleSettings(status_query="probe_success", status_kind=StatusKind.SUCCESS))
    assert found["a1"].healthy
    assert dict(found["a6"].bad_statuses) == {0: 1}


def test_samples_between_the_points_are_a_refusal(base_url):
    """An interval longer than the scrape's would overlook samples, so it is refused."""
    with pytest.raises(SamplesError, match="did not answer") as refused:
        windows(base_url, SampleSettings(interval_seconds=60.0))
    assert "interval_seconds is not the scrape interval" in refused.value.refusal.observed


def test_two_series_of_one_service_are_a_refusal(base_url):
    """A label that does not tell series apart decides nothing."""
    with pytest.raises(SamplesError, match="did not answer") as refused:
        windows(base_url, SampleSettings(status_query="double_code"))
    assert refused.value.refusal.observed == "two series of endpoint a1: narrow the queries down"


def test_a_duration_that_is_missing_is_no_latency(base_url):
    """Statuses without durations are samples whose latency nobody measured."""
    found = windows(base_url, SampleSettings(duration_query="nobody_has_this"))["a1"]
    assert dict(found.anomalies) == {Anomaly.NOT_A_LATENCY: 8640}
    assert not found.healthy


def test_a_service_prometheus_does_not_know_has_no_data(base_url):
    """No series: no data, not health."""
    assert windows(base_url, names=("a9",))["a9"].reasons[0] == "there is no data"


def test_a_query_prometheus_refuses_is_a_refusal(base_url):
    """An error of Prometheus is told without its text."""
    settings = SETTINGS.model_copy(update={"status_query": "sum("})
    with pytest.raises(SamplesError) as refused:
        windows(base_url, settings)
    assert refused.value.refusal.observed == "status 400 and not a success"


PAGE = b"""# TYPE probe_http_status_code gauge
probe_http_status_code{service="a1"} 200
# TYPE probe_duration_seconds gauge
probe_duration_seconds{service="a1"} 0.025
"""
SCRAPE = """
- job_name: fleet
  scrape_interval: 500ms
  scrape_timeout: 400ms
  static_configs: [{{targets: ["{target}"]}}]
"""


@contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of ours on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class Page(http.server.BaseHTTPRequestHandler):
    """What a blackbox exporter would say."""

    def do_GET(self) -> None:
        """Answer with the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_scrapes_become_samples_and_their_end_a_gap(tmp_path):
    """What a running Prometheus scrapes is seen within a moment; when the target dies, the samples end at once."""
    settings = SampleSettings(interval_seconds=0.5)
    with answering(Page) as target:
        context = serving(tmp_path, scrape=SCRAPE.format(target=target))
        base_url = context.__enter__()  # Prometheus outlives its target
        try:
            samples = _wait_for(base_url, settings, 6)
        except BaseException:
            context.__exit__(None, None, None)
            raise
    try:
        assert {(sample.status, sample.latency_ms) for sample in samples} == {(200, 25.0)}
        time.sleep(3.0)
        now = datetime.now(UTC)
        since = now - timedelta(seconds=30)
        found = check(
            PrometheusSamples(base_url, settings).samples(["a1"], since, now), ["a1"], Demand(since, now, 0.5), now=now
        )["a1"]
        assert (now - max(sample.at for sample in samples)).total_seconds() >= 2.0
        assert not found.healthy
        assert found.seen < 60 - 4
    finally:
        context.__exit__(None, None, None)


def _wait_for(base_url: str, settings: SampleSettings, count: int):
    """Samples, once there are that many."""
    for _ in range(100):
        now = datetime.now(UTC)
        found = list(PrometheusSamples(base_url, settings).samples(["a1"], now - timedelta(seconds=60), now))
        if len(found) >= count:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{len(found)} samples after 20 s")


def hostile(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None, drip: bool = False):
    """A handler that answers every query with this."""

    class Hostile(Page):
        def do_POST(self) -> None:
            """Answer with what was given."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                if drip:
                    for _ in range(100):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                        time.sleep(0.1)
                self.wfile.write(body)
            except OSError:
                pass

    return Hostile


def answer(**data: object) -> bytes:
    """A success of Prometheus with other data."""
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [], **data}}).encode()


def one(values: object, **metric: object) -> bytes:
    """A matrix of one series."""
    return answer(result=[{"metric": metric or {"service": "a1"}, "values": values}])


@pytest.mark.parametrize(
    ("body", "more", "observed"),
    [
        (b"", {}, "status 200 with a body that is not JSON"),
        (b"<html>", {"status": 502}, "status 502 with a body that is not JSON"),
        (b'{"status":"success","status":"success"}', {}, "status 200 with a body that is not JSON"),
        (b"[" * 100_000, {}, "status 200 with a body that is not JSON"),
        (b"[]", {}, "status 200 and not a success"),
        (b'{"status":"error"}', {}, "status 200 and not a success"),
        (answer(), {"status": 503}, "status 503 and not a success"),
        (answer(), {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "status 302 and not a success"),
        (b'{"status":"success"}', {}, "another result than a matrix"),
        (answer(resultType="vector"), {}, "another result than a matrix"),
        (answer(result={}), {}, "a result of more than 500 series, or none"),
        (answer(result=[{"metric": {}, "values": []}] * 501), {}, "a result of more than 500 series, or none"),
        (answer(result=[7]), {}, "a series without labels"),
        (answer(result=[{"metric": []}]), {}, "a series without labels"),
        (one(None), {}, "a series of more points than were asked for, or of none"),
        (one([[number, "1"] for number in range(2002)]), {}, "a series of more points than were asked for, or of none"),
        (one([["1", "1"]]), {}, "a point that is not a moment and a number"),
        (one([[1, 1]]), {}, "a point that is not a moment and a number"),
        (one([[1, "0x1"]]), {}, "a point that is not a moment and a number"),
        (one([[1, "\u0661"]]), {}, "a point that is not a moment and a number"),
        (one([[1, "1"], [1, "2"]]), {}, "two values at one moment"),
        (one([[1, "-5"]]), {}, "a timestamp that is none"),
        (one([[1, "1e300"]]), {}, "a timestamp that is none"),
        (answer(), {"headers": {"Content-Encoding": "gzip"}}, "a compression that nobody asked for"),
        (
            b'{"status":"success","warnings":["partial"]}',
            {},
            "a result with warnings, which may be a part of the whole",
        ),
    ],
)
def test_an_answer_of_another_form_is_refused(body, more, observed):
    """Whatever Prometheus is not, or does not say, is a refusal in our words."""
    with answering(hostile(body, **more)) as target, pytest.raises(SamplesError) as refused:
        windows(f"http://{target}", hours=1)
    assert refused.value.refusal.observed == observed


def test_an_answer_without_end_is_refused(monkeypatch):
    """An answer is read up to its size and no further, and up to its time, however it trickles in."""
    monkeypatch.setattr(http_prometheus, "BODY_BYTES_MAX", 10_000)
    with answering(hostile(b" " * 20_000)) as target, pytest.raises(SamplesError) as refused:
        windows(f"http://{target}", hours=1)
    assert refused.value.refusal.observed == "an answer of more than 10000 bytes"
    with answering(hostile(answer(), drip=True)) as target:
        source = PrometheusSamples(f"http://{target}", SETTINGS, deadline_seconds=0.5)
        with pytest.raises(SamplesError) as refused:
            list(source.samples(["a1"], SINCE, UNTIL))
    assert refused.value.refusal.observed == "no whole answer within 0.5 s"


def test_a_prometheus_that_is_down_is_refused():
    """Nobody there: the refusal, word for word, without the token."""
    source = PrometheusSamples("http://127.0.0.1:9", SETTINGS, token=Secret("t0ken-of-somebody"))
    with pytest.raises(SamplesError) as refused:
        list(source.samples(["a1"], SINCE, UNTIL))
    assert str(refused.value) == (
        "Prometheus cannot be asked for samples\n"
        "  expected  two series for each endpoint, status and duration, as [env.NAME.samples] names them\n"
        "  observed  ConnectError\n"
        "  money     No money moved.\n"
        "  next      Look at the address, the queries and the label in paygate.toml, and at Prometheus itself."
    )


def test_a_week_of_seconds_is_asked_for_in_pieces_or_not_at_all():
    """More samples than can be judged are refused before anything is asked."""
    source = PrometheusSamples("http://127.0.0.1:9", SampleSettings(interval_seconds=0.1))
    with pytest.raises(SamplesError) as refused:
        list(source.samples(["a1"], UNTIL - timedelta(days=7), UNTIL))
    assert refused.value.refusal.observed == "a window of more samples than can be judged"
