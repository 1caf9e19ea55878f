"""Whether the target's own log tells the payment as it was: after it, once, to its end, and without a secret."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same
from pytest_paygate.core.leaks import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_paygate.core.secret import Secret


@check("The log says nothing of a payment before anybody has paid")
def log_waits_for_payment(early: int, event: str) -> Finding | None:
    """`early` counts the entries of the event before the payment: a log that says so early says nothing later."""
    return same(
        "entries of a payment before anybody has paid",
        observed=early,
        expected=0,
        next_step=f"Have the target write {event} after the commit of the payment, never with the checkout.",
    )


@check("The log tells the payment once")
def logged_once(count: int, event: str) -> Finding | None:
    """`count` is how many entries of the event carry the run's trace id."""
    return same(
        f"how often {event} is in the log",
        observed=count,
        expected=1,
        next_step="Two entries are two payments, or one that was handled twice: see what was granted.",
    )


@check("The log's last word on the payment is that it succeeded")
def log_ends_in_success(events: Sequence[str], success: str, failure: str) -> Finding | None:
    """`events` are all of the run's trace id, oldest first; a first try that failed may stand before."""
    words = [event for event in events if event in {success, failure}]
    if not words or words[-1] == success:
        return None
    return Finding(
        "the log's last word on the payment",
        words[-1],
        success,
        "The provider has charged what the target believes to have failed: see what the buyer was told and given.",
    )


@check("No log entry holds a key, a token or a card number")
def log_tells_no_secret(secrets_told: int) -> Finding | None:
    """`secrets_told` counts the entries of the run's trace id in which something has the shape of one."""
    return same(
        "how many log entries hold something like a key, a token or a card number",
        observed=secrets_told,
        expected=0,
        next_step="Take it out of the log, rotate what was a key, and have the target mask what it writes.",
    )


@check("No log entry holds one of the run's secrets")
def log_keeps_our_secrets(contents: Iterable[bytes], secrets: Iterable[Secret]) -> Finding | None:
    """`contents` are what the entries of the run's trace id say; `secrets` its keys, its password and its token."""
    scanner = Scanner(secrets)
    telling = [content for content in contents if scanner.scan(content)]
    return same(
        "how many log entries hold a password, a key or a token of this run",
        observed=len(telling),
        expected=0,
        next_step="Change that password or key, take it out of the log, and have the target mask what it writes.",
    )


@check("What a log entry tells of the payment is what was paid")
def entry_agrees(told: Mapping[str, str | int], paid: Mapping[str, str | int]) -> Finding | None:
    """`told` is what the entry tells by name, `paid` what is known; a name that the entry does not tell is silent."""
    for name, value in paid.items():
        if name in told and (found := same(f"{name} in the log entry", observed=told[name], expected=value)):
            return replace(found, next_step=_BOOKED)
    return None


@check("The log's last word on the refund is that all of it came back")
def refund_heard(events: Sequence[str], refunded: str, contrary: Sequence[str]) -> Finding | None:
    """`events` are all of the run's trace id, oldest first; `contrary` are the words for a refund that came to less."""
    words = [event for event in events if event == refunded or event in contrary]
    last = words[-1] if words else "none"
    return same(
        "the log's last word on the refund",
        observed=last,
        expected=refunded,
        next_step="The provider has given all of it back: see what the target has taken back from the buyer for it.",
    )


_BOOKED = "See what the target has booked, and for whom: the log tells another payment than the provider's ledger."
