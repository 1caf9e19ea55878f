"""The emulator as an ASGI application, and what runs beside it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pytest_paygate.sandbox import hosted_page
from pytest_paygate.sandbox.hyperswitch import connector, errors, events, faults, incoming, links, payments, refunds
from pytest_paygate.sandbox.hyperswitch.answers import LINK_PREFIX
from pytest_paygate.sandbox.hyperswitch.edge import guarded, path_id, read_body, read_object
from pytest_paygate.sandbox.hyperswitch.expiry import watching
from pytest_paygate.sandbox.hyperswitch.fields import integer, read_payment
from pytest_paygate.sandbox.hyperswitch.vocabulary import CONNECTOR, MERCHANT_ID
from pytest_paygate.sandbox.webhooks.signing import STRIPE_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.world import World

    Json = dict[str, Any]
    Endpoint = Callable[[Request], Awaitable[Any]]


class Api:
    """The endpoints of one world; each takes a request and gives a JSON body or a response."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def create_payment(self, request: Request) -> Json:
        """POST /payments."""
        return await payments.create(self._world, read_payment(await read_object(request)))

    async def retrieve_payment(self, request: Request) -> Json:
        """GET /payments/{payment_id}."""
        found = await payments.retrieve(
            self._world,
            path_id(request, "payment_id", "Payment"),
            force_sync=_flag(request, "force_sync"),
            expand_attempts=_flag(request, "expand_attempts"),
        )
        return faults.told(self._world, found)

    async def update_payment(self, request: Request) -> Json:
        """POST /payments/{payment_id}."""
        sent = read_payment(await read_object(request))
        return await payments.update(self._world, path_id(request, "payment_id", "Payment"), sent)

    async def confirm_payment(self, request: Request) -> Json:
        """POST /payments/{payment_id}/confirm."""
        sent = read_payment(await read_object(request, optional=True))
        return await payments.confirm(self._world, path_id(request, "payment_id", "Payment"), sent)

    async def capture_payment(self, request: Request) -> Json:
        """POST /payments/{payment_id}/capture."""
        body = await read_object(request, optional=True)
        return await payments.capture(self._world, path_id(request, "payment_id", "Payment"), body)

    async def cancel_payment(self, request: Request) -> Json:
        """POST /payments/{payment_id}/cancel."""
        body = await read_object(request, optional=True)
        return await payments.cancel(self._world, path_id(request, "payment_id", "Payment"), body)

    async def list_payments(self, request: Request) -> Json:
        """GET /payments/list."""
        return await payments.listing(self._world, request.query_params)

    async def retrieve_link(self, request: Request) -> Json:
        """GET /payment_link/{payment_link_id}."""
        return await links.retrieve(self._world, path_id(request, "payment_link_id", "Payment Link"))

    async def create_refund(self, request: Request) -> Json:
        """POST /refunds."""
        return await refunds.create(self._world, await read_object(request))

    async def retrieve_refund(self, request: Request) -> Json:
        """GET /refunds/{refund_id}."""
        refund_id = path_id(request, "refund_id", "Refund")
        return await refunds.retrieve(self._world, refund_id, force_sync=_flag(request, "force_sync"))

    async def update_refund(self, request: Request) -> Json:
        """POST /refunds/{refund_id}."""
        return await refunds.update(self._world, path_id(request, "refund_id", "Refund"), await read_object(request))

    async def list_refunds(self, request: Request) -> Json:
        """POST /refunds/list."""
        return await refunds.listing(self._world, await read_object(request, optional=True))

    async def list_events(self, request: Request) -> Json:
        """POST /events/{merchant_id}."""
        _own_merchant(request)
        body = await read_object(request, optional=True)
        return await events.listing(
            self._world, body, integer(body, "limit", 0, 2**31 - 1), integer(body, "offset", 0, 2**31 - 1)
        )

    async def list_event_attempts(self, request: Request) -> list[Json]:
        """GET /events/{merchant_id}/{event_id}/attempts."""
        _own_merchant(request)
        return await events.attempts(self._world, path_id(request, "event_id", "Event"))

    async def retry_event(self, request: Request) -> Json:
        """POST /events/{merchant_id}/{event_id}/retry."""
        _own_merchant(request)
        return await events.retry(self._world, path_id(request, "event_id", "Event"))

    async def stripe_webhook(self, request: Request) -> Json:
        """POST /webhooks/stripe."""
        body = await read_body(request)
        return await incoming.receive(self._world, body, request.headers.get(STRIPE_HEADER, ""))

    async def to_challenge(self, request: Request) -> Response:
        """GET /payments/redirect/{payment_id}/{attempt_id}."""
        return await links.to_challenge(self._world, request)

    async def from_challenge(self, request: Request) -> Response:
        """GET /payments/{payment_id}/{merchant}/redirect/complete/stripe."""
        return await links.from_challenge(self._world, request)

    async def health(self, _request: Request) -> Response:
        """GET /health."""
        return PlainTextResponse("health is good")

    async def ready(self, _request: Request) -> Json:
        """GET /health/ready."""
        async with self._world.provider_pool.connection() as connection:
            await connection.execute("SELECT 1")
        return {"database": True, "redis": True, "analytics": False, "opensearch": False, "outgoing_request": True}


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false")
    if value not in {"true", "false"}:
        message = f"Query deserialize error: provided string was not `true` or `false` for {name}"
        raise errors.invalid_data(message)
    return value == "true"


