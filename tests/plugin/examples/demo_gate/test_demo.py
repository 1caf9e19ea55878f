"""The demo gate's rows: they record facts and talk to nobody. Each leaves its name in `bodies.txt` when it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_paygate import Facts, Money


def ran(row: str) -> None:
    """Leave a trace outside the journal, so that a test can tell which bodies ran."""
    with Path(__file__).parent.with_name("bodies.txt").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")


@pytest.mark.row("refund")
def test_refund(facts: Facts) -> None:
    """Stands first in the file on purpose: the gate's order decides, not the file's."""
    ran("refund")
    facts["refund_id"] = f"re_{facts['order_id']}"


@pytest.mark.live_money
@pytest.mark.row("payment")
async def test_payment(facts: Facts) -> None:
    """An async row between synchronous ones."""
    ran("payment")
    facts["paid"] = Money(1999, "EUR")


@pytest.mark.row("order")
def test_order(facts: Facts) -> None:
    """The first row of the walkthrough."""
    ran("order")
    facts["order_id"] = "ord_1"


@pytest.mark.preflight
@pytest.mark.row("ready")
def test_ready(facts: Facts) -> None:
    """The one pre-flight check."""
    ran("ready")
    facts["ready_checks"] = 3
