"""Events and the endpoints they go to, delivered over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.stripe import events, hosted, webhook_endpoints
from pytest_paygate.sandbox.stripe.event_types import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]


@contextlib.asynccontextmanager
async def _receiving(seen: list[tuple[bytes, str]]) -> AsyncIterator[str]:
    async def take(request: Request) -> Response:
        seen.append((await request.body(), request.headers["stripe-signature"]))
        return Response("ok")

    listener = socket.create_server(("127.0.0.1", 0))
    application = Starlette(routes=[Route("/hook", take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server._serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_events_carry_request_and_key(emulator: Emulator) -> None:
    """An event names the request and idempotency key that caused it, and freezes its object."""
    options: Any = {"idempotency_key": "event-key"}
    made = await emulator.test.v1.customers.create_async({"email": "one@sandbox.invalid"}, options)
    changed = await emulator.test.v1.customers.update_async(made.id, {"email": "two@sandbox.invalid"})
    found = await emulator.test.v1.events.list_async({"types": ["customer.created", "customer.updated"]})
    updated, created = [event for event in found.data if event.data.object["id"] == made.id]
    assert created.request.idempotency_key == "event-key"
    assert created.request.id == made.last_response.request_id  # type: ignore[union-attr]
    assert created.data.object["email"] == "one@sandbox.invalid"
    assert updated.data.object["email"] == changed.email
    assert updated.data.previous_attributes.to_dict() == {"email": "one@sandbox.invalid"}
    assert (await emulator.test.v1.events.retrieve_async(created.id)).type == "customer.created"
    assert created.api_version == "2026-10-28.endive"


async def test_signed_delivery_counts_pending_webhooks_down(emulator: Emulator) -> None:
    """Every subscribed endpoint gets the event, verifiable with its secret; then pending_webhooks is zero."""
    seen: list[tuple[bytes, str]] = []
    async with webhooks.background(emulator.world), _receiving(seen) as url:
        params: Any = {"url": url, "enabled_events": ["payment_intent.succeeded"], "metadata": {"a": "b"}}
        endpoint = await emulator.test.v1.webhook_endpoints.create_async(params)
        deaf = await emulator.test.v1.webhook_endpoints.create_async(
            {"url": url, "enabled_events": ["payment_intent.succeeded"]}
        )
        await emulator.test.v1.webhook_endpoints.update_async(deaf.id, {"disabled": True})
        intent = await emulator.paid(500)
        found = await emulator.test.v1.events.list_async({"type": "payment_intent.succeeded", "limit": 1})
        event = found.data[0]
        read = lambda: emulator.test.v1.events.retrieve_async(event.id)  # noqa: E731
        await emulator.until(read, lambda now: now.pending_webhooks == 0)
        assert len(seen) == 1
        body, signature = seen[0]
        received = stripe.Webhook.construct_event(body, signature, endpoint.secret)
        assert (received.id, received.data.object["id"], received.pending_webhooks) == (event.id, intent.id, 1)
        await hosted.webhook_delivered(emulator.world, event.id)
        assert (await read()).pending_webhooks == 0
        for one in (endpoint, deaf):
            gone = await emulator.test.v1.webhook_endpoints.delete_async(one.id)
            assert gone.deleted


async def test_an_event_is_written_with_its_change_or_not_at_all(emulator: Emulator) -> None:
    """A refused request leaves neither object nor event behind."""
    before = (await emulator.test.v1.events.list_async({"limit": 1})).data[0].id
    for params in ({"customer": "cus_none"}, {"payment_method": "pm_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            await emulator.paid(500, **params)
    assert (await emulator.test.v1.events.list_async({"limit": 1})).data[0].id == before


async def test_a_secret_is_shown_once(emulator: Emulator) -> None:
    """The creation shows the secret; no later answer does; a known secret is registered beside the API."""
    endpoints = emulator.test.v1.webhook_endpoints
    params: Any = {"url": "https://example.invalid/hook", "enabled_events": ["*"]}
    made = await endpoints.create_async(params)
    assert made.secret.startswith("whsec_")  # type: ignore[union-attr]
    for seen in (
        await endpoints.retrieve_async(made.id),
        await endpoints.update_async(made.id, {"description": "d"}),
        (await endpoints.list_async()).data[0],
    ):
        assert seen.id == made.id
        assert not hasattr(seen, "secret")
    known = await webhook_endpoints.register_endpoint(
        emulator.world, url="http://127.0.0.1:1/hook", secret="whsec_known", enabled_events=["refund.updated"]
    )
    assert (await endpoints.retrieve_async(known)).enabled_events == ["refund.updated"]
    for one in (made.id, known):
        await endpoints.delete_async(one)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"enabled_events[]": "*"}, "url"),
        ({"url": "https://a.invalid"}, "enabled_events"),
        ({"url": "ftp://a.invalid", "enabled_events[]": "*"}, "url"),
        ({"url": "nonsense", "enabled_events[]": "*"}, "url"),
        ({"url": "http://[", "enabled_events[]": "*"}, "url"),
        ({"url": "https://a.invalid", "enabled_events[]": "payment.done"}, "enabled_events[0]"),
        ({"url": "https://a.invalid", "enabled_events[]": "*", "api_version": "2020-08-27"}, "api_version"),
    ],
)
async def test_wrong_endpoints(emulator: Emulator, params: dict[str, str], param: str) -> None:
    """An endpoint needs an http address and event types that exist."""
    answer = await emulator.http.post("/v1/webhook_endpoints", data=params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_event_types_are_published_ones(emulator: Emulator, contracts: Path) -> None:
    """Every type an endpoint may subscribe to, and every type sent here, is one of the provider's."""
    published = set(json.loads((contracts / "stripe" / "event_types.json").read_text())["event_types"])
    assert EVENT_TYPES - published == set()
    with psycopg.connect(emulator.dsn) as connection:
        query = "SELECT DISTINCT body->>'type' FROM stripe.objects WHERE object = 'event'"
        sent = {row[0] for row in connection.execute(query)}
    assert len(sent) >= 4
    assert sent - published == set()


async def test_events_are_kept_for_thirty_days(emulator: Emulator) -> None:
    """Older events are neither listed nor retrievable."""
    made = await emulator.test.v1.customers.create_async({})
    event = (await emulator.test.v1.events.list_async({"limit": 1})).data[0]
    assert event.data.object["id"] == made.id
    emulator.world.clock.advance(events.RETENTION_SECONDS + 1)
    assert (await emulator.test.v1.events.list_async()).data == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await emulator.test.v1.events.retrieve_async(event.id)
    assert refused.value.code == "resource_missing"
