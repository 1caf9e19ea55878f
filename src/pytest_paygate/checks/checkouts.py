"""Whether a checkout is the one that was asked for, before anybody can pay it, as its provider tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.checks.check import Finding, check, same
from pytest_paygate.core.ports import Payment, PaymentStatus
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.hosted_page import Page
    from pytest_paygate.core.money import Money


@check("The target takes money in this run's mode, by its own word")
def target_mode(*, said: bool | None, livemode: bool) -> Finding | None:
    """`said` is what its status says; None where it does not say, which is no finding."""
    return same(
        "livemode as the target says it",
        observed=livemode if said is None else said,
        expected=livemode,
        next_step="Look at the keys the target was started with.",
    )


@check("The checkout is made at once")
def checkout_made(status: int) -> Finding | None:
    """`status` is what create-checkout answered; a 202 would promise one."""
    return same("the status of create-checkout", observed=status, expected=200)


@check("The target's answers carry the run's trace id")
def trace_returned(echo: str, trace_id: str, question: str) -> Finding | None:
    """`echo` is the trace id of the answer to the question, empty when it had none of our form."""
    return same(
        f"the trace id that came back from {question}",
        observed=echo or "none",
        expected=trace_id,
        next_step="Have the target, and every proxy before it, hand X-Trace-Id back unchanged.",
    )


@check("The target's answers hold no key, no token and no card number")
def answer_tells_no_secret(body: bytes) -> Finding | None:
    """`body` is searched for the shapes of such things; what is masked has none of them."""
    return same(
        "whether the answer holds something like a key, a token or a card number",
        observed=looks_secret(body.decode(errors="replace")),
        expected=False,
        next_step="Rotate what was a key, and have the target answer without it; the answer was not kept here.",
    )


@check("A price that the client names does not decide what its credits cost")
def clients_price_ignored(asked: Money | None, named: Money) -> Finding | None:
    """`asked` is what the provider asks for many times the plan's credits at the price of the plan; None: refused.

    `named` is the price of the plan, which the client has named for them.
    """
    if asked is None or asked.minor > named.minor:
        return None
    return Finding(
        "what many times the credits cost when the client names their price",
        asked,
        f"more than {named}, or no checkout",
        "Have the target take the price from its own catalogue: whoever can send a request buys at any price.",
    )


@check("The session that the target names belongs to the payment that it names")
def session_of_payment(payment_of_session: Payment, payment_id: str) -> Finding | None:
    """`payment_of_session` is what the provider has behind the session's id."""
    return same(
        "the payment behind the session",
        observed=payment_of_session.payment_id,
        expected=payment_id,
        next_step="Do not pay: the page may be somebody else's.",
    )


@check("The provider asks for the amount of the plan, in its currency")
def asks_for_plan(payment: Payment, amount: Money) -> Finding | None:
    """`payment` as the provider has it, before anybody can pay."""
    return same(
        "the amount the provider asks for",
        observed=payment.amount,
        expected=amount,
        next_step="Do not pay: the page asks for another amount than the plan.",
    )


@check("Nothing but our payment can be paid, or was paid, under the run's trace id")
def one_payable(payments: Sequence[Payment], payment_id: str) -> Finding | None:
    """`payments` are all of the run's trace id at the provider; what has come to its end unpaid is nobody's burden."""
    others = [one for one in payments if one.payment_id != payment_id and one.status not in _ENDED]
    return same(
        "what other payments under this trace id are paid or can be paid",
        observed=tuple(f"{one.payment_id} of {one.amount}" for one in others) or "none",
        expected="none",
        next_step="Close each of them at the provider, and refund what was paid: whoever has the page can pay it.",
    )


@check("The payment that can be paid is of this run's mode")
def payment_mode(payment: Payment, *, livemode: bool) -> Finding | None:
    """`payment` as the provider has it, before anybody can pay."""
    return same(
        "livemode of the payment",
        observed=payment.livemode,
        expected=livemode,
        next_step="Do not pay: the page belongs to the provider's other mode.",
    )


@check("The page that the buyer is sent to is the provider's own page of this payment")
def page_of_provider(url: str, page: Page | None) -> Finding | None:
    """`url` is what the target hands out. Query and fragment are its own; a provider that tells no page is silent."""
    there, own = _place(url), None if page is None else _place(page.url)
    if own is None or there == own:
        return None
    if there is None:
        seen = "no address"
    else:
        seen = f"another page at {there[1]}" if there[1] == own[1] else f"a page at {there[1]}"
    return Finding(
        "the address of the page to pay on",
        seen,
        f"the page of the provider at {own[1]}",
        "Do not pay: whoever answers at the other address would be told a card's number.",
    )


@check("The page sells for the plan's amount, and the payment does nothing but pay this account")
def page_sells_plan(payment: Payment, amount: Money) -> Finding | None:
    """`payment` as it was found by its page; what the provider does not tell of the page is no finding."""
    page = payment.page
    sells, asks = ("", None) if page is None else (page.sells, page.amount)
    return (
        same("what is done on the page", observed=sells or "payment", expected="payment", next_step=_DO_NOT_PAY)
        or same("the amount on the page", observed=asks or amount, expected=amount, next_step=_DO_NOT_PAY)
        or same(
            "what happens with the payment besides",
            observed=payment.besides or "nothing",
            expected="nothing",
            next_step=_DO_NOT_PAY,
        )
    )


def _place(url: str) -> tuple[str, str, str] | None:
    """Scheme, host with port, and path of an address; None for what names no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.lower(), parts.path.removesuffix("/")) if parts.netloc else None


_DO_NOT_PAY = "Do not pay: have the target ask the provider for one payment of the plan's amount, to its own account."
_ENDED = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED})