def _own_merchant(request: Request) -> None:
    if request.path_params["merchant_id"] != MERCHANT_ID:
        raise errors.not_found("Merchant account")


def app(world: World) -> Starlette:
    """Build the application of one world."""
    api = Api(world)

    def at(path: str, method: str, endpoint: Endpoint, *, keyed: bool = True) -> Route:
        return Route(path, guarded(world, endpoint, keyed=keyed), methods=[method])

    routes = [
        at("/health", "GET", api.health, keyed=False),
        at("/health/ready", "GET", api.ready, keyed=False),
        at("/payments", "POST", api.create_payment),
        at("/payments/list", "GET", api.list_payments),
        at("/payments/redirect/{payment_id}/{attempt_id}", "GET", api.to_challenge, keyed=False),
        at(
            f"/payments/{{payment_id}}/{MERCHANT_ID}/redirect/complete/{CONNECTOR}",
            "GET",
            api.from_challenge,
            keyed=False,
        ),
        at("/payments/{payment_id}", "GET", api.retrieve_payment),
        at("/payments/{payment_id}", "POST", api.update_payment),
        at("/payments/{payment_id}/confirm", "POST", api.confirm_payment),
        at("/payments/{payment_id}/capture", "POST", api.capture_payment),
        at("/payments/{payment_id}/cancel", "POST", api.cancel_payment),
        at("/payment_link/{payment_link_id}", "GET", api.retrieve_link),
        *hosted_page.routes(links.LinkBackend(world), LINK_PREFIX),
        at("/refunds", "POST", api.create_refund),
        at("/refunds/list", "POST", api.list_refunds),
        at("/refunds/{refund_id}", "GET", api.retrieve_refund),
        at("/refunds/{refund_id}", "POST", api.update_refund),
        at("/events/{merchant_id}", "POST", api.list_events),
        at("/events/{merchant_id}/{event_id}/attempts", "GET", api.list_event_attempts),
        at("/events/{merchant_id}/{event_id}/retry", "POST", api.retry_event),
        at(incoming.PATH, "POST", api.stripe_webhook, keyed=False),
    ]
    application = Starlette(routes=routes, exception_handlers={404: _unknown_url, 405: _wrong_method})
    application.router.redirect_slashes = False
    application.state.world = world
    return application


async def _unknown_url(_request: Request, _error: Exception) -> Response:
    return errors.unknown_url().response()


async def _wrong_method(_request: Request, _error: Exception) -> Response:
    return errors.wrong_method().response()


@contextlib.asynccontextmanager
async def background(world: World) -> AsyncIterator[None]:
    """Subscribe to the processor's webhooks and watch over session ends for as long as the block lasts.

    The processor must be answering. Its API chooses a webhook secret itself, so the endpoint is put in place through
    the Stripe emulator's own door, with the secret the world was given.
    """
    # Imported here: the two emulators would otherwise import each other.
    from pytest_paygate.sandbox.stripe.webhook_endpoints import register_endpoint

    url = f"{world.addresses.hyperswitch}{incoming.PATH}"
    stripe = connector.Connector(world)
    try:
        for endpoint in await stripe.webhook_endpoints():
            if endpoint.get("url") == url:
                await stripe.delete_webhook(str(endpoint["id"]))
        wanted = (*incoming.PAYMENT_EVENTS, *incoming.REFUND_EVENTS)
        await register_endpoint(world, url=url, secret=world.keys.stripe_webhook, enabled_events=wanted)
        async with watching(world):
            yield
    finally:
        await connector.close(world)
