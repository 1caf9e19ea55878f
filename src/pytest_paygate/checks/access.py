"""Whether only the buyer can read, refund and log in; tried with no token, a wrong one, and a wrong password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check

if TYPE_CHECKING:
    from collections.abc import Sequence


@check("Orders and licences are told to nobody without the buyer's token")
def nothing_told_to_others(answers: Sequence[tuple[str, int]]) -> Finding | None:
    """`answers` are what was asked without the buyer's token, such as `GET /orders/:id with no token`, and how."""
    for asked, status in answers:
        if not 400 <= status < 500:
            return Finding(
                f"the status of {asked}",
                str(status),
                "401, 403 or 404",
                "Have every route of orders and licences verify the token, and look for the buyer's own rows only.",
            )
    return None


@check("A refund is taken from nobody without the buyer's token")
def refund_needs_token(status: int) -> Finding | None:
    """`status` is what a refund without a token was answered with; a 409 says that it was looked into."""
    if status in _REFUSED:
        return None
    return Finding(
        "the status of a refund without a bearer token",
        str(status),
        "401, 403 or 404",
        "Whoever knows an order's id can refund it: have the route verify the token before it looks at the order.",
    )


@check("A wrong password does not log in")
def wrong_password_refused(status: int) -> Finding | None:
    """`status` is what a login with the buyer's e-mail and a random password was answered with."""
    if 400 <= status < 500:
        return None
    return Finding(
        "the status of a login with a wrong password",
        str(status),
        "401",
        "Everybody's orders are open: have the login compare the password with what is stored.",
    )


_REFUSED = frozenset({401, 403, 404})
