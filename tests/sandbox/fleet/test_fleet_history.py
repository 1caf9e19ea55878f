"""The fleet's past: a day of probe samples in one call, as healthy or as blemished as somebody wants it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.fleet.history import History, Spell, parse
from tests.sandbox.fleet.conftest import Client


def _samples(client: Client, endpoint: str) -> list[dict[str, Any]]:
    return client.rows("SELECT at, status, latency_ms FROM probe_samples WHERE endpoint = %s ORDER BY at", endpoint)


def _widest(samples: list[dict[str, Any]]) -> timedelta:
    return max(later["at"] - earlier["at"] for earlier, later in pairwise(samples))


def test_a_healthy_day_has_a_sample_every_minute(client: Client) -> None:
    """By default: four endpoints, a day up to now, every sample 200 and quick; a second call replaces the first."""
    assert [client.sandbox.write_history(), client.sandbox.write_history()] == [4 * 1440, 4 * 1440]
    samples = _samples(client, "a1")
    assert len(samples) == 1440
    assert {sample["status"] for sample in samples} == {200}
    assert all(40 <= sample["latency_ms"] <= 48 for sample in samples)
    assert _widest(samples) == timedelta(minutes=1)
    assert datetime.now(UTC) - samples[-1]["at"] < timedelta(minutes=1)


def test_a_dense_day_of_every_app_can_be_had(client: Client) -> None:
    """Every ten seconds for eight endpoints: nearly seventy thousand samples."""
    every = History(every_seconds=10, endpoints=tuple(f"a{number}" for number in range(1, 9)))
    assert client.sandbox.write_history(every) == 8 * 8640


def test_spells_are_where_they_were_asked_for(client: Client) -> None:
    """A gap, a bad status, slowness and a warm-up each touch their endpoint and their minutes only."""
    client.sandbox.write_history(
        History(
            gaps=(Spell("a3", 5, 10),),
            bad=(Spell("a6", 3, 2, status=500),),
            slow=(Spell("a1", 2, 30, latency_ms=250),),
            warm_up_minutes=5,
        )
    )
    a1, a3, a6, a8 = (_samples(client, name) for name in ("a1", "a3", "a6", "a8"))
    assert (len(a3), _widest(a3)) == (1430, timedelta(minutes=11))
    assert [sample["status"] for sample in a6].count(500) == 2
    assert [sample["latency_ms"] for sample in a1].count(250) == 30
    assert [sample["latency_ms"] for sample in a8].count(900) == 5
    assert all(sample["latency_ms"] == 900 for sample in a8[:5])


def test_a_fault_has_left_its_marks(client: Client, faults: Faults) -> None:
    """The past of an app that is down ends badly, and that of a slow A1 is slow throughout."""
    faults.set("fleet_a3_down")
    faults.set("fleet_a1_slow")
    client.sandbox.write_history()
    assert {sample["status"] for sample in _samples(client, "a3")[-10:]} == {503}
    assert min(sample["latency_ms"] for sample in _samples(client, "a1")) > 120
    assert {sample["status"] for sample in _samples(client, "a8")} == {200}


def test_the_control_surface_writes_and_reads_it(client: Client) -> None:
    """One call writes a day; the samples come back as JSON Lines, of one endpoint or of all."""
    url = f"{client.sandbox.description.control_url}/_sandbox/history"
    body = {"hours": 1, "bad": [{"endpoint": "a6", "hours_ago": 0.5, "minutes": 1}]}
    assert httpx.post(url, json=body, trust_env=False).json() == {"samples": 240}
    lines = httpx.get(url, params={"endpoint": "a6"}, trust_env=False).text.splitlines()
    samples = [json.loads(line) for line in lines]
    assert len(samples) == 60
    assert [sample["status"] for sample in samples].count(503) == 1
    assert set(samples[0]) == {"endpoint", "at", "status", "latency_ms"}
    assert datetime.fromisoformat(samples[0]["at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"hour": 1}, "unknown key 'hour'"),
        ({"hours": float("nan")}, "hours must be a number"),
        ({"hours": -1}, "hours must be a number"),
        ({"every_seconds": 0}, "every_seconds must be a number"),
        ({"latency_ms": "fast"}, "latency_ms must be a number"),
        ({"endpoints": [1]}, "an endpoint has 1 to 40"),
        ({"bad": [{"endpoint": "a1"}]}, "a spell has endpoint, hours_ago, minutes"),
        ({"bad": 5}, "a spell has endpoint, hours_ago, minutes"),
        ({"gaps": [{"endpoint": "", "hours_ago": 1, "minutes": 1}]}, "an endpoint has 1 to 40"),
        ({"hours": 700, "every_seconds": 1}, "more than 1000000 samples"),
    ],
)
def test_an_impossible_history_is_refused(document: dict[str, Any], text: str) -> None:
    """Unknown keys, odd numbers and endless histories are each named."""
    with pytest.raises(SandboxError, match=text):
        parse(document)
