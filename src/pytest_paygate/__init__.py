"""The public API for suite authors: suites import from here and from nowhere else. Names are loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_paygate.adapters.answers import Answer
    from pytest_paygate.adapters.http import Api
    from pytest_paygate.adapters.logs import LogEntry, LogSource
    from pytest_paygate.adapters.polling import Poll, PollResult
    from pytest_paygate.checks.check import Check, Finding, check, same
    from pytest_paygate.checks.minimum_charge import minimum_charge
    from pytest_paygate.core.capacity_rules import Standing
    from pytest_paygate.core.documents import pick
    from pytest_paygate.core.errors import (
        GuardBreachError,
        MissingFactError,
        PaygateError,
        ProviderError,
        RowFailedError,
        RowPendingError,
    )
    from pytest_paygate.core.events import Mode
    from pytest_paygate.core.money import Money, MoneyError
    from pytest_paygate.core.ports import (
        BalanceTransaction,
        Capability,
        Charge,
        Database,
        HoldAnswer,
        HoldPoint,
        Operator,
        Payment,
        PaymentStatus,
        Provider,
        Refund,
        RefundStatus,
        Transfer,
    )
    from pytest_paygate.core.previous_run import PreviousRun
    from pytest_paygate.core.proof import ProofStatus
    from pytest_paygate.core.secret import Secret
    from pytest_paygate.core.window import WindowResult
    from pytest_paygate.exposure.capacity import Capacity
    from pytest_paygate.plugin.handles import Facts, Run
    from pytest_paygate.plugin.proofs import Proofs
    from pytest_paygate.plugin.windows import Windows
    from pytest_paygate.version import __version__

__all__ = [
    "Answer",
    "Api",
    "BalanceTransaction",
    "Capability",
    "Capacity",
    "Charge",
    "Check",
    "Database",
    "Facts",
    "Finding",
    "GuardBreachError",
    "HoldAnswer",
    "HoldPoint",
    "LogEntry",
    "LogSource",
    "MissingFactError",
    "Mode",
    "Money",
    "MoneyError",
    "Operator",
    "PaygateError",
    "Payment",
    "PaymentStatus",
    "Poll",
    "PollResult",
    "PreviousRun",
    "ProofStatus",
    "Proofs",
    "Provider",
    "ProviderError",
    "Refund",
    "RefundStatus",
    "RowFailedError",
    "RowPendingError",
    "Run",
    "Secret",
    "Standing",
    "Transfer",
    "WindowResult",
    "Windows",
    "__version__",
    "check",
    "minimum_charge",
    "pick",
    "same",
]
_HOMES = {
    "checks.check": ("Check", "Finding", "check", "same"),
    "checks.minimum_charge": ("minimum_charge",),
    "adapters.answers": ("Answer",),
    "adapters.http": ("Api",),
    "adapters.logs": ("LogEntry", "LogSource"),
    "adapters.polling": ("Poll", "PollResult"),
    "core.capacity_rules": ("Standing",),
    "core.documents": ("pick",),
    "core.errors": (
        "GuardBreachError",
        "MissingFactError",
        "PaygateError",
        "ProviderError",
        "RowFailedError",
        "RowPendingError",
    ),
    "core.events": ("Mode",),
    "core.money": ("Money", "MoneyError"),
    "core.ports": (
        "BalanceTransaction",
        "Capability",
        "Charge",
        "Database",
        "HoldAnswer",
        "HoldPoint",
        "Operator",
        "Payment",
        "PaymentStatus",
        "Provider",
        "Refund",
        "RefundStatus",
        "Transfer",
    ),
    "core.proof": ("ProofStatus",),
    "core.previous_run": ("PreviousRun",),
    "core.secret": ("Secret",),
    "exposure.capacity": ("Capacity",),
    "plugin.handles": ("Facts", "Run"),
    "plugin.proofs": ("Proofs",),
    "core.window": ("WindowResult",),
    "plugin.windows": ("Windows",),
    "version": ("__version__",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
