"""Every error body the emulator answers with, worded as Stripe words them.

Owns type, code, param, HTTP status and whether the idempotency layer keeps the answer; decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Json


class StripeError(Exception):
    """One refusal.

    Args:
        status: HTTP status.
        kind: the error's `type`.
        message: what a person reads.
        code: machine-readable code, or None where Stripe gives none.
        param: the parameter at fault, in bracket notation.
        recorded: False for what the idempotency layer never keeps: failed validation, 401, 409 and 429.
        extra: further members such as `decline_code`, `charge`, `payment_intent`.

    """

    def __init__(  # noqa: PLR0913 - these are the members of one error body
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        recorded: bool = True,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.code = code
        self.param = param
        self.recorded = recorded
        self.extra = dict(extra or {})

    def detail(self) -> Json:
        """The error object, absent members left out."""
        detail: Json = {"message": self.message, "type": self.kind}
        if self.code is not None:
            detail["code"] = self.code
            detail["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            detail["param"] = self.param
        return {**detail, **{key: value for key, value in self.extra.items() if value is not None}}

    def body(self) -> Json:
        """The whole JSON answer."""
        return {"error": self.detail()}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A 400 found while validating: never kept by the idempotency layer."""
    return StripeError(400, "invalid_request_error", message, code=code, param=param, recorded=False)


def refused(message: str, *, code: str | None = None, param: str | None = None, **extra: object) -> StripeError:
    """A 400 found while executing: replayed to the same idempotency key."""
    return StripeError(400, "invalid_request_error", message, code=code, param=param, extra=extra)


def missing(param: str) -> StripeError:
    """A required parameter was not sent."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unknown(params: list[str]) -> StripeError:
    """Parameters the endpoint does not have."""
    plural = "s" if len(params) > 1 else ""
    return invalid(
        f"Received unknown parameter{plural}: {', '.join(params)}", param=params[0], code="parameter_unknown"
    )


def empty(param: str) -> StripeError:
    """An empty string for something that cannot be unset."""
    return invalid(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
        "non-empty value.",
        param=param,
        code="parameter_invalid_empty",
    )


def not_emulated(param: str) -> StripeError:
    """A parameter Stripe has and this sandbox has not: refused loudly instead of ignored silently."""
    return invalid(f"This sandbox does not emulate the parameter '{param}'.", param=param, code="parameter_unknown")


def no_such(object_name: str, object_id: str, *, param: str, status: int, other_mode: str | None) -> StripeError:
    """`resource_missing`: 404 for the id in the URL, 400 for an id in a parameter.

    `other_mode` is "test" or "live" when the id exists there.
    """
    message = f"No such {object_name}: '{object_id}'"
    if other_mode is not None:
        used = "live" if other_mode == "test" else "test"
        message += (
            f"; a similar object exists in {other_mode} mode, but a {used} mode key was used to make this request."
        )
    return StripeError(
        status, "invalid_request_error", message, code="resource_missing", param=param, recorded=status != 400
    )


def unexpected_state(message: str, intent: Json) -> StripeError:
    """A payment intent is not in a status that allows the call."""
    return refused(message, code="payment_intent_unexpected_state", payment_intent=intent)


def card_error(message: str, code: str, *, decline_code: str | None = None, param: str | None = None) -> StripeError:
    """A 402: the card said no."""
    return StripeError(402, "card_error", message, code=code, param=param, extra={"decline_code": decline_code})


def unauthorized(message: str, code: str | None = None) -> StripeError:
    """A 401: no key, or not a key of this account."""
    return StripeError(401, "invalid_request_error", message, code=code, recorded=False)


def forbidden(message: str) -> StripeError:
    """A 403: the key is not allowed to do this."""
    return StripeError(403, "invalid_request_error", message, recorded=False)


def unrecognized_url(method: str, path: str) -> StripeError:
    """A 404 for an address the API does not have."""
    return StripeError(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. "
        "If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
        recorded=False,
    )


def idempotency_mismatch(message: str) -> StripeError:
    """A 400: the key was first used for something else."""
    return StripeError(400, "idempotency_error", message, recorded=False)


def key_in_use(key: str) -> StripeError:
    """A 409: the first request with this key is still running."""
    return StripeError(
        409,
        "idempotency_error",
        f"There is currently another in-progress request using this Idempotency Key ({key}) (that probably means you "
        "submitted twice, and the other request is still going through). Please try again later.",
        code="idempotency_key_in_use",
        recorded=False,
    )


def lock_timeout() -> StripeError:
    """A 429 without a rate-limit reason: another call holds the object."""
    return StripeError(
        429,
        "invalid_request_error",
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request.",
        code="lock_timeout",
        recorded=False,
    )


def unavailable() -> StripeError:
    """A 503: the provider is there and does not answer this for now."""
    return StripeError(503, "api_error", "The service is temporarily unavailable.")


def api_error() -> StripeError:
    """A 500: the emulator itself failed; the answer says nothing about why."""
    return StripeError(500, "api_error", "An unknown error occurred in the sandbox.")
