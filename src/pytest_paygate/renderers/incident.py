"""The incident file: written when money is outstanding and a person must act. Everything needed is on one page.

Pure: the folded run in, Markdown out. Names ids, amounts, times, what was tried, and the exact command to do it by
hand; keys stand in it as the name of a variable, never as a value.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_paygate.core.inert import inert
from pytest_paygate.core.money import Money
from pytest_paygate.renderers.templating import escape_markdown

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
        f"Environment {_text(started.environment)} ({started.mode}), gate {_gate_id(state)}.",
        f"Target {_text(started.target)}.",
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
            f"- charge {_code(charge.charge_id)} (payment {_code(charge.payment_id)}) at {_text(charge.provider)}: "
            f"{left} of {charge.amount}, charged {_text(charge.created) or 'at a time that is not known'}"
        )
    lines += [
        f"- payment {_code(one.payment_id)} at {_text(one.provider)} can still be paid ({_text(one.status)})"
        for one in exposure.payable
    ]
    if not unrefunded and not exposure.payable:
        lines.append("- not known: the purchase was sent, and the provider's ledger could not be read to the end")
    lines += ["", "## Why", ""]
    lines += [f"- {_text(one.amount)} of {_text(one.charge)}: {_text(one.reason)}" for one in state.escalated] or [
        "- the run ended before it was settled"
    ]
    lines += ["", "## What was tried", ""]
    tried = [line for charge in exposure.charges.values() for line in _tried(charge)]
    lines += tried or ["- nothing yet"]
    lines += ["", "## What to do now", "", *_by_hand(state)]
    return "\n".join(lines) + "\n"


def _tried(charge: ChargeState) -> list[str]:
    lines = [f"- {_code(charge.charge_id)}: refund asked for through the {_text(via)}" for via in charge.asked]
    lines += [f"- {_code(charge.charge_id)}: refused by the {_text(reason)}" for reason in charge.refused]
    for refund in charge.refunds.values():
        why = f" ({_text(refund.failure_reason)})" if refund.failure_reason else ""
        posted = f", posted {_text(refund.posted)}" if refund.posted else ", not posted"
        lines.append(
            f"- {_code(charge.charge_id)}: refund {_code(refund.refund_id)} of {refund.amount} is "
            f"{_text(refund.status)}{why}, created {_text(refund.created) or 'at a time that is not known'}{posted}"
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
            f'-d {_argument("charge=" + charge.charge_id)} -d amount={left} -d "metadata[trace_id]={_trace(state)}"'
        )
    lines += [
        f"# close payment {inert(payment.payment_id)} in the dashboard of {inert(payment.provider)}"
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


def _text(value: object) -> str:
    return str(escape_markdown(value))


def _code(value: str) -> str:
    """An id as code: one line, and no mark that would end it."""
    return f"`{inert(value).replace('`', ' ')}`"


def _argument(value: str) -> str:
    """An argument that a person will paste into a shell: quoted unless it is as plain as every real id."""
    return shlex.quote(inert(value))


def _trace(state: RunState) -> str:
    return state.started.trace_id if state.started is not None else ""


def _gate_id(state: RunState) -> str:
    return state.gate.id if state.gate is not None else "unknown"
