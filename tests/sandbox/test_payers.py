"""The unattended payers: they pay a real hosted page, say honestly what came of it, and never leak the card."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from pytest_paygate.adapters import payer_browser, payer_http
from pytest_paygate.adapters.payer import PayerError, PayerResult, PaymentUnclearError, TestCard
from pytest_paygate.adapters.payer_page import read_page
from pytest_paygate.sandbox.server import Sandbox

Pay = Callable[..., Awaitable[PayerResult]]

GOOD = "4242424242424242"
DECLINED = "4000000000000002"
CHALLENGED = "4000002760003184"

CARD_FORM = (
    '<main data-state="open"><form method="post" action="{action}"><input name="n" autocomplete="cc-number">'
    '<input name="t" type="hidden" value="token"><button type="submit">Pay</button></form></main>'
)


@pytest.fixture
def payment_url(sandbox: Sandbox) -> str:
    """The hosted page of a fresh order."""
    description = sandbox.description
    with httpx.Client(base_url=description.api_url, trust_env=False) as client:
        credentials = {"email": description.buyer_email, "password": description.buyer_password}
        token = client.post("/auth/login", json=credentials).json()["data"]["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        made = client.post("/orders", json={"product_id": description.test_product_id}, headers=headers)
        return str(made.json()["data"]["payment_url"])


class _Site(ThreadingHTTPServer):
    """A site of hand-made pages: path -> (status, headers, body); remembers what was sent to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.pages: dict[tuple[str, str], tuple[int, dict[str, str], str]] = {}
        # What the site shows once something has been sent to it.
        self.after: dict[tuple[str, str], dict[tuple[str, str], tuple[int, dict[str, str], str]]] = {}
        self.received: list[tuple[str, str, str]] = []

    def handle_error(self, *_arguments: object) -> None:
        """A payer that has left is no news."""

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Page(BaseHTTPRequestHandler):
    server: _Site

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.server.received.append((self.command, self.path, body))
        status, headers, text = self.server.pages.get((self.command, self.path), (404, {}, "<h1>nothing here</h1>"))
        self.server.pages.update(self.server.after.get((self.command, self.path), {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer  # noqa: N815 - the standard library's names

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def site() -> Iterator[_Site]:
    """A hostile or broken site on loopback."""
    with _Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pay(
    url: str, number: str = GOOD, *, by: Pay = payer_http.pay, timeout_seconds: float = 30.0, **card: bool
) -> PayerResult:
    """Pay one page and return what came of it."""

    async def run() -> PayerResult:
        return await by(url, card=TestCard(number, **card), timeout_seconds=timeout_seconds)

    return asyncio.run(run())


both = pytest.mark.parametrize("by", [payer_http.pay, payer_browser.pay], ids=["http", "browser"])


@both
def test_a_good_card_pays(payment_url: str, by: Pay) -> None:
    """The page ends paid; of the card only the last four digits come back."""
    result = pay(payment_url, by=by)
    assert (result.state, result.last4, result.brand) == ("paid", "4242", None)
    assert result.seconds > 0


@both
def test_a_declined_card_is_reported_in_the_pages_words(payment_url: str, by: Pay) -> None:
    """A decline is a result with the page's message, not an error."""
    result = pay(payment_url, DECLINED, by=by)
    assert (result.state, result.last4) == ("declined", "0002")
    assert "declined" in result.message.lower()


@both
def test_a_challenge_is_completed(payment_url: str, by: Pay) -> None:
    """3-D Secure is answered as the card says: completed."""
    assert pay(payment_url, CHALLENGED, by=by).state == "paid"


@both
def test_a_failed_challenge_is_a_decline(payment_url: str, by: Pay) -> None:
    """3-D Secure is answered as the card says: failed, and nothing is paid."""
    assert pay(payment_url, CHALLENGED, by=by, challenge=False).state == "declined"


@both
def test_a_page_already_paid_is_not_paid_again(payment_url: str, sandbox: Sandbox, by: Pay) -> None:
    """A second visit sees the paid page and sends no card."""
    pay(payment_url)
    charges = len([one for one in sandbox.ledger() if one["kind"] == "charge"])
    assert pay(payment_url, by=by).state == "paid"
    assert len([one for one in sandbox.ledger() if one["kind"] == "charge"]) == charges


def test_a_card_form_that_sends_elsewhere_gets_no_card(site: _Site) -> None:
    """The card goes to the payment page's own origin only."""
    site.pages["GET", "/pay"] = (200, {}, CARD_FORM.format(action="http://127.0.0.1:9/steal"))
    with pytest.raises(PayerError) as refused:
        pay(f"{site.url}/pay")
    assert str(refused.value) == (
        "The hosted payment page was not paid by the unattended payer.\n"
        "  expected  a hosted payment page that takes a card and says how the payment ended\n"
        f"  observed  the card form at {site.url}/pay sends to another origin, http://127.0.0.1:9/steal\n"
        "  money     No money moved.\n"
        "  next      Open the payment URL yourself, or choose another payer with --payer."
    )
    assert [method for method, _path, _body in site.received] == ["GET"]


def test_an_unclear_end_after_the_card_says_so(site: _Site) -> None:
    """Once the card is sent, a broken answer is never reported as not charged."""
    site.pages["GET", "/pay?secret=1"] = (200, {}, CARD_FORM.format(action="/pay"))
    site.pages["POST", "/pay"] = (502, {}, "<h1>bad gateway</h1>")
    with pytest.raises(PaymentUnclearError) as unclear:
        pay(f"{site.url}/pay?secret=1")
    assert unclear.value.refusal.observed == f"{site.url}/pay answered 502 and is not a hosted payment page"
    assert unclear.value.refusal.money == "The card was sent: it may have been charged."
    assert unclear.value.refusal.next_step == (
        "Look the payment up at the provider before anything else; do not pay again."
    )
    assert "secret" not in str(unclear.value)


def test_a_redirect_that_would_repeat_the_card_is_refused(site: _Site) -> None:
    """A 307 asks to send the form again somewhere else; the card is not sent on."""
    site.pages["GET", "/pay"] = (200, {}, CARD_FORM.format(action="/go"))
    site.pages["POST", "/go"] = (307, {"location": "/again"}, "")
    with pytest.raises(PaymentUnclearError, match="asks to send the form on with status 307"):
        pay(f"{site.url}/pay")
    assert [path for _method, path, _body in site.received] == ["/pay", "/go"]


@pytest.mark.parametrize(
    ("afterwards", "money"),
    [("paid", None), ("open", "The card was sent: it may have been charged.")],
)
def test_a_return_to_the_shop_is_judged_by_the_payment_page(site: _Site, afterwards: str, money: str | None) -> None:
    """Being sent back to the shop proves nothing: the payment page itself is asked what became of the payment."""
    shop = f"http://localhost:{site.server_address[1]}/thanks?status=succeeded"
    site.pages["GET", "/pay"] = (200, {}, CARD_FORM.format(action="/go"))
    site.pages["POST", "/go"] = (303, {"location": shop}, "")
    site.after["POST", "/go"] = {("GET", "/pay"): (200, {}, f'<main data-state="{afterwards}"></main>')}
    if money is None:
        assert pay(f"{site.url}/pay").state == "paid"
    else:
        with pytest.raises(PaymentUnclearError) as unclear:
            pay(f"{site.url}/pay")
        assert unclear.value.refusal.money == money
    assert [(method, path) for method, path, _body in site.received] == [
        ("GET", "/pay"),
        ("POST", "/go"),
        ("GET", "/pay"),
    ]


@both
def test_a_shop_on_another_port_of_this_machine_is_not_a_payment_page(site: _Site, by: Pay) -> None:
    """A success page of the shop's own, on the same host, is left for the payment page, which says what became of it."""
    with _Site() as shop:
        thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        site.pages["GET", "/pay"] = (200, {"content-type": "text/html"}, CARD_FORM.format(action="/go"))
        site.pages["POST", "/go"] = (303, {"location": f"{shop.url}/thanks"}, "")
        paid = (200, {"content-type": "text/html"}, '<main data-state="paid"></main>')
        site.after["POST", "/go"] = {("GET", "/pay"): paid}
        assert pay(f"{site.url}/pay", by=by).state == "paid"
        assert all("4242" not in body for _method, _path, body in shop.received)
        shop.shutdown()
        thread.join()


def test_a_payment_under_way_is_waited_for(site: _Site) -> None:
    """A page that says processing is looked at again until it has an end."""
    site.pages["GET", "/pay"] = (200, {}, CARD_FORM.format(action="/pay"))
    site.pages["POST", "/pay"] = (200, {}, '<main data-state="processing"></main>')
    site.after["POST", "/pay"] = {("GET", "/pay"): (200, {}, '<main data-state="paid"></main>')}
    assert pay(f"{site.url}/pay").state == "paid"


@pytest.mark.parametrize(
    ("page", "observed"),
    [
        ((200, {}, "<h1>Welcome</h1>"), "{url} answered 200 and is not a hosted payment page"),
        ((302, {"location": "/pay"}, ""), "the payment page redirects more than 12 times"),
        (
            (302, {"location": "http://elsewhere.invalid/"}, ""),
            "the payment page leads to another host, http://elsewhere.invalid/",
        ),
        ((200, {}, '<main data-state="open"></main>'), "the page at {url} declares state 'open' and has no card form"),
        (
            (200, {}, CARD_FORM.format(action="/pay").replace("post", "get")),
            "the form at {url} is sent by GET, not by POST",
        ),
    ],
    ids=["not a page", "redirect loop", "other host", "no form", "GET form"],
)
def test_a_page_that_cannot_be_paid_is_refused(
    site: _Site, page: tuple[int, dict[str, str], str], observed: str
) -> None:
    """Each refusal names what was seen."""
    site.pages["GET", "/pay"] = page
    with pytest.raises(PayerError) as refused:
        pay(f"{site.url}/pay")
    assert refused.value.refusal.observed == observed.format(url=f"{site.url}/pay")


@both
def test_an_unreachable_page_is_refused_before_any_card(by: Pay) -> None:
    """Nobody listening is not a decline, and nothing was sent."""
    with pytest.raises(PayerError) as refused:
        pay("http://127.0.0.1:9/pay", by=by)
    assert not isinstance(refused.value, PaymentUnclearError)
    assert refused.value.refusal.money == "No money moved."


def test_the_whole_visit_has_a_deadline(site: _Site) -> None:
    """A page that never answers ends the visit in time."""
    released = threading.Event()
    original = _Page._answer
    site.pages["GET", "/pay"] = (200, {}, "")

    def hang(page: _Page) -> None:
        released.wait(10)
        original(page)

    site.RequestHandlerClass = type("Hanging", (_Page,), {"do_GET": hang})
    with pytest.raises(PayerError) as refused:
        pay(f"{site.url}/pay", timeout_seconds=0.2)
    released.set()
    assert refused.value.refusal.observed == "the payment page did not finish within 0.2 s"


def test_no_browser_is_said_plainly() -> None:
    """Without Chromium the refusal lists what was looked for."""
    with pytest.raises(PayerError) as refused:
        payer_browser.find_browser("/nowhere")
    assert refused.value.refusal.observed == (
        "no browser: none of chromium, chromium-browser, google-chrome, google-chrome-stable, microsoft-edge, chrome"
        " is on PATH"
    )


def test_a_card_never_shows_its_number() -> None:
    """Neither repr nor str of a card holds number or CVC."""
    card = TestCard(GOOD, cvc="987")
    assert GOOD not in f"{card!r} {card}"
    assert "987" not in f"{card!r} {card}"


def test_a_page_is_read_by_its_hooks() -> None:
    """State, alert text, hidden fields, card fields by autocomplete token and buttons are found."""
    page = read_page(
        '<main data-state="declined"><div role="alert">Your <b>card</b><br> was declined.</div>'
        '<form method="POST" action="/p?x=1&amp;y=2"><input type="hidden" name="t" value="a&quot;b">'
        '<input name="holder" autocomplete="billing cc-name"><input name="n" autocomplete="cc-number">'
        '<button name="outcome" value="complete">OK</button><button type="button" name="no">x</button></form></main>'
    )
    (form,) = page.forms
    assert (page.state, page.alert) == ("declined", "Your card was declined.")
    assert (form.action, form.method, form.hidden) == ("/p?x=1&y=2", "post", {"t": 'a"b'})
    assert form.names_by_autocomplete == {"cc-name": "holder", "cc-number": "n"}
    assert form.buttons == [("outcome", "complete")]
