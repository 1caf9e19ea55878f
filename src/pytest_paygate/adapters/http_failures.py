"""The ways an exchange can end without a usable answer, each with its refusal.

Pure. A word here says what was seen, never what the other side did: only the failures marked unsent prove that nothing
was carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pytest_paygate.adapters.answers import money_sentence
from pytest_paygate.core.errors import Refusal, TargetError


class Failure(StrEnum):
    """The word the journal keeps."""

    CONNECT_ERROR = "connect_error"
    CONNECT_TIMEOUT = "connect_timeout"
    NAME_NOT_RESOLVED = "name_not_resolved"
    TLS_ERROR = "tls_error"
    TIMEOUT_BEFORE_ANSWER = "timeout_before_answer"
    TIMEOUT_IN_BODY = "timeout_in_body"
    RESET = "reset"
    CUT_SHORT = "cut_short"
    BODY_TOO_LARGE = "body_too_large"
    BAD_ENCODING = "bad_encoding"
    UNKNOWN_ENCODING = "unknown_encoding"
    REDIRECT_REFUSED = "redirect_refused"
    TRANSPORT_ERROR = "transport_error"
    BAD_JSON = "bad_json"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _Words:
    observed: str
    next_step: str
    unsent: bool = False


_START = "Check that the target is running and that base_url in paygate.toml is right."
_SLOW = "See why the target is slow; its own log has the request under the trace id."
_BROKE = "See the target's log for this trace id: it, or a proxy before it, ended the connection."
_SIZE = "See what answers at this address; the answers of an API are far smaller."
_WORDS = MappingProxyType(
    {
        Failure.CONNECT_ERROR: _Words("nothing accepts connections there", _START, unsent=True),
        Failure.CONNECT_TIMEOUT: _Words("no connection within the deadline", _START, unsent=True),
        Failure.NAME_NOT_RESOLVED: _Words("the host name does not resolve", _START, unsent=True),
        Failure.TLS_ERROR: _Words(
            "the TLS handshake failed: wrong host name, expired or unknown certificate, or no TLS there",
            "Check the certificate and base_url; for a private authority set ca_file.",
            unsent=True,
        ),
        Failure.TIMEOUT_BEFORE_ANSWER: _Words("no answer within the deadline", _SLOW),
        Failure.TIMEOUT_IN_BODY: _Words("the answer began and did not end within the deadline", _SLOW),
        Failure.RESET: _Words("the connection ended before an answer", _BROKE),
        Failure.CUT_SHORT: _Words("the answer began and broke off", _BROKE),
        Failure.BODY_TOO_LARGE: _Words("more than that", _SIZE),
        Failure.BAD_ENCODING: _Words("a compressed body that does not decompress", _SIZE),
        Failure.UNKNOWN_ENCODING: _Words("a body in a compression nobody asked for", _SIZE),
        Failure.REDIRECT_REFUSED: _Words(
            "a redirect to another origin, of a request that is not a read, or one too many",
            "Set base_url to the address that answers itself, and check nobody intercepts the connection.",
        ),
        Failure.TRANSPORT_ERROR: _Words("the connection failed", _BROKE),
    }
)


def target_error(  # noqa: PLR0913 - what a refusal is made of
    failure: Failure, *, party: str, method: str, path: str, deadline_seconds: float, body_bytes_max: int
) -> TargetError:
    """Build the refusal of a failed exchange; `path` has passed redaction."""
    words = _WORDS[failure]
    return TargetError(
        Refusal(
            refused=f"{party}: {method} {path} brought no usable answer ({failure})",
            expected=f"an answer of at most {body_bytes_max} bytes within {deadline_seconds:g} s, without redirect",
            observed=words.observed,
            money=money_sentence(method, sent=not words.unsent),
            next_step=words.next_step,
        ),
        failure=failure.value,
        unsent=words.unsent,
    )
