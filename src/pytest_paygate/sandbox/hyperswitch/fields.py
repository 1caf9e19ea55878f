"""Reads the request bodies of the payments API into typed values.

Owns which fields exist and their forms. A field Hyperswitch does not know is refused by name, as upstream does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pytest_paygate.sandbox.hosted_page import Card
from pytest_paygate.sandbox.hosted_page.render import is_web_address
from pytest_paygate.sandbox.hyperswitch import errors
from pytest_paygate.sandbox.hyperswitch.vocabulary import CURRENCIES, PAYMENT_FIELDS

SESSION_EXPIRY_SECONDS = 900
_SESSION_EXPIRY_RANGE = (60, 7_890_000)
_MERCHANT_ID = re.compile(r"[A-Za-z0-9_-]{30}\Z")
_AMOUNT_MAX = 2**53
_CAPTURE_METHODS = ("automatic", "manual", "manual_multiple", "scheduled", "sequential_automatic")
_AUTHENTICATION_TYPES = ("three_ds", "no_three_ds")


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a create, update or confirm body asks for; None where it says nothing."""

    payment_id: str | None
    amount: int | None
    currency: str | None
    capture_method: str | None
    authentication_type: str | None
    metadata: dict[str, Any] | None
    description: str | None
    return_url: str | None
    customer_id: str | None
    email: str | None
    merchant_order_reference_id: str | None
    session_expiry_seconds: int
    payment_link: bool
    confirm: bool
    client_secret: str | None
    manual_retry: bool
    card: Card | None


def read_payment(body: dict[str, Any]) -> PaymentRequest:
    """Check a payment body.

    Raises:
        ApiError: for an unknown field or one of the wrong type or form.
    """
    for name in body:
        if name not in PAYMENT_FIELDS:
            raise errors.not_deserializable(f"unknown field `{name[:64]}`")
    expiry = integer(body, "session_expiry", *_SESSION_EXPIRY_RANGE)
    customer = record(body, "customer") or {}
    return PaymentRequest(
        payment_id=merchant_id(body, "payment_id"),
        amount=integer(body, "amount", 0, _AMOUNT_MAX),
        currency=choice(body, "currency", CURRENCIES),
        capture_method=_capture_method(body),
        authentication_type=choice(body, "authentication_type", _AUTHENTICATION_TYPES),
        metadata=record(body, "metadata"),
        description=text(body, "description", 1000),
        return_url=_return_url(body),
        customer_id=text(body, "customer_id", 64) or text(customer, "id", 64),
        email=text(customer, "email", 255),
        merchant_order_reference_id=text(body, "merchant_order_reference_id", 255),
        session_expiry_seconds=SESSION_EXPIRY_SECONDS if expiry is None else expiry,
        payment_link=boolean(body, "payment_link"),
        confirm=boolean(body, "confirm"),
        client_secret=text(body, "client_secret", 255),
        manual_retry=text(body, "retry_action", 64) == "manual_retry",
        card=_card(body),
    )


def _capture_method(body: dict[str, Any]) -> str | None:
    method = choice(body, "capture_method", _CAPTURE_METHODS)
    if method not in {None, "automatic", "manual"}:
        raise errors.not_supported(f"capture_method {method} is not supported by the emulated stripe connector")
    return method


def _return_url(body: dict[str, Any]) -> str | None:
    url = text(body, "return_url", 2048)
    if url is not None and not is_web_address(url):
        raise errors.not_deserializable("return_url is not an http or https URL")
    return url


def _card(body: dict[str, Any]) -> Card | None:
    """The card in `payment_method_data.card`; no message repeats any of it."""
    method = text(body, "payment_method", 64)
    data = record(body, "payment_method_data")
    if data is None:
        return None
    if method not in {None, "card"} or not isinstance(data.get("card"), dict):
        raise errors.not_emulated("A payment method other than card")
    card = data["card"]
    number = re.sub(r"[ -]", "", _card_text(card, "card_number"))
    if not re.fullmatch(r"[0-9]{12,19}", number):
        raise errors.not_deserializable("invalid card number length")
    month, year, cvc = (_card_text(card, name) for name in ("card_exp_month", "card_exp_year", "card_cvc"))
    if not re.fullmatch(r"[0-9]{1,2}", month) or not 1 <= int(month) <= 12:
        raise errors.invalid_data("Invalid Expiry Month")
    if not re.fullmatch(r"([0-9]{2})?[0-9]{2}", year):
        raise errors.invalid_data("Invalid Expiry Year")
    if not re.fullmatch(r"[0-9]{3,4}", cvc):
        raise errors.invalid_data("Invalid card_cvc length")
    return Card(number, int(month), int(year) if len(year) == 4 else 2000 + int(year), cvc)


def _card_text(card: dict[str, Any], name: str) -> str:
    value = card.get(name)
    if value is None:
        raise errors.missing(f"payment_method_data.card.{name}")
    if not isinstance(value, str):
        raise errors.not_deserializable(f"invalid type for {name}, expected a string")
    return value


def merchant_id(body: dict[str, Any], name: str) -> str | None:
    """A merchant-chosen id: exactly 30 letters, digits, `_` or `-`."""
    value = text(body, name, 255)
    if value is not None and not _MERCHANT_ID.match(value):
        raise errors.bad_format(name, "exactly 30 letters, digits, underscores or hyphens")
    return value


def text(body: dict[str, Any], name: str, length_max: int) -> str | None:
    """A string of bounded length; null counts as absent."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise errors.not_deserializable(f"invalid type for {name}, expected a string")
    if len(value) > length_max:
        raise errors.invalid_data(f"{name} is longer than {length_max} characters")
    return value


def integer(body: dict[str, Any], name: str, least: int, most: int) -> int | None:
    """A whole number within bounds; null counts as absent, true and 5.0 are not numbers."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.not_deserializable(f"invalid type for {name}, expected an integer")
    if not least <= value <= most:
        raise errors.invalid_data(f"{name} should be between {least} and {most}")
    return value


def boolean(body: dict[str, Any], name: str) -> bool:
    """A flag; null and absence are False."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise errors.not_deserializable(f"invalid type for {name}, expected a boolean")
    return value is True


def record(body: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A nested object; null counts as absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise errors.not_deserializable(f"invalid type for {name}, expected an object")
    return value


def choice(body: dict[str, Any], name: str, known: tuple[str, ...] | frozenset[str]) -> str | None:
    """One of a closed list of words."""
    value = text(body, name, 64)
    if value is not None and value not in known:
        raise errors.not_deserializable(f"unknown variant for {name}")
    return value
