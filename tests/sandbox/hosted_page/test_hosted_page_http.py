"""The payment page by plain HTTP: what it shows, what it takes, what it refuses."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.hosted_page import PageState

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Ada Lovelace"}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7 * 7 }}'


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, dict(attrs)))

    def attribute(self, tag: str, name: str) -> str | None:
        """The first value of an attribute on a kind of tag."""
        return next(values[name] for found, values in self.tags if found == tag and name in values)


def state_of(response: httpx.Response) -> str | None:
    """The state the page declares."""
    return Elements(response.text).attribute("main", "data-state")


def token_of(response: httpx.Response) -> str:
    """The form token of a page."""
    found = re.search(r'name="form_token" value="([^"]+)"', response.text)
    assert found, response.text
    return found[1]


async def pay(client: httpx.AsyncClient, fields: dict[str, str], path: str = "/pay/one") -> httpx.Response:
    """Open the page and submit its form."""
    token = token_of(await client.get(path))
    return await client.post(path, data={"form_token": token} | fields)


async def test_page_shows_what_is_bought(client: httpx.AsyncClient) -> None:
    """Merchant, description and amount are there for people, and the amount in minor units for programs."""
    response = await client.get("/pay/one")
    elements = Elements(response.text)
    assert (response.status_code, state_of(response)) == (200, "open")
    assert elements.attribute("p", "data-amount-minor") == "500"
    assert elements.attribute("p", "data-currency") == "EUR"
    for text in (
        "EUR 5.00",
        "Paygate Market",
        "Commercial licence: Aurora",
        "no real money; use the published test cards",
    ):
        assert text in response.text


async def test_rehearsal_says_so(client: httpx.AsyncClient, shop: Any) -> None:
    """A rehearsal page carries its own banner and never the sandbox's."""
    shop.checkouts["one"] = replace(shop.checkouts["one"], livemode=True)
    text = (await client.get("/pay/one")).text
    assert "REHEARSAL: no funds" in text
    assert "SANDBOX" not in text


async def test_fields_are_labelled_and_autocompleted(client: httpx.AsyncClient) -> None:
    """Each card field has a label bound to it and the standard autocomplete token."""
    elements = Elements((await client.get("/pay/one")).text)
    labels = {values["for"] for tag, values in elements.tags if tag == "label"}
    fields = {
        values["autocomplete"]: values["id"] for tag, values in elements.tags if tag == "input" and "id" in values
    }
    assert set(fields) == {"cc-number", "cc-exp", "cc-csc", "cc-name"}
    assert set(fields.values()) == labels


async def test_policy_allows_only_the_page_s_own_style(client: httpx.AsyncClient) -> None:
    """The policy forbids scripts, frames and foreign forms, and its hash is that of the style on the page."""
    response = await client.get("/pay/one")
    policy = response.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' ")
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in response.text
    assert " style=" not in response.text


@pytest.mark.parametrize("path", ["/pay/one", "/pay/unknown", "/3ds/one", "/3ds/unknown"])
async def test_every_answer_is_closed(client: httpx.AsyncClient, path: str) -> None:
    """No page may be cached, framed, or leak its address; error pages included."""
    for response in (await client.get(path), await client.post(path, content=b"\xff")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_payment_succeeds(client: httpx.AsyncClient, shop: Any) -> None:
    """A good card is charged once, and without a return address the page itself says so, then and later."""
    first = await pay(client, GOOD)
    later = await client.get("/pay/one")
    assert (state_of(first), state_of(later)) == ("paid", "paid")
    assert shop.charges == [("one", "4242")]


async def test_return_address_is_followed_after_payment(client: httpx.AsyncClient, shop: Any) -> None:
    """With a return address the browser goes back to the shop, by GET."""
    shop.checkouts["one"] = replace(shop.checkouts["one"], return_url=f"{shop.base}/thanks?order=1")
    response = await pay(client, GOOD)
    assert (response.status_code, response.headers["location"]) == (303, f"{shop.base}/thanks?order=1")


async def test_foreign_return_address_is_left_to_by_the_page(client: httpx.AsyncClient, shop: Any) -> None:
    """Away from loopback the page moves on by itself, since its policy stops a redirect of the form."""
    shop.checkouts["one"] = replace(shop.checkouts["one"], return_url="https://shop.example/thanks?a=1&b=2")
    response = await pay(client, GOOD)
    elements = Elements(response.text)
    assert (response.status_code, state_of(response)) == (200, "paid")
    assert elements.attribute("a", "href") == "https://shop.example/thanks?a=1&b=2"
    assert ("meta", {"http-equiv": "refresh", "content": "0;url=https://shop.example/thanks?a=1&b=2"}) in elements.tags


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "javascript://shop.example/%0Aalert(1)",
        "ftp://shop.example/",
        "data:text/html,x",
        "//shop.example",
        "http://",
        "http://a b/",
        "http://[::1",
    ],
)
async def test_return_address_that_runs_is_never_used(client: httpx.AsyncClient, shop: Any, url: str) -> None:
    """A return or cancel address that is not plain http or https is neither linked to nor followed."""
    shop.checkouts["one"] = replace(shop.checkouts["one"], return_url=url, cancel_url=url)
    before = await client.get("/pay/one")
    after = await pay(client, GOOD)
    later = await client.get("/pay/one")
    assert "location" not in after.headers
    for response in (before, after, later):
        assert "href" not in {name for _, values in Elements(response.text).tags for name in values}


