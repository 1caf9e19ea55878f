"""Refusals as Hyperswitch words them, in its wire shape `{"error": {"type", "message", "code"}}`."""

from __future__ import annotations

from starlette.responses import JSONResponse

LIVE_KEY_TEXT = (
    "This sandbox refuses live keys so that nobody's real key ever reaches it. The key was not stored. "
    "Use the sandbox key it printed at start."
)


class ApiError(Exception):
    """One refusal: HTTP status, error type, code and message."""

    def __init__(self, status: int, kind: str, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message

    def response(self) -> JSONResponse:
        """The answer on the wire."""
        body = {"error": {"type": self.kind, "message": self.message, "code": self.code}}
        return JSONResponse(body, self.status, {"Cache-Control": "no-store"})


def unauthorized() -> ApiError:
    """No key, or one this sandbox does not know."""
    return ApiError(401, "invalid_request", "IR_01", "API key not provided or invalid API key used")


def live_key_refused() -> ApiError:
    """A live-looking key; the text never repeats it."""
    return ApiError(403, "invalid_request", "IR_01", LIVE_KEY_TEXT)


def missing(field: str) -> ApiError:
    """A required field is not there."""
    return ApiError(400, "invalid_request", "IR_04", f"Missing required param: {field}")


def bad_format(field: str, expected: str) -> ApiError:
    """A field whose form is wrong."""
    text = f"{field} contains invalid data. Expected format is {expected}"
    return ApiError(422, "invalid_request", "IR_05", text)


def invalid_data(message: str) -> ApiError:
    """A body that cannot be used as it is."""
    return ApiError(400, "invalid_request", "IR_06", message)


def not_deserializable(reason: str) -> ApiError:
    """A body that is not the JSON this endpoint takes."""
    return invalid_data(f"Json deserialize error: {reason}")


def duplicate_payment() -> ApiError:
    """The merchant's payment id was used before: ids are the idempotency, and nothing is replayed."""
    text = "The payment with the specified payment_id already exists in our records"
    return ApiError(400, "duplicate_request", "HE_01", text)


def duplicate_refund() -> ApiError:
    """The merchant's refund id was used before."""
    text = "Duplicate refund request. Refund already attempted with the refund ID"
    return ApiError(400, "duplicate_request", "HE_01", text)


def not_found(what: str) -> ApiError:
    """Nothing by that id. `what` is Payment, Refund, Payment Link, Merchant account or Event."""
    return ApiError(404, "object_not_found", "HE_02", f"{what} does not exist in our records")


def refund_too_old() -> ApiError:
    """A payment past its refund period."""
    text = "This refund is not possible through Hyperswitch. Please raise the refund through stripe dashboard"
    return ApiError(400, "validation_error", "HE_03", text)


def unsettled_payment() -> ApiError:
    """A refund of a payment that may yet succeed."""
    text = "The payment has not succeeded yet. Please pass a successful payment to initiate refund"
    return ApiError(400, "validation_error", "HE_03", text)


def refunds_exhausted() -> ApiError:
    """Too many refunds of one payment."""
    return ApiError(400, "invalid_request", "IR_12", "Reached maximum refund attempts")


def refund_exceeds() -> ApiError:
    """More than what is left of the captured amount."""
    return ApiError(400, "invalid_request", "IR_13", "The refund amount exceeds the amount captured")


def wrong_state(flow: str, field: str, current: str, expected: tuple[str, ...]) -> ApiError:
    """A state in which the flow is impossible."""
    text = (
        f"This Payment could not be {flow} because it has a {field} of {current}."
        f" The expected state is {', '.join(expected)}"
    )
    return ApiError(400, "invalid_request", "IR_14", text)


def precondition(message: str) -> ApiError:
    """A request that contradicts what is stored."""
    return ApiError(400, "invalid_request", "IR_16", message)


def not_emulated(what: str) -> ApiError:
    """Something upstream can do and this emulator does not."""
    return ApiError(501, "server_not_available", "IR_00", f"{what} is not implemented")


def not_supported(message: str) -> ApiError:
    """Something the connector cannot do."""
    return ApiError(400, "invalid_request", "IR_19", message)


def unknown_url() -> ApiError:
    """No such endpoint."""
    return ApiError(404, "invalid_request", "IR_02", "Unrecognized request URL")


def wrong_method() -> ApiError:
    """The endpoint exists, the method does not."""
    return ApiError(405, "invalid_request", "IR_03", "The HTTP method is not applicable for this API")


def internal() -> ApiError:
    """Our own failure; no detail leaves the server."""
    return ApiError(500, "api", "HE_00", "Something went wrong")


def webhook_not_authentic() -> ApiError:
    """An incoming webhook whose signature does not hold."""
    return ApiError(401, "invalid_request", "WE_01", "Failed to authenticate the webhook")


def webhook_malformed() -> ApiError:
    """An authentic webhook that is not an event."""
    return ApiError(400, "invalid_request", "WE_02", "Bad request received in webhook")


def webhook_resource_unknown() -> ApiError:
    """An authentic webhook about an object that should be ours and is not."""
    return ApiError(404, "object_not_found", "WE_04", "Webhook resource not found")
