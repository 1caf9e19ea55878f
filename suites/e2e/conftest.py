"""The buyer of the e2e gate: logs in once and carries the token, which is never journalled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Secret, pick

if TYPE_CHECKING:
    from pytest_paygate import Answer, Api, Charge, Money, Run


class Buyer:
    """The marketplace as its buyer sees it. Every call needs `login` first."""

    def __init__(self, api: Api, run: Run) -> None:
        self._api = api
        self._run = run
        self._token: Secret | None = None

    async def login(self) -> Answer:
        """Exchange e-mail and password for a token and keep it; the answer comes back whatever its status."""
        credentials = {"email": self._run.value("buyer_email"), "password": self._run.secret("buyer_password")}
        answer = await self._api.post("/auth/login", json=credentials)
        if answer.status == 200:
            self._token = Secret(pick(answer.data, "access_token", str), "login")
        return answer

    async def get(self, path: str) -> Answer:
        """Read as the buyer."""
        return await self._api.get(path, bearer=self._bearer())

    async def order(self, product_id: str, *, price: Money, idempotency_key: str) -> Answer:
        """Buy one product: the one request of a run that can lead to a charge."""
        return await self._api.post(
            "/orders",
            json={"product_id": product_id},
            headers={"Idempotency-Key": idempotency_key},
            bearer=self._bearer(),
            charge=price,
        )

    async def refund(self, order_id: str, charge: Charge | None = None) -> Answer:
        """Ask for the money of an order back; `charge` is what the ledger shows of it, None when that is not known."""
        return await self._api.post(
            f"/orders/{order_id}/refund",
            json={"reason": "requested_by_customer"},
            bearer=self._bearer(),
            once=True,
            refund=charge,
        )

    def _bearer(self) -> Secret:
        if self._token is None:
            self._run.fail("the buyer's session", observed="no token", expected="a token from row login")
        return self._token


@pytest.fixture(scope="session")
def buyers() -> dict[str, Buyer]:
    """The buyer of each run, so that the token outlives its row."""
    return {}


@pytest.fixture
def buyer(api: Api, run: Run, buyers: dict[str, Buyer]) -> Buyer:
    """The buyer of this run."""
    return buyers.setdefault(run.run_id, Buyer(api, run))
