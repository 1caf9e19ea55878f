"""Adds the money ledger up per payment: what was charged, what went back, what is still outstanding.

Pure: ledger entries in, sums out. It is the oracle against which a gate's own view is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A refund that failed later gives its money back to us, so it counts against what was refunded.
_EFFECT: dict[str, tuple[str, int]] = {
    "charge": ("charged_minor", 1),
    "refund": ("refunded_minor", 1),
    "refund_failure": ("refunded_minor", -1),
}


def payments(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum charges and refunds per payment intent and currency, in minor units.

    Returns:
        Rows of `payment_intent`, `currency`, `charges`, `charged_minor`, `refunded_minor`, `outstanding_minor`, in
        the order of their first movement.
    """
    sums: dict[tuple[Any, str], dict[str, Any]] = {}
    for entry in entries:
        column, sign = _EFFECT.get(entry["kind"], ("", 0))
        if not column:
            continue
        key = (entry["payment_intent"], entry["currency"])
        row = sums.setdefault(
            key,
            {"payment_intent": key[0], "currency": key[1], "charges": 0, "charged_minor": 0, "refunded_minor": 0},
        )
        row[column] += sign * abs(entry["amount_minor"])
        row["charges"] += entry["kind"] == "charge"
    for row in sums.values():
        row["outstanding_minor"] = row["charged_minor"] - row["refunded_minor"]
    return list(sums.values())
