"""One endpoint of the API: method, path, parameters, handler.

Owns the declaration only; `transport` serves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.errors import StripeError
    from pytest_paygate.sandbox.stripe.parameters import Spec


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer whose effects are kept: a declined card leaves a failed charge and an event behind."""

    error: StripeError


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint. The handler gets parsed parameters, path parameters among them, and returns the object."""

    method: str
    path: str
    spec: Spec
    handler: Callable[[Call, Json], Awaitable[dict[str, Any] | Refusal]]
