"""Both providers on one running sandbox, and the two ways to have a payment there: paid, and open."""

from __future__ import annotations

import hashlib
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http import Api
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers import build
from pytest_paygate.sandbox.server import Sandbox
from tests.unit.adapters.wire import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pytest_paygate.core.ports import Provider
    from pytest_paygate.sandbox.description import SandboxDescription

_TRACES = itertools.count(1)
CARD = {
    "card_number": "4242424242424242",
    "card_exp_month": "12",
    "card_exp_year": "2034",
    "card_cvc": "123",
    "card_holder_name": "Paygate Acceptance",
}


@pytest.fixture(scope="module")
def world() -> Iterator[SandboxDescription]:
    """One running sandbox for a module."""
    with Sandbox.start() as running:
        yield running.description


@dataclass
class Stand:
    """One provider, its journal, and the other side's means to make payments."""

    name: str
    world: SandboxDescription
    journal: Journal
    provider: Provider
    merchant: Api
    control: Api
    trace_id: str
    stack: AsyncExitStack = field(repr=False)

    async def paid(self, amount_minor: int = 500, *, trace_id: str = "", method: str = "pm_card_visa") -> str:
        """Make a payment that is paid; return its id at this provider."""
        metadata = {"trace_id": trace_id or self.trace_id}
        if self.name == "stripe":
            form = {"confirm": "true", "payment_method": method, "return_url": "https://example.test/"}
            return await self._intent(amount_minor, metadata, form)
        body = {"confirm": True, "payment_method": "card", "payment_method_data": {"card": CARD}}
        return await self._payment(amount_minor, metadata, body)

    async def opened(self, amount_minor: int = 500) -> str:
        """Make a payment nobody has paid; return its id at this provider."""
        metadata = {"trace_id": self.trace_id}
        if self.name == "stripe":
            return await self._intent(amount_minor, metadata, {})
        return await self._payment(amount_minor, metadata, {"payment_link": True})

    async def refunded_minor(self) -> int:
        """What the sandbox's own money ledger says was given back to this test's payments."""
        entries = (await self.control.get("/_sandbox/ledger")).json()
        rows = entries["entries"] if isinstance(entries, dict) and "entries" in entries else entries
        mine = [row for row in rows if (row.get("metadata") or {}).get("trace_id") == self.trace_id]
        return sum(abs(row["amount_minor"]) for row in mine if row["kind"] == "refund")

    def client(self, base_url: str = "", **settings: object) -> Api:
        """A client of this provider's, journalled; closed with the stand."""
        return Api(base_url or self.base_url, **_common(self.journal, self.name), **settings)  # type: ignore[arg-type]

    def other(self, key: str = "", base_url: str = "", **settings: object) -> Provider:
        """The same provider with another key or address."""
        made = build(
            self.name,
            Secret(key or self.key),
            base_url or self.base_url,
            client=lambda address: self.client(address, **settings),
            clock=SystemClock(),
        )
        self.stack.push_async_callback(made.aclose)
        return made

    def refund_key(self, tag: str) -> str:
        """A key nobody else uses: both providers lead to one processor, which knows all keys."""
        return f"ref_{hashlib.sha256(f'{self.name} {self.trace_id} {tag}'.encode()).hexdigest()[:26]}"

    @property
    def base_url(self) -> str:
        """Where this provider answers."""
        return self.world.stripe_url if self.name == "stripe" else self.world.hyperswitch_url

    @property
    def key(self) -> str:
        """The key of the provider."""
        return self.world.stripe_secret_key if self.name == "stripe" else self.world.hyperswitch_api_key

    async def _intent(self, amount_minor: int, metadata: dict[str, str], form: dict[str, str]) -> str:
        fields = {f"metadata[{name}]": value for name, value in metadata.items()}
        answer = await self.merchant.post(
            "/v1/payment_intents",
            form={"amount": str(amount_minor), "currency": "eur", **fields, **form},
            bearer=Secret(self.key),
        )
        assert answer.status == 200, answer.text
        return answer.json()["id"]

    async def _payment(self, amount_minor: int, metadata: dict[str, str], body: dict[str, object]) -> str:
        answer = await self.merchant.post(
            "/payments",
            json={"amount": amount_minor, "currency": "EUR", "metadata": metadata, **body},
            headers={"api-key": Secret(self.key)},
        )
        assert answer.status == 200, answer.text
        return answer.json()["payment_id"]


def _common(journal: Journal, party: str) -> dict[str, object]:
    return {
        "party": party,
        "recorder": journal,
        "clock": SystemClock(),
        "trace_id": "E2E-1795262400-abc123",
        "first_party": False,
    }


def build_stand(name: str, world: SandboxDescription, stack: AsyncExitStack) -> Stand:
    """Put one provider on a sandbox; `stack` closes everything."""
    journal, elsewhere = Journal(), Journal()
    stripe = name == "stripe"
    base_url = world.stripe_url if stripe else world.hyperswitch_url
    provider = build(
        name,
        Secret(world.stripe_secret_key if stripe else world.hyperswitch_api_key),
        base_url,
        client=lambda address: Api(address, **_common(journal, name)),
        clock=SystemClock(),
    )
    merchant = Api(base_url, **_common(elsewhere, "merchant"))
    control = Api(world.control_url, **_common(elsewhere, "control"))
    for closing in (provider, merchant, control):
        stack.push_async_callback(closing.aclose)
    trace_id = f"E2E-1795262400-test{next(_TRACES):04d}"
    return Stand(name, world, journal, provider, merchant, control, trace_id, stack)


@pytest_asyncio.fixture(loop_scope="function", params=["stripe", "hyperswitch"])
async def stand(request, world) -> AsyncIterator[Stand]:
    """Each provider in turn."""
    async with AsyncExitStack() as stack:
        yield build_stand(request.param, world, stack)


@pytest_asyncio.fixture(loop_scope="function")
async def stripe_stand(world) -> AsyncIterator[Stand]:
    """Stripe alone."""
    async with AsyncExitStack() as stack:
        yield build_stand("stripe", world, stack)


@pytest_asyncio.fixture(loop_scope="function")
async def hyperswitch_stand(world) -> AsyncIterator[Stand]:
    """Hyperswitch alone."""
    async with AsyncExitStack() as stack:
        yield build_stand("hyperswitch", world, stack)
