"""Reads the card form: hostile bytes in, a card or messages per field out.

Messages never repeat the number or the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from pytest_paygate.sandbox.hosted_page.backend import Card

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_BYTES_MAX = 16 * 1024
_NAME_LENGTH_MAX = 100
_EXPIRY = re.compile(r"\s*([0-9]{1,2})\s*[/\-. ]?\s*((?:[0-9]{2})?[0-9]{2})\s*\Z")


class FormError(ValueError):
    """A body that is not a form this page has sent out."""


@dataclass(frozen=True, slots=True)
class CardForm:
    """A submitted form: what may be shown again, the card if it is usable, and a message for each field that is not."""

    name: str
    expiry: str
    card: Card | None
    errors: dict[str, str]


async def read_fields(request: Request) -> dict[str, str]:
    """The fields of an urlencoded body, the last value of each.

    Raises:
        FormError: another content type, a body over 16 KiB, too many fields, or bytes that are not UTF-8.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise FormError("the form was not sent as a form")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise FormError("the form is too large")
    try:
        parsed = parse_qs(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=32, encoding="utf-8", errors="strict"
        )
    except ValueError:
        raise FormError("the form is malformed") from None
    return {name: values[-1] for name, values in parsed.items()}


def read_card(fields: dict[str, str]) -> CardForm:
    """Check the typed-in card as far as that is possible without asking anybody."""
    number = re.sub(r"[ \-\u00a0]", "", fields.get("number", ""))
    cvc = fields.get("cvc", "").strip()
    expiry = fields.get("expiry", "").strip()[:9]
    errors: dict[str, str] = {}
    if not _is_card_number(number):
        errors["number"] = "Your card number is invalid."
    matched = _EXPIRY.match(expiry)
    month, year = (int(matched[1]), int(matched[2])) if matched else (0, 0)
    if not 1 <= month <= 12:
        errors["expiry"] = "Your card's expiration date is invalid. Write it as MM / YY."
    if not re.fullmatch(r"[0-9]{3,4}", cvc):
        errors["cvc"] = "Your card's security code is invalid."
    card = None if errors else Card(number, month, year if year >= 100 else 2000 + year, cvc)
    return CardForm(_shown(fields.get("name", "")), _shown(expiry), card, errors)


def _shown(text: str) -> str:
    return "".join(character for character in text[:_NAME_LENGTH_MAX] if character.isprintable())


def _is_card_number(number: str) -> bool:
    """Twelve to nineteen digits that pass the Luhn check."""
    if not re.fullmatch(r"[0-9]{12,19}", number):
        return False
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
