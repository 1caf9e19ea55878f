"""The platform's own account and the seller's connected account: fixed, read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import errors, shapes
from pytest_paygate.sandbox.stripe import microcharge_faults as faults
from pytest_paygate.sandbox.stripe.parameters import Spec, items, text
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.world import World

MERCHANT_NAME = "Paygate Sandbox Marketplace"
# 2026-01-01T00:00:00Z: an account is older than anything it does.
_CREATED = 1_767_225_600
_NO_REQUIREMENTS: dict[str, object] = {
    "alternatives": [],
    "current_deadline": None,
    "currently_due": [],
    "disabled_reason": None,
    "errors": [],
    "eventually_due": [],
    "past_due": [],
    "pending_verification": [],
}


def describe(world: World, account_id: str) -> Json | None:
    """The account object, or None for an id that is neither the platform nor the seller."""
    if account_id not in (world.stripe_account_id, world.seller_account_id):
        return None
    platform = account_id == world.stripe_account_id
    name = MERCHANT_NAME if platform else "Paygate Sandbox Seller"
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "5734",
            "minority_owned_business_designation": None,
            "name": name,
            "product_description": None,
            "specified_commercial_transactions_act_url": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": world.addresses.marketplace,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"} if platform else {"type": "application", "is_controller": True},
        "country": "IE",
        "created": _CREATED,
        "default_currency": world.settlement_currency,
        "details_submitted": True,
        "email": "platform@sandbox.invalid" if platform else "seller@sandbox.invalid",
        "external_accounts": shapes.listing(f"/v1/accounts/{account_id}/external_accounts", []),
        "future_requirements": _NO_REQUIREMENTS,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _NO_REQUIREMENTS,
        "type": "standard" if platform else "express",
    }


async def _current(call: Call, _sent: Json) -> Json:
    told = describe(call.world, call.world.stripe_account_id) or {}
    if call.world.faults.active(faults.ACCOUNT_OTHER):
        told["id"] = "acct_1SomebodyElses000"
    if call.world.faults.active(faults.ACCOUNT_SETTLES_ELSEWHERE):
        told["default_currency"] = "gbp"
    return told


async def _retrieve(call: Call, sent: Json) -> Json:
    found = describe(call.world, sent["id"])
    if found is None:
        message = (
            f"The provided key does not have access to account '{sent['id'][:60]}' (or that account does not exist). "
            "Application access may have been revoked."
        )
        raise errors.StripeError(403, "invalid_request_error", message, code="account_invalid", recorded=False)
    return found


_EXPAND: Spec = {"expand": items(text())}
OPERATIONS = (
    Operation("GET", "/v1/account", _EXPAND, _current),
    Operation("GET", "/v1/accounts/{id}", _EXPAND, _retrieve),
)
