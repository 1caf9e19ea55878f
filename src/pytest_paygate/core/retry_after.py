"""The `Retry-After` header: seconds or an HTTP date. Pure; the caller caps what it says."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """How long the party asks to be left alone.

    Args:
        header: the header's text, or None.
        now: aware; what an HTTP date is counted from.

    Returns:
        Seconds, zero for a moment that has passed, or None when the header is absent or says nothing usable.
    """
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if text.isdigit():
        return math.inf
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(0.0, (moment - now).total_seconds())