async def test_decline_keeps_name_and_expiry_only(client: httpx.AsyncClient, shop: Any) -> None:
    """A decline is announced, nothing is charged, and number and code have to be typed again."""
    response = await pay(client, GOOD | {"number": "4000000000000002", "cvc": "987"})
    elements = Elements(response.text)
    values = {v["autocomplete"]: v.get("value") for tag, v in elements.tags if tag == "input" and "id" in v}
    assert state_of(response) == "declined"
    assert re.search(r'role="alert"[^>]*><p class="alert">Your card was declined\.</p>', response.text)
    assert values == {"cc-number": None, "cc-exp": "12 / 34", "cc-csc": None, "cc-name": "Ada Lovelace"}
    assert "4000000000000002" not in response.text
    assert not re.search(r"\b987\b", response.text)
    assert shop.charges == []


async def test_second_card_pays_after_a_decline(client: httpx.AsyncClient, shop: Any) -> None:
    """The page shown after a decline is itself good for another try."""
    declined = await pay(client, GOOD | {"number": "4000000000000002"})
    paid = await client.post("/pay/one", data={"form_token": token_of(declined)} | GOOD)
    assert state_of(paid) == "paid"
    assert shop.charges == [("one", "4242")]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("number", "4242424242424241", "Your card number is invalid."),
        ("number", "", "Your card number is invalid."),
        ("number", "\u0664" * 16, "Your card number is invalid."),
        ("number", "4242" * 200, "Your card number is invalid."),
        ("expiry", "13/34", "expiration date is invalid"),
        ("expiry", "soon", "expiration date is invalid"),
        ("cvc", "12", "security code is invalid"),
        ("cvc", "12a", "security code is invalid"),
    ],
)
async def test_unusable_field_is_named(
    client: httpx.AsyncClient, shop: Any, field: str, value: str, message: str
) -> None:
    """A field that cannot be right is refused on the page, marked, and never reaches the provider."""
    response = await pay(client, GOOD | {field: value})
    marked = [v["id"] for tag, v in Elements(response.text).tags if tag == "input" and v.get("aria-invalid") == "true"]
    assert (response.status_code, state_of(response), marked) == (422, "declined", [field])
    assert message in response.text.replace("&#39;", "'")
    assert shop.charges == []


@pytest.mark.parametrize("expiry", ["12/34", "12 / 34", "1234", "12/2034", " 12-34 "])
async def test_common_ways_to_write_an_expiry_are_read(client: httpx.AsyncClient, shop: Any, expiry: str) -> None:
    """People and browsers write the expiry in several ways."""
    await pay(client, GOOD | {"expiry": expiry})
    assert shop.charges == [("one", "4242")]


async def test_hostile_text_is_escaped_everywhere(client: httpx.AsyncClient, shop: Any) -> None:
    """Description, merchant, name and messages are text, whatever they contain, on every page they appear on."""
    shop.checkouts["one"] = replace(
        shop.checkouts["one"], description=HOSTILE, merchant=HOSTILE, currency='E"<b', notice=HOSTILE
    )
    pages = [
        await client.get("/pay/one"),
        await client.get("/3ds/one"),
        await pay(client, GOOD | {"name": HOSTILE, "expiry": '"><b>', "number": "1"}),
        await pay(client, GOOD | {"name": HOSTILE}),
    ]
    for response in pages:
        tags = {tag for tag, _ in Elements(response.text).tags}
        assert not tags & {"script", "img", "b"}
        assert "&lt;script&gt;" in response.text
        assert "{{ 7 * 7 }}" in response.text


