"""A hosted page of a provider's as a value: what a buyer is sent to. Owns no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.core.money import Money


@dataclass(frozen=True, slots=True)
class Page:
    """A hosted page as its provider tells it.

    Args:
        url: where it is; empty once it cannot be opened.
        sells: the provider's word for what is done there, such as `payment`; empty where it is not told.
        amount: what it asks for, None where it is not told, or nothing.
    """

    url: str
    sells: str
    amount: Money | None
