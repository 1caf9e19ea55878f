"""The `Date` header: the time by a party's own clock. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The time in a `Date` header, aware, in UTC, whole seconds; None without a readable one.

    Args:
        headers: names in lower case.
    """
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
