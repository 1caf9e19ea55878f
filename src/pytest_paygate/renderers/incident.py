"""The incident file: written when money is outstanding and a person must act. Everything needed is on one page.

Pure: the folded run in, Markdown out. Names ids, amounts, times, what was tried, and the exact command to do it by
hand; keys stand in it as the name of a variable, never as a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.run import RunState

NAME = "incident.md"


def is_needed(state: RunState) -> bool:
    """Whether money or a link of this run may be outstanding."""
    if state.exposure.settled is not None:
        return False
    return bool(state.escalated) or (state.is_guarded and state.exposure.is_open)


def incident(state: RunState) -> str:
    """The file.

    Args:
        state: the run, folded from its whole journal.
    """
    started = state.started
    if started is None:
        raise ValueError("a run that never started has no incident")
    exposure = state.exposure
    lines = [
        f"# Money is outstanding: run {started.run_id}",
        "",
        f"Environment {started.environment} ({started.mode}), target {started.target}, gate {_gate_id(state)}.",
        f"Trace id `{started.trace_id}`: every charge and payment of this run carries it in its metadata.",
        f"Began {state.started_at}; last journal line {state.ended_at}.",
        "",
        "## What is open",
        "",
    ]
    unrefunded = exposure.unrefunded
    for charge in unrefunded:
        left = Money(charge.amount.minor - charge.refunded_minor, charge.amount.currency)
        lines.append(
            f"- charge `{charge.charge_id}` (payment `{charge.payment_id}`) at {charge.provider}: {left} of "
            f"{charge.amount}, charged {charge.created or 'at a time that is not known'}"
        )
    lines += [
        f"- payment `{payment.payment_id}` at {payment.provider} can still be paid ({payment.status})"
        for payment in exposure.payable
    ]
    if not unrefunded and not exposure.payable:
        lines.append("- not known: the purchase was sent, and the provider's ledger could not be read to the end")
    lines += ["", "## Why", ""]
    lines += [f"- {one.amount} of {one.charge}: {one.reason}" for one in state.escalated] or [
        "- the run ended before it was settled"
    ]
    lines += ["", "## What was tried", ""]
    tried = [line for charge in exposure.charges.values() for line in _tried(charge)]
    lines += tried or ["- nothing yet"]
    lines += ["", "## What to do now", "", *_by_hand(state)]
    return "\n".join(lines) + "\n"


def _tried(charge: ChargeState) -> list[str]:
    lines = [f"- `{charge.charge_id}`: refund asked for through the {via}" for via in charge.asked]
    lines += [f"- `{charge.charge_id}`: refused by the {reason}" for reason in charge.refused]
    for refund in charge.refunds.values():
        why = f" ({refund.failure_reason})" if refund.failure_reason else ""
        posted = f", posted {refund.posted}" if refund.posted else ", not posted"
        lines.append(
            f"- `{charge.charge_id}`: refund `{refund.refund_id}` of {refund.amount} is {refund.status}{why}, "
            f"created {refund.created or 'at a time that is not known'}{posted}"
        )
    return lines


def _by_hand(state: RunState) -> list[str]:
    started = state.started
    environment = "" if started is None else started.environment
    lines = [
        "1. The engineer on call and the owner of the provider account act now; no live run starts until then.",
        f"2. Let the tool try again: `paygate recover --env {environment}`. It never buys, and may be repeated.",
        "3. If that does not help, give it back by hand. The key is the account's live key, in `$PROVIDER_KEY`:",
        "",
        "```console",
    ]
    for charge in state.exposure.unrefunded:
        left = charge.amount.minor - charge.refunded_minor
        lines.append(
            '$ curl https://api.stripe.com/v1/refunds -u "$PROVIDER_KEY:" '
            f'-d charge={charge.charge_id} -d amount={left} -d "metadata[trace_id]={_trace(state)}"'
        )
    lines += [
        f"# close payment {payment.payment_id} in the dashboard of {payment.provider}"
        for payment in state.exposure.payable
    ]
    if not state.exposure.unrefunded and not state.exposure.payable:
        lines.append(f"$ paygate orphans --env {environment} --since 72h")
    lines += [
        "```",
        "",
        f"4. Look at what the provider shows then: `paygate orphans --env {environment} --since 72h`.",
    ]
    return lines


def _trace(state: RunState) -> str:
    return state.started.trace_id if state.started is not None else ""


def _gate_id(state: RunState) -> str:
    return state.gate.id if state.gate is not None else "unknown"
