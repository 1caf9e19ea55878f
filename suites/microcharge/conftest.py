"""A5 as its student sees it and as a stranger may not, and how the guards of this gate are read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Answer, Api, Charge, Money, Provider, Run

from suites.microcharge.probing import Knocker, UnpaidCheckouts

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

    async def probe_checkout(self, credits_bought: int, amount_minor: int, *, idempotency_key: str) -> Answer:
        """Ask for a checkout that must be refused, or that nobody will ever pay. Dry runs only."""
        body = {"credits": credits_bought, "amount": amount_minor}
        headers = {"Idempotency-Key": idempotency_key}
        return await self._a5.post("/api/billing/create-checkout", json=body, headers=headers, probe=True)

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


@pytest.fixture
def unpaid(student: Student, run: Run, provider: Callable[[str], Provider]) -> UnpaidCheckouts:
    """Checkouts that nobody will pay; nothing is made before the context is entered."""
    return UnpaidCheckouts(student, run, provider("stripe"))


@pytest.fixture
def knocker(run: Run, api: Api) -> Knocker:
    """Whoever knocks at A5's webhook handler; nobody where money is real or the handler is not at A5."""
    environment = run.environment
    handler, target = urlsplit(environment.webhook_url), urlsplit(environment.base_url)
    below = handler.path.removeprefix(target.path.rstrip("/"))
    is_at_target = handler[:2] == target[:2] and handler.path.startswith(target.path.rstrip("/")) and below[:1] == "/"
    path = below if run.may_probe and is_at_target else ""
    return Knocker(api, path, environment.secrets.get("webhook_secret"))