async def test_form_counts_once(client: httpx.AsyncClient, shop: Any) -> None:
    """A form submitted twice, as by a double click, charges once."""
    token = token_of(await client.get("/pay/one"))
    fields = {"form_token": token} | GOOD | {"number": "4000000000000002"}
    assert (await client.post("/pay/one", data=fields)).status_code == 402
    again = await client.post("/pay/one", data=fields | {"number": GOOD["number"]})
    assert again.status_code == 403
    assert "Nothing was charged" in again.text
    assert shop.charges == []


async def test_form_of_another_browser_is_refused(client: httpx.AsyncClient, shop: Any) -> None:
    """A token is good only with the cookie it was issued to: a forged cross-site form charges nothing."""
    token = token_of(await client.get("/pay/one"))
    for cookie in (None, "x" * 43, "\u00e9"):
        headers = {"cookie": f"paygate_checkout={cookie}".encode()} if cookie else {}
        async with httpx.AsyncClient(base_url=shop.base, trust_env=False) as stranger:
            response = await stranger.post("/pay/one", data={"form_token": token} | GOOD, headers=headers)
        assert response.status_code == 403
        token = token_of(await client.get("/pay/one"))
    assert shop.charges == []


async def test_form_of_another_checkout_is_refused(client: httpx.AsyncClient, shop: Any) -> None:
    """A token pays only the checkout it was shown for."""
    shop.checkouts["two"] = shop.checkouts["one"]
    token = token_of(await client.get("/pay/two"))
    response = await client.post("/pay/one", data={"form_token": token} | GOOD)
    assert (response.status_code, shop.charges) == (403, [])


async def test_cross_site_submission_is_refused(client: httpx.AsyncClient, shop: Any) -> None:
    """A browser that says the form came from another site is not believed."""
    token = token_of(await client.get("/pay/one"))
    response = await client.post(
        "/pay/one", data={"form_token": token} | GOOD, headers={"sec-fetch-site": "cross-site"}
    )
    assert (response.status_code, shop.charges) == (403, [])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"a=%ff%fe", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(500)), "application/x-www-form-urlencoded"),
    ],
)
async def test_malformed_form_is_refused_as_a_page(
    client: httpx.AsyncClient, shop: Any, body: bytes, content_type: str
) -> None:
    """Whatever is sent, the answer is a page that says nothing was charged, not a crash."""
    response = await client.post("/pay/one", content=body, headers={"content-type": content_type})
    assert response.status_code == 400
    assert "Nothing was charged" in response.text
    assert shop.charges == []


@pytest.mark.parametrize(
    ("state", "declared", "status"),
    [(PageState.PAID, "paid", 200), (PageState.EXPIRED, "expired", 410), (PageState.PROCESSING, "processing", 200)],
)
async def test_settled_checkout_takes_no_card(
    client: httpx.AsyncClient, shop: Any, state: PageState, declared: str, status: int
) -> None:
    """A checkout that is paid, over or under way shows no form and charges nothing, even to an old form."""
    token = token_of(await client.get("/pay/one"))
    shop.checkouts["one"] = replace(shop.checkouts["one"], state=state)
    shown = await client.get("/pay/one")
    sent = await client.post("/pay/one", data={"form_token": token} | GOOD)
    for response in (shown, sent):
        assert (response.status_code, state_of(response)) == (status, declared)
        assert "<form" not in response.text
    assert shop.charges == []


async def test_unknown_checkout_is_not_found(client: httpx.AsyncClient) -> None:
    """An id nobody issued shows a page, not a trace."""
    response = await client.get("/pay/nobody")
    assert (response.status_code, state_of(response)) == (404, "expired")


async def test_card_never_reaches_log_or_page_when_the_provider_breaks(
    client: httpx.AsyncClient, shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """If the provider fails with the card in hand, the person is warned and neither number nor code is written."""
    shop.breaks = True
    with caplog.at_level(logging.DEBUG):
        response = await pay(client, GOOD | {"cvc": "987"})
    assert (response.status_code, state_of(response)) == (500, "processing")
    assert "Do not pay again before you have checked" in response.text
    written = response.text + caplog.text
    assert "4242424242424242" not in written
    assert not re.search(r"\b987\b", written.replace(shop.base, ""))
