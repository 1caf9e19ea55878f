"""How a provider says no: the refusals every provider shares. Pure.

A provider's own message never enters a text: it may quote what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_paygate.core.errors import NOTHING_MOVED, ProviderError, Refusal
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json

if TYPE_CHECKING:
    from pytest_paygate.core.ports import Capability

UNKNOWN: Final = (
    "Unknown: the call may have been carried out. Look it up at the provider before anything is sent again."
)
_IN_PROGRESS: Final = 409
_SERVER_ERROR: Final = 500
_NEXT: Final = {
    401: "Check the key of this provider in paygate.toml: it is wrong, revoked, or of another account.",
    403: "Give the key the permission this call needs, or use one that has it.",
    404: "Check the id and the mode: an object of the other mode is not found either.",
    429: "Wait: the provider limits how often it may be asked.",
}


def refused(  # noqa: PLR0913 - what a refusal is made of
    provider: str, action: str, *, status: int, code: str, request_id: str, moves_money: bool
) -> ProviderError:
    """The provider answered, and not as asked.

    Args:
        provider: its name.
        action: what was asked, as an infinitive such as `read payment pi_1`.
        status: HTTP status.
        code: the provider's error code; dropped when it is not a plain word.
        request_id: the provider's id of the call; dropped when it is not an id.
        moves_money: the call was a refund or a cancellation rather than a read.
    """
    code = _plain(FactKind.WORD, code)
    request_id = _plain(FactKind.IDENTIFIER, request_id)
    # A definite refusal moves nothing. A conflict means that the same call is under way; a 5xx means anything.
    unclear = moves_money and (status >= _SERVER_ERROR or status == _IN_PROGRESS or not status)
    observed = f"status {status}" + (f", {code}" if code else "") + (f", request {request_id}" if request_id else "")
    fallback = "Look the request up in the provider's dashboard; nothing here repeats a call that moves money."
    return ProviderError(
        Refusal(
            refused=f"{provider}: it was refused to {_shown(action)}",
            expected="a successful answer",
            observed=observed,
            money=UNKNOWN if unclear else NOTHING_MOVED,
            next_step=_NEXT.get(status, fallback),
        ),
        status=status,
        code=code,
        request_id=request_id,
    )


def too_slow(provider: str, action: str, *, deadline_seconds: float, moves_money: bool) -> ProviderError:
    """The call as a whole, pages and repeated reads included, did not end in time."""
    return ProviderError(
        Refusal(
            refused=f"{provider}: it took too long to {_shown(action)}",
            expected=f"an answer within {deadline_seconds:g} s, pages and repeated reads included",
            observed="none",
            money=UNKNOWN if moves_money else NOTHING_MOVED,
            next_step="See the provider's status page; read again later.",
        )
    )


def odd_answer(provider: str, action: str, field: str, *, moves_money: bool) -> ProviderError:
    """The provider answered with success, but a field is missing or of another shape than it documents."""
    return ProviderError(
        Refusal(
            refused=f"{provider}: the answer cannot be used to {_shown(action)}",
            expected=f"the field {field} as the provider documents it",
            observed="missing, or of another shape",
            money=UNKNOWN if moves_money else NOTHING_MOVED,
            next_step="Compare the provider's release notes; this project may need an update.",
        )
    )


def lacking(provider: str, capability: Capability) -> ProviderError:
    """The provider cannot do this at all."""
    return ProviderError(
        Refusal(
            refused=f"{provider}: it has no {capability}",
            expected="a provider with this capability",
            observed="one without it",
            money=NOTHING_MOVED,
            next_step="Ask the processor behind it, or let a person look it up and sign it off.",
        )
    )


def _shown(action: str) -> str:
    """An action names ids that came from outside: it is shown only when it is plain."""
    return _plain(FactKind.WORD, action) or "carry out the call"


def _plain(kind: FactKind, text: str) -> str:
    try:
        return str(to_json(kind, text))
    except FactShapeError:
        return ""
