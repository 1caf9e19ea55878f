"""The marketplace's addresses: `/api/v1/…` for its clients, `/webhooks/hyperswitch` for its payment provider.

Owns the wiring from request to act to answer; rules stand in the modules the acts live in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from pytest_paygate.sandbox.marketplace import (
    answers,
    catalogue,
    faults_orders,
    faults_unpaid,
    identity,
    orders,
    refunds,
    webhook,
)
from pytest_paygate.sandbox.marketplace import status as self_report
from pytest_paygate.sandbox.marketplace.edge import Edge

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.marketplace.service import Marketplace

_IDEMPOTENCY_KEY_LENGTH_MAX = 255


class Api:
    """The handlers of one marketplace."""

    def __init__(self, marketplace: Marketplace) -> None:
        self._marketplace = marketplace
        self._probe = self_report.ProcessorProbe(marketplace)

    async def health(self, request: Request) -> Response:
        """`GET /health`."""
        if self._marketplace.world.faults.active("trace_used_before"):
            await orders.open_of_nobody(self._marketplace, request.state.trace_id)
        return answers.data(self_report.health(self._marketplace))

    async def status(self, _request: Request) -> Response:
        """`GET /status`."""
        return answers.data(await self_report.status(self._marketplace, self._probe))

    async def login(self, request: Request) -> Response:
        """`POST /auth/login`."""
        body = await answers.read_object(request)
        email, password = answers.text_field(body, "email"), answers.text_field(body, "password")
        return answers.data(await identity.login(self._marketplace, email, password, request.state.trace_id))

    async def products(self, request: Request) -> Response:
        """`GET /marketplace/products`: what is for sale may be seen without logging in, as in any shop."""
        return answers.data(
            await catalogue.products(self._marketplace, is_stranger="authorization" not in request.headers)
        )

    async def create_order(self, request: Request) -> Response:
        """`POST /orders`."""
        try:
            return await self._created(request)
        except answers.ApiError as refusal:
            raise faults_orders.otherwise(self._marketplace, refusal) from None

    async def _created(self, request: Request) -> Response:
        buyer_id = faults_orders.anybody(self._marketplace, request)
        buyer_id = buyer_id or await identity.authenticate(self._marketplace, request)
        key = request.headers.get("idempotency-key", "")
        if not key or len(key) > _IDEMPOTENCY_KEY_LENGTH_MAX or not key.isprintable():
            raise answers.ApiError(
                400, "idempotency_key_required", "an Idempotency-Key of 1 to 255 characters is needed"
            )
        body = await answers.read_object(request)
        product_id = answers.text_field(body, "product_id")
        price_minor = faults_orders.clients_price(self._marketplace, body)
        wanted = orders.OrderRequest(buyer_id, product_id, key, request.state.trace_id, price_minor)
        order, is_new = await orders.create(self._marketplace, wanted)
        replayed = not is_new and self._marketplace.world.faults.active("order_replayed_with_200")
        return answers.data(order, 200 if replayed else 201)

    async def show_order(self, request: Request) -> Response:
        """`GET /orders/{order_id}`."""
        buyer_id = await identity.authenticate(self._marketplace, request)
        order = await orders.show(self._marketplace, buyer_id, answers.path_identifier(request, "order_id"))
        bearer = request.headers["authorization"].partition(" ")[2]
        order = faults_unpaid.demoted(self._marketplace, order)
        return answers.data(faults_orders.shown(self._marketplace, order, bearer))

    async def licences(self, request: Request) -> Response:
        """`GET /licenses/mine`."""
        buyer_id = await identity.authenticate(self._marketplace, request)
        return answers.data(await orders.licences(self._marketplace, buyer_id))

    async def refund(self, request: Request) -> Response:
        """`POST /orders/{order_id}/refund`."""
        buyer_id = await identity.authenticate(self._marketplace, request)
        order_id = answers.path_identifier(request, "order_id")
        reason = answers.text_field(await answers.read_object(request), "reason", 500)
        accepted = await refunds.request(self._marketplace, buyer_id, order_id, reason, request.state.trace_id)
        if self._marketplace.world.faults.active("refund_told_otherwise"):
            return answers.data({"requested_minor": 0, "previous_status": "completed", **accepted}, 200)
        return answers.data(accepted, 202)

    async def hyperswitch_webhook(self, request: Request) -> Response:
        """`POST /webhooks/hyperswitch`."""
        body = await answers.read_body(request, answers.WEBHOOK_BODY_BYTES_MAX)
        webhook.check(self._marketplace, body, request.headers.get("x-webhook-signature-512", ""))
        notice = webhook.parse(body)
        webhook.refuse_by_fault(self._marketplace, notice)
        with self._marketplace.delivering(notice.event_id):
            result = await webhook.receive(self._marketplace, notice)
        if result == "duplicate" and self._marketplace.world.faults.active("webhook_conflict_told"):
            return answers.data({"result": "conflict", "error": "duplicate key value violates unique constraint"})
        return answers.data({"result": result})


def app(marketplace: Marketplace) -> Starlette:
    """Build the ASGI application of one marketplace."""
    api = Api(marketplace)
    return Starlette(
        routes=[
            Mount(
                "/api/v1",
                routes=[
                    Route("/health", api.health),
                    Route("/status", api.status),
                    Route("/auth/login", api.login, methods=["POST"]),
                    Route("/marketplace/products", api.products),
                    Route("/orders", api.create_order, methods=["POST"]),
                    Route("/orders/{order_id}", api.show_order),
                    Route("/orders/{order_id}/refund", api.refund, methods=["POST"]),
                    Route("/licenses/mine", api.licences),
                ],
            ),
            Route("/webhooks/hyperswitch", api.hyperswitch_webhook, methods=["POST"]),
        ],
        middleware=[Middleware(Edge, marketplace=marketplace)],
        exception_handlers={answers.ApiError: _refused, HTTPException: _unroutable},
    )


async def _refused(_request: Request, failure: Exception) -> Response:
    if not isinstance(failure, answers.ApiError):
        raise failure
    return answers.error(failure.status, failure.code, failure.message)


async def _unroutable(_request: Request, failure: Exception) -> Response:
    if not isinstance(failure, HTTPException):
        raise failure
    code, message = {
        404: ("not_found", "there is nothing at this address"),
        405: ("method_not_allowed", "this address does not take that method"),
    }.get(failure.status_code, ("refused", "the request was refused"))
    answer = answers.error(failure.status_code, code, message)
    answer.headers.update(failure.headers or {})
    return answer
