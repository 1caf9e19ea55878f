"""The list of payments behind `charges_since`: read to its end, or refused."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_paygate.adapters.http import Api
from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers.hyperswitch import HyperswitchProvider
from tests.unit.adapters.wire import Journal, ManualClock, answer, serve

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def payment(number: int) -> dict[str, object]:
    """The n-th newest payment, one a minute, with its one charged attempt."""
    created = (NOON - timedelta(minutes=number)).isoformat()
    attempt = {"attempt_id": f"a{number}", "status": "charged", "amount": 5, "currency": "EUR", "created_at": created}
    return {
        "payment_id": f"pay_{number}",
        "status": "succeeded",
        "amount": 5,
        "amount_received": 5,
        "currency": "EUR",
        "created": created,
        "attempts": [attempt],
        "metadata": {"trace_id": "T" if number in {5, 105} else "U"},
    }


@pytest.fixture
def listing():
    """A provider on a raw server with 150 payments, whose cursor may be stuck."""

    class Listing:
        def __init__(self, *, stuck: bool) -> None:
            self.stuck, self.stack = stuck, AsyncExitStack()

        async def talk(self, _reader: object, writer: asyncio.StreamWriter, request: bytes) -> None:
            url = urlsplit(request.split(b" ")[1].decode())
            if url.path == "/payments/list":
                after = parse_qs(url.query).get("starting_after", ["pay_-1"])[0]
                start = 0 if self.stuck else int(after[4:]) + 1
                document = {"size": 1, "data": [payment(number) for number in range(start, min(start + 100, 150))]}
            else:
                document = payment(int(url.path.rsplit("_", 1)[1]))
            writer.write(answer(json.dumps(document).encode()))

        async def __aenter__(self):
            wire = await self.stack.enter_async_context(serve(self.talk))
            http = Api(
                wire.base_url,
                party="hyperswitch",
                recorder=Journal(),
                clock=ManualClock(),
                trace_id="E2E-1795262400-abc123",
                first_party=False,
            )
            provider = HyperswitchProvider(Secret("snd_x"), http=http, clock=ManualClock())
            self.stack.push_async_callback(provider.aclose)
            return provider, wire

        async def __aexit__(self, *_: object) -> None:
            await self.stack.aclose()

    return Listing


async def test_the_list_is_read_past_its_first_page(listing) -> None:
    """A charge beyond the first page is found; of other traces no payment is asked for."""
    async with listing(stuck=False) as (provider, wire):
        found = await provider.charges_since(NOON - timedelta(hours=3), trace_id="T")
    assert [charge.charge_id for charge in found] == ["a5", "a105"]
    assert len(wire.requests) == 4


async def test_the_list_stops_where_the_period_begins(listing) -> None:
    """Older payments are left out though they stand on the page, and no further page is asked for."""
    async with listing(stuck=False) as (provider, wire):
        found = await provider.charges_since(NOON - timedelta(minutes=2))
    assert [charge.charge_id for charge in found] == ["a0", "a1", "a2"]
    assert len(wire.requests) == 4


async def test_a_cursor_that_does_not_move_is_refused(listing) -> None:
    """A server that gives the first page for ever is refused: half a list is no list."""
    async with listing(stuck=True) as (provider, wire):
        with pytest.raises(ProviderError):
            await provider.charges_since(NOON - timedelta(hours=3))
    assert len(wire.requests) == 2
