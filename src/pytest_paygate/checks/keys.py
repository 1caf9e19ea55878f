"""What a provider key says of itself by its published prefix: its mode, and what it is for."""

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


class KeyKind(StrEnum):
    """What a key is for, as far as its prefix tells."""

    SECRET = "secret"  # noqa: S105 - the kind, not a key
    RESTRICTED = "restricted"
    PUBLISHABLE = "publishable"
    WEBHOOK = "webhook"
    UNKNOWN = "unknown"


_KINDS = {
    KeyKind.SECRET: ("sk_live_", "sk_test_", "prd_", "snd_", "dev_", "integ_"),
    KeyKind.RESTRICTED: ("rk_live_", "rk_test_", "rkcs_test_"),
    KeyKind.PUBLISHABLE: ("pk_live_", "pk_test_", "pk_prd_", "pk_snd_", "pk_dev_"),
    KeyKind.WEBHOOK: ("whsec_",),
}


def key_kind(key: Secret) -> KeyKind:
    """Tell what a Stripe or Hyperswitch key is for; one of no known form is UNKNOWN."""
    return next((kind for kind, prefixes in _KINDS.items() if key.starts_with(*prefixes)), KeyKind.UNKNOWN)
