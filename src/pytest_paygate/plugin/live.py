"""What `--live` means in this version: a refusal. Nothing here can move money.

A live run needs an approval, an exposure record, a guardian and a recovery; until they exist, asking for one stops the
session before anything is collected, let alone sent.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal

REFUSAL = Refusal(
    refused="--live is refused: this version of pytest-paygate does not run gates with real money",
    expected="approval, exposure record, guardian and recovery, which a live run cannot do without",
    observed="a version without them",
    money=f"{NOTHING_MOVED} Nothing was sent.",
    next_step="Run without --live: pre-flight and the read-only rows run against a live environment too.",
)


def refuse_live() -> NoReturn:
    """Stop the session with the refusal.

    Raises:
        pytest.UsageError: always.
    """
    raise pytest.UsageError(REFUSAL.text())
