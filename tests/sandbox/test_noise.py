"""Harmless noise is really there: a table that answers late, and bursts of 503 that settle by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.server import Sandbox

HELD_SECONDS = 0.4


def get(sandbox: Sandbox, url: str) -> int:
    """The status of one read, with the provider's key where the provider is asked."""
    key = sandbox.description.stripe_secret_key if url.startswith(sandbox.description.stripe_url) else "buyer"
    return httpx.get(url, headers={"Authorization": f"Bearer {key}"}, trust_env=False).status_code


@pytest.mark.parametrize(
    ("fault", "asked", "dsn", "table"),
    [
        (
            "database_slow",
            lambda told: f"{told.api_url}/licenses/mine",
            lambda told: told.marketplace_read_only_dsn,
            "seller_transfers",
        ),
        (
            "fleet_database_slow",
            lambda told: f"{told.a5_url}/api/status",
            lambda told: told.fleet_read_only_dsn,
            "probe_samples",
        ),
    ],
)
def test_a_slow_database_lets_its_reader_wait(
    sandbox: Sandbox, faults: Faults, fault: str, asked: Callable[[Any], str], dsn: Callable[[Any], str], table: str
) -> None:
    """The answer before it comes at once, the query after it waits, and the one after that does not."""
    query = f"SELECT count(*) FROM {table}"  # noqa: S608 - a name from the list above
    with psycopg.connect(dsn(sandbox.description), autocommit=True) as connection:
        faults.set(fault, {"seconds": HELD_SECONDS, "times": 1})
        get(sandbox, asked(sandbox.description))
        began = time.monotonic()
        connection.execute(query)
        assert time.monotonic() - began > HELD_SECONDS / 4
        # A second lock would not be granted while the first one stands.
        connection.execute(f"SET lock_timeout = '{int(HELD_SECONDS * 250)}ms'")
        get(sandbox, asked(sandbox.description))
        connection.execute(query)
    assert faults.report()[fault]["fired"] == 1


@pytest.mark.parametrize(
    ("fault", "url"),
    [
        ("orders_unwell", lambda told: f"{told.api_url}/orders/ord_1"),
        ("provider_unwell", lambda told: f"{told.stripe_url}/v1/refunds/re_1"),
        ("provider_unwell", lambda told: f"{told.stripe_url}/v1/payment_intents/pi_1"),
    ],
    ids=["orders", "refunds", "payments"],
)
def test_a_burst_settles_by_itself(sandbox: Sandbox, faults: Faults, fault: str, url: Callable[[Any], str]) -> None:
    """Two reads are answered 503, then the answer is what it always was."""
    address = url(sandbox.description)
    before = get(sandbox, address)
    faults.set(fault)
    assert [get(sandbox, address) for _ in range(4)] == [503, 503, before, before]
    assert before != 503
