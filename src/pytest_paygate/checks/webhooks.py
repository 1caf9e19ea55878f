"""Whether the target's webhook handler believes its provider and nobody else; probed from outside."""

from __future__ import annotations

from pytest_paygate.checks.check import Finding, check


@check("A webhook without a signature is refused")
def unsigned_refused(status: int) -> Finding | None:
    """`status` is what it was answered with."""
    return _refused("the status of a webhook without a signature", status)


@check("A webhook with a wrong signature is refused")
def forged_refused(status: int, signature: str = "a wrong signature") -> Finding | None:
    """`status` is what it was answered with, `signature` which wrong one it had."""
    return _refused(f"the status of a webhook with {signature}", status)


@check("A webhook that was signed long ago is refused, however right its signature is")
def stale_refused(status: int) -> Finding | None:
    """`status` is what a rightly signed webhook of an hour ago was answered with."""
    if 400 <= status < 500:
        return None
    return Finding(
        "the status of a webhook that was rightly signed an hour ago",
        str(status),
        "4xx",
        "Have the handler compare the signature's time with its clock: who once saw an event can send it for ever.",
    )


def _refused(what: str, status: int) -> Finding | None:
    if 400 <= status < 500:
        return None
    return Finding(
        what, str(status), "4xx", "Have the handler verify the signature of the raw body before anything else."
    )
