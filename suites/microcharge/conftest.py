"""A5 as its student sees it, and how the guards of this gate are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Answer, Api, Charge, Money

CORE = ("a3", "a6", "a8")


class Student:
    """Buys credits at A5 and asks for the money back."""

    def __init__(self, a5: Api) -> None:
        self._a5 = a5

    async def checkout(self, amount: Money, credits_bought: int, *, idempotency_key: str) -> Answer:
        """Make a checkout: the one request of a run that can lead to a charge."""
        return await self._a5.post(
            "/api/billing/create-checkout",
            json={"credits": credits_bought, "amount": amount.minor},
            headers={"Idempotency-Key": idempotency_key},
            charge=amount,
        )

    async def refund(self, payment_intent_id: str, charge: Charge | None = None) -> Answer:
        """Ask A5 for the money back; `charge` is what the ledger shows of it, None when that is not known."""
        return await self._a5.post(
            "/api/billing/refund", json={"payment_intent_id": payment_intent_id}, once=True, refund=charge
        )


async def status_of(api: Api) -> int:
    """What a service answers to GET /health."""
    return (await api.get("/health")).status


@pytest.fixture
def student(api: Api) -> Student:
    """The student of this run."""
    return Student(api)


@pytest.fixture
def core(service: Callable[[str], Api]) -> dict[str, Api]:
    """The core services by name."""
    return {name: service(name) for name in CORE}
