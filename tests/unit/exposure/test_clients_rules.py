"""How a provider of an environment is put together: address, key for the errand, journal, trace, authorities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.core.environment import ProviderAccess
from pytest_paygate.core.errors import ConfigurationError, ProviderError
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure.clients import provider_client
from pytest_paygate.providers.hyperswitch import HyperswitchProvider
from pytest_paygate.providers.stripe import StripeProvider
from tests.unit.adapters.wire import Journal, ManualClock, answer, says, serve
from tests.unit.exposure.live_stage import ACCOUNT, KEY, REFUND_KEY, environment, stripe

if TYPE_CHECKING:
    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.ports import Provider

pytestmark = pytest.mark.asyncio(loop_scope="function")
TRACE = "SHOP-1795262400-abc123"


def client(target: Environment, name: str = "stripe", journal: Journal | None = None, **more: object) -> Provider:
    """A client of one provider, with the real clock."""
    given = {"recorder": journal or Journal(), "clock": SystemClock(), "trace_id": TRACE, **more}
    return provider_client(target, name, **given)


def bearer(request: bytes) -> str:
    """The key that a request carried."""
    (line,) = [line for line in request.split(b"\r\n") if line.lower().startswith(b"authorization:")]
    return line.split(b" ")[-1].decode()


@pytest.mark.parametrize(
    ("restricted", "for_refunds", "key"),
    [
        (True, {}, KEY),
        (True, {"for_refunds": False}, KEY),
        (True, {"for_refunds": True}, REFUND_KEY),
        (False, {"for_refunds": True}, KEY),
    ],
)
async def test_the_restricted_key_is_used_for_refunds_where_there_is_one(restricted, for_refunds, key):
    """Whoever settles uses the restricted key; without one, and for everything else, the key itself."""
    async with stripe() as wire:
        target = environment(wire.base_url)
        if not restricted:
            access = replace(target.providers["stripe"], refund_key=None)
            target = replace(target, providers={"stripe": access})
        provider = client(target, **for_refunds)
        assert replace(await provider.account(), default_currency="", settles_in=()) == ACCOUNT
        await provider.aclose()
    assert {bearer(request) for request in wire.requests} == {key}


async def test_every_exchange_is_journalled_under_the_providers_name():
    """Each read stands in the journal of whoever asked for it, as the provider's, with its status."""
    journal = Journal()
    async with stripe() as wire:
        provider = client(environment(wire.base_url), journal=journal)
        await provider.account()
        await provider.aclose()
    told = [(one.party, one.method, one.path, one.status) for one in journal.of("exchange")]
    assert told == [("stripe", "GET", "/v1/account", 200), ("stripe", "GET", "/v1/balance", 200)]
    assert len(wire.requests) == 2


async def test_a_provider_is_not_told_the_run():
    """Our trace headers go to the target alone: to a provider the trace is in the payment's metadata."""
    async with stripe() as wire:
        provider = client(environment(wire.base_url))
        await provider.account()
        await provider.aclose()
    assert not [request for request in wire.requests if TRACE.encode() in request or b"traceparent" in request.lower()]


async def test_what_the_gate_declared_is_kept_of_an_answer():
    """A field of an answer that the gate declares stands in the journal; no other one does."""
    body = b'{"object":"account","id":"acct_1","shop_colour":"green","shop_size":"large"}'
    journal = Journal()
    async with serve(says(answer(body))) as wire:
        for extra in ({}, {"extra_fields": {"shop_colour": FactKind.WORD}}):
            provider = client(environment(wire.base_url), journal=journal, **extra)
            with pytest.raises(ProviderError):
                await provider.account()
            await provider.aclose()
    kept = [one.fields for one in journal.of("exchange") if one.path == "/v1/account"]
    general = {"object": "account", "id": "acct_1"}
    assert kept == [general, {**general, "shop_colour": "green"}]


async def test_each_provider_is_made_by_its_name():
    """The name says which kind of provider; one the environment has not is no provider of it, and an unknown kind is refused."""
    target = environment("http://127.0.0.1:9")
    assert isinstance(client(target), StripeProvider)
    assert isinstance(client(target, "hyperswitch"), HyperswitchProvider)
    with pytest.raises(KeyError):
        client(target, "paypal")
    odd = ProviderAccess("paypal", Secret(KEY), "http://127.0.0.1:9", "", "")
    with pytest.raises(ConfigurationError, match="provider 'paypal': is not known"):
        client(replace(target, providers={"paypal": odd}), "paypal")


async def test_the_environments_authorities_are_the_ones_that_are_trusted(tmp_path):
    """A file of authorities that cannot be used is refused for a provider too; without one there is nothing to read."""
    target = environment("https://127.0.0.1:9")
    await client(target).aclose()
    missing = tmp_path / "ca.pem"
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        client(replace(target, ca_file=str(missing)))


async def test_the_clock_that_is_given_measures():
    """What a provider's exchanges took is measured on the clock of the run."""

    class Slow(SystemClock):
        """A clock that goes on by seven seconds whenever it is looked at."""

        seconds = 0.0

        def elapsed_seconds(self) -> float:
            """Later each time."""
            self.seconds += 7.0
            return self.seconds

    journal = Journal()
    async with stripe() as wire:
        provider = client(environment(wire.base_url), journal=journal, clock=Slow())
        await provider.account()
        await provider.aclose()
    assert all(one.elapsed_ms >= 7000 for one in journal.of("exchange"))


async def test_a_read_that_is_repeated_waits_on_the_same_clock():
    """Between two tries of a read time passes on the clock of the run."""
    clock = ManualClock()
    async with stripe(status="503 Service Unavailable") as wire:
        provider = client(environment(wire.base_url), clock=clock)
        with pytest.raises(ProviderError):
            await provider.account()
        await provider.aclose()
    assert len(wire.requests) == 3
    assert clock.seconds > 0
