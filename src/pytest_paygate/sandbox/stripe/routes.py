"""The emulator as an ASGI application: every endpoint of every resource, and Stripe's 404 for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from pytest_paygate.sandbox.stripe import (
    accounts,
    balance,
    catalogue,
    charges,
    checkout_sessions,
    customers,
    event_log,
    payment_intents,
    payment_methods,
    refunds,
    transfers,
    transport,
    webhook_endpoints,
)
from pytest_paygate.sandbox.stripe import faults as _faults  # noqa: F401 - registers them

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from pytest_paygate.sandbox.stripe.routing import Operation
    from pytest_paygate.sandbox.world import World

OPERATIONS: tuple[Operation, ...] = (
    *payment_intents.OPERATIONS,
    *charges.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *refunds.OPERATIONS,
    *balance.OPERATIONS,
    *transfers.OPERATIONS,
    *event_log.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
    *catalogue.OPERATIONS,
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *accounts.OPERATIONS,
)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


def app(world: World, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Build the application of one world.

    Args:
        world: whose state it serves.
        extra_routes: pages served on the same address, such as Checkout's `/c/pay/{id}` and `/3ds/{id}`.

    """
    routes: list[BaseRoute] = list(extra_routes)
    routes += [
        Route(operation.path, _endpoint(world, operation), methods=[operation.method]) for operation in OPERATIONS
    ]
    routes.append(Route("/{path:path}", _endpoint(world, None), methods=_METHODS))
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False
    application.state.world = world
    return application


def _endpoint(world: World, operation: Operation | None) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        wanted = operation if operation is None or request.method == operation.method else None
        return await transport.serve(world, request, wanted)

    return serve
