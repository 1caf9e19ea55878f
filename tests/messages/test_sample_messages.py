"""Every refusal about samples and windows, word for word. None of them moved money."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.http_prometheus import PrometheusSamples
from pytest_paygate.adapters.sample_files import SampleFile, SampleFolderSink
from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.watch import planned
from pytest_paygate.core.environment import read_settings
from pytest_paygate.core.errors import ConfigurationError, SamplesError
from pytest_paygate.core.samples import SampleSettings, encode
from pytest_paygate.core.window import Sample

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
SOUND = encode(Sample("a1", AT, 200, 40.0))


def text(refused: str, expected: str, observed: str, next_step: str) -> str:
    """A refusal as it is printed."""
    return f"{refused}\n  expected  {expected}\n  observed  {observed}\n  money     No money moved.\n  next      {next_step}"


def test_a_line_that_is_no_sample(tmp_path: Path) -> None:
    """A foreign line names its number and what is wrong with it, in our words."""
    (tmp_path / "samples.jsonl").write_bytes(SOUND + b'{"at":"2026-11-21T08:30:00"}\n')
    with pytest.raises(SamplesError) as refused:
        list(SampleFile(tmp_path / "samples.jsonl").samples(["a1"], AT, AT))
    assert str(refused.value) == text(
        "samples.jsonl: line 2 is not a sample, so nothing is judged by this file",
        'one {"at", "endpoint", "latency_ms", "status"} object a line',
        "it is not an object with the keys at, endpoint, latency_ms and status",
        "Find out who wrote that line; move the file away if it is not what a prober writes.",
    )


def test_too_many_samples(tmp_path: Path) -> None:
    """A file larger than any window says how many there may be."""
    (tmp_path / "samples.jsonl").write_bytes(SOUND * 3)
    with pytest.raises(SamplesError) as refused:
        list(SampleFile(tmp_path / "samples.jsonl", 2).samples(["a1"], AT, AT))
    assert str(refused.value) == text(
        "samples.jsonl holds too many samples to be a window",
        "at most 2 samples",
        "more than that",
        "Hand over only the window, or sample less often.",
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file says what the system says."""
    with pytest.raises(SamplesError) as refused:
        list(SampleFile(tmp_path / "samples.jsonl").samples(["a1"], AT, AT))
    assert str(refused.value) == text(
        "the samples in samples.jsonl cannot be read",
        "a regular file this user may read",
        "No such file or directory",
        "Start `paygate watch` for this environment, and ask again when the window is full.",
    )


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that cannot be made says so, and that the prober goes on."""
    (tmp_path / ".samples").write_text("a file in its place")
    with pytest.raises(SamplesError) as refused:
        SampleFolderSink(tmp_path / ".samples", "staging")
    assert str(refused.value) == text(
        "samples cannot be kept in staging",
        "a folder this user may write to, with space left",
        "Not a directory",
        "Free space or fix the permissions; the prober goes on and tries again.",
    )


def test_a_store_that_is_in_use(tmp_path: Path) -> None:
    """A second prober is told what to do about the first."""
    first = SampleFolderSink(tmp_path, "staging")
    with pytest.raises(SamplesError) as refused:
        SampleFolderSink(tmp_path, "staging")
    first.close()
    assert str(refused.value) == text(
        "environment staging is already being watched",
        "one `paygate watch` for each environment and store",
        "another process holds the lock",
        "Leave the other one running, or end it first.",
    )


def test_a_window_too_large_for_prometheus() -> None:
    """What cannot be judged is not asked for."""
    source = PrometheusSamples("http://127.0.0.1:9", SampleSettings(interval_seconds=0.05))
    with pytest.raises(SamplesError) as refused:
        list(source.samples(["a1"], datetime(2026, 11, 1, tzinfo=UTC), AT))
    assert str(refused.value) == text(
        "Prometheus did not answer with the samples of this window",
        "two series for each endpoint, status and duration, as [env.NAME.samples] names them",
        "a window of more samples than can be judged",
        "Look at the address, the queries and the label in paygate.toml, and at Prometheus itself.",
    )


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        (
            "",
            (),
            text(
                "paygate watch: does not know which environment",
                "--env NAME, or live_env in the settings",
                "neither",
                "Name the environment; its samples are kept under that name.",
            ),
        ),
        (
            "sandbox",
            (),
            text(
                "paygate watch --env=sandbox: has nothing to look at",
                "[env.sandbox.services] in paygate.toml, or --endpoint NAME=URL",
                "neither",
                "Name the services.",
            ),
        ),
        (
            "sandbox",
            ("a1=http://user:pw@host/",),
            text(
                "an endpoint: cannot be looked at",
                "a plain name of at most 40 characters and an http(s) URL without user",
                "'a1' and a URL that is not shown",
                "Correct --endpoint, or the environment's services.",
            ),
        ),
        (
            "sandbox",
            ("\x1b[2J=http://host/",),
            text(
                "an endpoint: cannot be looked at",
                "a plain name of at most 40 characters and an http(s) URL without user",
                "another name",
                "Correct --endpoint, or the environment's services.",
            ),
        ),
    ],
    ids=["no environment", "no endpoint", "a user in the URL", "a name that is none"],
)
def test_what_cannot_be_watched(tmp_path: Path, name: str, typed: tuple[str, ...], said: str) -> None:
    """What `paygate watch` cannot look at is refused before it looks."""
    with pytest.raises(ConfigurationError) as refused:
        planned(open_project(str(tmp_path)), name, typed, None, None)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "source",
            "prometheus:http://user:pw@host",
            "'store', 'file:PATH', 'prometheus:http(s)://host[:port][/path]' without user or query, or 'database:TABLE'",
        ),
        (
            "status_query",
            "sum(up)",
            "a plain selector such as probe_http_status_code{job='fleet'}, without functions or ranges",
        ),
    ],
)
def test_a_samples_table_that_cannot_be_used(key: str, value: str, expected: str) -> None:
    """A source or a query of another form is refused without being shown: it may hold a password."""
    table = {"mode": "staging", "base_url": "https://s.example", "samples": {key: value}}
    with pytest.raises(ConfigurationError) as refused:
        read_settings({"env": {"staging": table}}, "paygate.toml")
    assert str(refused.value) == text(
        f"paygate.toml: env.staging.samples.{key}: cannot be used",
        expected,
        f"{len(value)} characters of another form",
        "Correct the file; its keys are listed in docs/reference/paygate-toml.md.",
    )
