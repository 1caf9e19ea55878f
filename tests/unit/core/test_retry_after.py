"""`Retry-After` in all its forms: what was asked in seconds, or nothing usable."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from pytest_paygate.core.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("1.123456789", 1.123456789),
        ("1.1234567891", None),
        ("1x5", None),
        ("9" * 18, float("9" * 18)),
        ("9" * 19, math.inf),
        ("-1", None),
        ("soon", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 14:00:30 +0200", 30.0),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 0.0),
        ("Fri, 20 Nov 99999999999999999999 11:59:00 GMT", None),
        ("Fri, 32 Nov 2026 11:59:00 GMT", None),
    ],
)
def test_what_is_asked_is_read(header: str | None, seconds: float | None) -> None:
    """Seconds up to eighteen digits, more of them as for ever, an HTTP date from now on; anything else says nothing."""
    assert retry_after_seconds(header, NOW) == seconds
