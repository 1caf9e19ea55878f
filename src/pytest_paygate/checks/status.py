"""Whether the target is the system we think it is, on every one of its replicas, and fit to sell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What tells one system or release from another, wherever an answer names it.
IDENTITY = ("environment", "build", "version", "commit", "account", "payments_account")


@check("The target answers its health question")
def healthy(status: int, word: str) -> Finding | None:
    """`word` is what it says of itself, empty where the status is no 200."""
    if status != 200:
        return same("the status of GET /health", observed=status, expected=200)
    return same("data.status of GET /health", observed=word, expected="ok")


@check("The target says that it is the environment of this run")
def environment_named(seen: str, expected: str) -> Finding | None:
    """`expected` follows from the run's mode."""
    return same(
        "the environment the target says it is",
        observed=seen,
        expected=expected,
        next_step="Point the environment in paygate.toml at the right target, or correct its mode.",
    )


@check("The payment processor is not disabled")
def processor_enabled(state: str) -> Finding | None:
    """`state` is what the target says of it."""
    if state in {"operational", "degraded"}:
        return None
    return Finding(
        "the state of Hyperswitch",
        state,
        "operational or degraded",
        "Enable Hyperswitch on the target; a purchase now would not be charged.",
    )


@check("Every replica of the target is the same release of the same system")
def replicas_agree(answers: Sequence[Mapping[str, object]]) -> Finding | None:
    """`answers` are status answers, asked one after the other over connections of their own."""
    seen = {tuple((name, str(one[name])) for name in IDENTITY if name in one) for one in answers}
    return same(
        f"how many different systems gave {len(answers)} answers",
        observed=len(seen),
        expected=1,
        next_step="Look for a replica with an older build, or one that belongs to another environment.",
    )
