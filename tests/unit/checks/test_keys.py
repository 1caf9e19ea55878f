"""What a key says of itself."""

from __future__ import annotations

import pytest

from pytest_paygate.checks.keys import KeyMode, key_mode
from pytest_paygate.core.secret import Secret


@pytest.mark.parametrize(
    ("prefix", "mode"),
    [
        *((prefix, KeyMode.LIVE) for prefix in ("sk_live_", "rk_live_", "pk_live_", "prd_", "pk_prd_")),
        *((prefix, KeyMode.TEST) for prefix in ("sk_test_", "rk_test_", "rkcs_test_", "pk_test_")),
        *((prefix, KeyMode.TEST) for prefix in ("snd_", "dev_", "integ_", "pk_snd_", "pk_dev_")),
        *((prefix, KeyMode.UNKNOWN) for prefix in ("whsec_", "", "SK_LIVE_", " sk_live_", "prod_", "xsk_test_")),
    ],
)
def test_mode_follows_the_published_prefix_and_nothing_else(prefix, mode) -> None:
    """A published prefix tells the mode; anything else, near misses included, is unknown and never taken for either."""
    assert key_mode(Secret(prefix + "0123456789abcdef")) is mode
