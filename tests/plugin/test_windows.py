"""The `windows` fixture: what a suite asks of a service's past, from each source, with every figure in the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.sample_files import SampleFolderSink
from pytest_paygate.core.samples import encode
from pytest_paygate.core.window import Sample
from tests.plugin.project import Project
from tests.samples.prometheus import open_metrics, serving


def day(*, endpoint: str = "a1", hours: float = 24.2, slow: bool = False) -> list[Sample]:
    """A day of samples that ends now, the last ones a little ahead of the run that will read them."""
    begin = datetime.now(UTC) - timedelta(hours=hours)
    count = int(hours * 360) + 3
    return [Sample(endpoint, begin + timedelta(seconds=10 * n), 200, 300.0 if slow else 40.0) for n in range(count)]


def asks(project: Project, question: str, source: str = "file:samples.jsonl", more: str = "") -> None:
    """Make the pre-flight row ask a question of the past."""
    project.change("test_demo.py", "def test_ready(facts: Facts)", "async def test_ready(facts: Facts, windows)")
    project.body("ready", f'found = {question}\nfacts["ready_checks"] = 3')
    settings = project.path / "paygate.toml"
    settings.write_text(f'{settings.read_text()}samples.source = "{source}"\n{more}')


def checked(project: Project):
    """The windows in the journal of the only run."""
    return [entry.event for entry in project.entries() if entry.event.kind == "window_checked"]


def test_a_healthy_day_is_journalled_with_every_figure(project):
    """A check passes on the samples of a file, and the journal and the session log hold all its figures."""
    asks(project, 'await windows.check("a1", hours=24, p95_ms=120)\nassert found.healthy')
    (project.path / "samples.jsonl").write_bytes(b"".join(map(encode, day())))
    project.run()
    assert project.statuses()["ready"] == "PASS"
    (event,) = checked(project)
    assert (event.endpoint, event.source, event.healthy, event.reasons) == ("a1", "file", True, ())
    assert (event.expected, event.p95_ms, event.p95_limit_ms, event.cold) == (8640, 40, 120, 30)
    assert event.seen in {8640, 8641}
    assert event.coverage_percent >= 99.9
    assert set(event.anomalies) <= {"outside the window", "from the future"}
    log = (project.folders()[0] / "session.log").read_text()
    assert "window a1 " in log
    assert "(file) healthy — 864" in log
    assert "P95 40 ms (at most 120 ms) of 8" in log


def test_a_row_that_requires_health_fails_without_it(project):
    """`require` fails the row, and says which service, what was expected and every reason."""
    asks(project, 'await windows.require("a1", "a3", hours=24, p95_ms=120)')
    (project.path / "samples.jsonl").write_bytes(
        b"".join(map(encode, [*day(), *day(endpoint="a3", hours=20, slow=True)]))
    )
    result = project.run()
    assert project.statuses()["ready"] == "FAIL"
    assert [(event.endpoint, event.healthy) for event in checked(project)] == [("a1", True), ("a3", False)]
    output = result.stdout.str()
    assert "a3 was not healthy over the last 24 h" in output
    assert "expected  every sample 200, coverage at least 95 %, no gap over 300 s, warm P95 at most 120 ms" in output
    assert "is under 95 %; a gap of 14" in output
    assert "P95 300 ms is over 120 ms" in output
    assert "money     No money moved." in output


def test_the_store_is_the_default_source(project):
    """Without a word in the settings the samples are those `paygate watch` has kept for the environment."""
    asks(
        project,
        'await windows.check_all(["a1", "a3"], hours=1)\nassert found["a1"].healthy\nassert not found["a3"].healthy',
        "store",
    )
    sink = SampleFolderSink(project.path / "reports" / ".samples", "demo")
    sink.append(day(hours=1.1))
    sink.close()
    project.run()
    assert project.statuses()["ready"] == "PASS"
    assert [event.source for event in checked(project)] == ["store", "store"]
    assert checked(project)[1].reasons[0] == "there is no data"


def test_prometheus_is_a_source(project, tmp_path_factory):
    """The same question is answered by a real Prometheus."""
    samples = day(hours=4)
    text = open_metrics(
        {
            'probe_http_status_code{service="a1"}': [(one.at, 200.0) for one in samples],
            'probe_duration_seconds{service="a1"}': [(one.at, 0.04) for one in samples],
        }
    )
    with serving(tmp_path_factory.mktemp("prometheus"), backfill=text) as base_url:
        asks(project, 'await windows.require("a1", hours=3, p95_ms=120)', f"prometheus:{base_url}")
        project.run()
    assert project.statuses()["ready"] == "PASS"
    assert [(event.source, event.p95_ms) for event in checked(project)] == [("prometheus", 40)]


def test_a_source_that_is_down_fails_the_row(project):
    """A source that cannot be asked is a refusal, never a healthy window, and nothing was judged."""
    asks(project, 'await windows.check("a1", hours=24)', "prometheus:http://127.0.0.1:9")
    result = project.run()
    assert project.statuses()["ready"] == "FAIL"
    assert checked(project) == []
    assert "Prometheus cannot be asked for samples" in result.stdout.str()


def test_a_torn_line_is_counted_with_the_figures(project):
    """What a crash has cut off stands in the journal, by name."""
    asks(project, 'await windows.check("a1", hours=1)')
    (project.path / "samples.jsonl").write_bytes(b"".join(map(encode, day(hours=1.1))) + b'{"at":"20')
    project.run()
    assert checked(project)[0].anomalies["line cut off"] == 1


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ('windows.check("a1", hours=0)', "windows.check: cannot judge such a window"),
        ('windows.check("a1", hours=float("nan"))', "windows.check: cannot judge such a window"),
        ('windows.check("a1", hours=1e12)', "windows.check: cannot judge such a window"),
        ('windows.check("a1", hours=1, coverage_min_percent=0)', "windows.check: cannot judge such a window"),
        ('windows.check("a 1", hours=1)', "paygate.toml: env.demo.services: has no such service"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(project, question, told):
    """A window of no length, a limit of nothing or a name that is none is a refusal by name."""
    asks(project, f"await {question}", "store")
    result = project.run()
    assert project.statuses()["ready"] == "FAIL"
    assert told in result.stdout.str()


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        ("stores", "", "paygate.toml: env.demo.samples.source: cannot be used"),
        ("store", 'samples.status_query = "sum(x)"\n', "paygate.toml: env.demo.samples.status_query: cannot be used"),
        ("store", 'samples.token = "s3cr3t"\n', "paygate.toml: env.demo.samples.token: holds a literal secret"),
        ("store", "samples.interval_seconds = 0\n", "paygate.toml: env.demo.samples.interval_seconds: "),
        ("store", 'samples.intervall = "10"\n', "is not a known key"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(project, source, more, told):
    """A source, a query, a token or a key of another form is refused before any row, without its text."""
    asks(project, 'await windows.check("a1", hours=1)', source, more)
    result = project.run_here()
    output = result.stdout.str() + result.stderr.str()
    assert told in output
    assert "s3cr3t" not in output
    assert project.bodies() == []
