"""What a provider key says of itself by its published prefix."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.core.secret import Secret


class KeyMode(StrEnum):
    """The mode a key belongs to, as far as its prefix tells."""

    LIVE = "live"
    TEST = "test"
    UNKNOWN = "unknown"


_LIVE = ("sk_live_", "rk_live_", "pk_live_", "prd_", "pk_prd_")
_TEST = ("sk_test_", "rk_test_", "rkcs_test_", "pk_test_", "snd_", "pk_snd_", "dev_", "pk_dev_", "integ_")


def key_mode(key: Secret) -> KeyMode:
    """Tell the mode of a Stripe or Hyperswitch key; a key of no known form is UNKNOWN, never assumed to be a test."""
    if key.starts_with(*_LIVE):
        return KeyMode.LIVE
    return KeyMode.TEST if key.starts_with(*_TEST) else KeyMode.UNKNOWN
