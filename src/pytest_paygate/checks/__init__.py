"""The checks, a module a subject: facts in, findings out. They read, wait for and send nothing.

A suite says `from pytest_paygate import checks` and `run.verify(checks.charges.one_charge, charges)`. Modules are
loaded on first use, so that nothing costs a session that does not ask.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from pytest_paygate.checks import (
        access,
        accounts,
        bookkeeping,
        catalogue,
        charges,
        checkouts,
        kept_events,
        lasting,
        licences,
        log_entries,
        minimum_charge,
        orders,
        previous,
        refund_course,
        refunds,
        replies,
        status,
        transfers,
        webhooks,
        windows,
    )

# The subjects that hold checks.
__all__ = [
    "access",
    "accounts",
    "bookkeeping",
    "catalogue",
    "charges",
    "checkouts",
    "kept_events",
    "lasting",
    "licences",
    "log_entries",
    "minimum_charge",
    "orders",
    "previous",
    "refund_course",
    "refunds",
    "replies",
    "status",
    "transfers",
    "webhooks",
    "windows",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
