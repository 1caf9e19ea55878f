"""A provider's rate limit: a read waits and goes on, for as long as is asked; what moves money is sent once."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.http import Api
from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.money import Money
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers.hyperswitch import HyperswitchProvider
from pytest_paygate.providers.stripe import StripeProvider
from tests.unit.adapters.wire import Journal, ManualClock, answer, serve

if TYPE_CHECKING:
    import asyncio

pytestmark = pytest.mark.asyncio(loop_scope="function")
FIVE = Money(500, "EUR")
EMPTY = {"stripe": {"object": "list", "url": "/v1/charges", "has_more": False, "data": []}, "hyperswitch": {"data": []}}
PROVIDERS = {"stripe": StripeProvider, "hyperswitch": HyperswitchProvider}


@asynccontextmanager
async def limited(name: str, times: int, header: str):
    """A provider whose server answers 429 so many times, and then an empty list; with its clock and its journal."""
    seen = []

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        seen.append(1)
        headers = "Content-Type: application/json" + (f"\r\nRetry-After: {header}" if header else "")
        if len(seen) <= times:
            writer.write(answer(b'{"error":{"code":"rate_limit"}}', status="429 Slow", headers=headers))
        else:
            writer.write(answer(json.dumps(EMPTY[name]).encode()))

    async with serve(talk) as wire:
        journal, clock = Journal(), ManualClock()
        http = Api(wire.base_url, party=name, recorder=journal, clock=clock, trace_id="E2E-1795262400-abc123")
        provider = PROVIDERS[name](Secret("sk_test_abcdefgh"), http=http, clock=clock)
        try:
            yield provider, clock, journal
        finally:
            await provider.aclose()


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    ("times", "header", "waited_seconds"),
    [(1, "", 1.0), (3, "", 7.0), (1, "2", 2.0), (3, "10", 30.0), (1, "0", 0.0), (1, "soon", 1.0)],
)
async def test_a_read_waits_and_goes_on(name: str, times: int, header: str, waited_seconds: float) -> None:
    """After what `Retry-After` says, or our own pauses where it says nothing; every attempt is journalled."""
    async with limited(name, times, header) as (provider, clock, journal):
        assert list(await provider.payments_since(clock.now())) == []
    statuses = [event.status for event in journal.of("exchange")]
    assert statuses[: times + 1] == [429] * times + [200]
    assert [event.attempt for event in journal.of("exchange")][: times + 1] == list(range(1, times + 2))
    assert clock.seconds == waited_seconds


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(("header", "attempts"), [("", 4), ("11", 1), ("999999999999999999", 1)])
async def test_a_limit_that_lasts_is_the_answer(name: str, header: str, attempts: int) -> None:
    """After four attempts, or when asked to wait too long, the refusal says what the limit means."""
    async with limited(name, 99, header) as (provider, clock, journal):
        with pytest.raises(ProviderError) as caught:
            await provider.payments_since(clock.now())
    assert caught.value.status == 429
    assert caught.value.refusal.next_step == "Wait: the provider limits how often it may be asked."
    assert len(journal.of("exchange")) == attempts


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_refund_is_not_sent_again_under_a_limit(name: str) -> None:
    """What moves money is sent once; a 429 is its answer."""
    async with limited(name, 1, "") as (provider, clock, journal):
        with pytest.raises(ProviderError):
            await provider.refund("pi_1", FIVE, idempotency_key="k", trace_id="E2E-1795262400-abc123")
    assert ([event.status for event in journal.of("exchange")], clock.seconds) == ([429], 0.0)
