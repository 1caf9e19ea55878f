"""The 3-D Secure page by plain HTTP: asked once, answered once, never forged."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox.hosted_page import PageState

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHALLENGED = {"number": "4000002760003184", "expiry": "12 / 34", "cvc": "123", "name": "Ada Lovelace"}


def state_of(response: httpx.Response) -> str:
    """The state the page declares."""
    found = re.search(r'<main data-state="([a-z]+)"', response.text)
    assert found, response.text
    return found[1]


def token_of(response: httpx.Response) -> str:
    """The form token of a page."""
    found = re.search(r'name="form_token" value="([^"]+)"', response.text)
    assert found, response.text
    return found[1]


@pytest.mark.parametrize(("choice", "state"), [("complete", "paid"), ("fail", "declined")])
async def test_challenge_ends_as_chosen(client: httpx.AsyncClient, shop: Any, choice: str, state: str) -> None:
    """A card that needs 3-D Secure leads to the challenge; completing pays, failing declines and can be tried again."""
    token = token_of(await client.get("/pay/one"))
    sent = await client.post("/pay/one", data={"form_token": token} | CHALLENGED)
    question = await client.get(sent.headers["location"])
    assert state_of(question) == "challenge"
    assert re.findall(r'<button type="submit" name="outcome" value="([a-z]+)"', question.text) == ["complete", "fail"]
    answered = await client.post(str(question.url), data={"form_token": token_of(question), "outcome": choice})
    final = await client.get(answered.headers["location"])
    assert state_of(final) == state
    assert len(shop.charges) == (1 if choice == "complete" else 0)


@pytest.mark.parametrize("fields", [{"outcome": "complete"}, {"outcome": "maybe"}, {}])
async def test_challenge_without_its_token_changes_nothing(
    client: httpx.AsyncClient, shop: Any, fields: dict[str, str]
) -> None:
    """Nobody completes a challenge with a forged form, and an unknown choice is asked again."""
    response = await client.post("/3ds/one", data={"form_token": "forged"} | fields)
    assert (response.status_code, state_of(response), shop.charges) == (403, "challenge", [])


@pytest.mark.parametrize(
    ("state", "declared", "status"), [(PageState.PAID, "paid", 200), (PageState.EXPIRED, "expired", 410)]
)
async def test_settled_challenge_is_not_asked(
    client: httpx.AsyncClient, shop: Any, state: PageState, declared: str, status: int
) -> None:
    """A challenge that has been answered shows its end, to an old form too."""
    token = token_of(await client.get("/3ds/one"))
    shop.checkouts["one"] = replace(shop.checkouts["one"], state=state)
    shown = await client.get("/3ds/one")
    sent = await client.post("/3ds/one", data={"form_token": token, "outcome": "complete"})
    for response in (shown, sent):
        assert (response.status_code, state_of(response)) == (status, declared)
    assert shop.charges == []


async def test_unknown_challenge_is_not_found(client: httpx.AsyncClient) -> None:
    """Asking about or answering a challenge nobody issued shows a page."""
    shown = await client.get("/3ds/nobody")
    sent = await client.post("/3ds/nobody", data={"outcome": "complete"})
    assert [shown.status_code, sent.status_code] == [404, 404]


async def test_breaking_challenge_warns(client: httpx.AsyncClient, shop: Any) -> None:
    """If the provider fails during the challenge, the person is told not to pay again blindly."""
    token = token_of(await client.get("/3ds/one"))
    shop.breaks = True
    response = await client.post("/3ds/one", data={"form_token": token, "outcome": "complete"})
    assert (response.status_code, state_of(response)) == (500, "processing")
    assert "Do not pay again before you have checked" in response.text


@pytest.mark.parametrize(("choice", "state", "status"), [("complete", "paid", 200), ("fail", "declined", 402)])
async def test_challenge_without_a_way_back_ends_on_its_own_page(
    client: httpx.AsyncClient, shop: Any, choice: str, state: str, status: int
) -> None:
    """With nowhere to return to, the outcome is told where the person is."""
    shop.returns = False
    token = token_of(await client.get("/3ds/one"))
    response = await client.post("/3ds/one", data={"form_token": token, "outcome": choice})
    assert (response.status_code, state_of(response)) == (status, state)


async def test_waiting_challenge_is_linked(client: httpx.AsyncClient, shop: Any) -> None:
    """A checkout whose challenge still waits leads to it instead of spinning."""
    target = f"{shop.base}/3ds/one"
    shop.checkouts["one"] = replace(shop.checkouts["one"], state=PageState.PROCESSING, continue_url=target)
    response = await client.get("/pay/one")
    assert (state_of(response), f'href="{target}"' in response.text) == ("processing", True)
    assert "http-equiv" not in response.text
