"""What the orchestrator can be made to say of a payment; the records stay as they are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.hyperswitch import faults as orchestrator

CREATED = "2026-11-21T12:00:00.000Z"


def told(name: str, **changes: object) -> dict[str, object]:
    """A paid payment as it is told with one fault on."""
    switches = Faults()
    switches.set(name)
    body = {"status": "succeeded", "amount": 500, "created": CREATED, "refunds": None, **changes}
    return orchestrator.told(SimpleNamespace(faults=switches), body)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("payment_failed_but_charged", {}, {"status": "failed", "error_code": "processing_error"}),
        ("payment_told_late", {}, {"status": "processing"}),
        ("payment_reopened", {"refunds": [{}]}, {"status": "requires_payment_method", "amount_capturable": 500}),
        ("payment_reopened", {}, {"status": "succeeded"}),
        ("closed_payment_still_payable", {"status": "cancelled"}, {"status": "requires_payment_method"}),
        ("closed_payment_still_payable", {}, {"status": "succeeded"}),
        ("closed_payment_expired", {"status": "cancelled"}, {"status": "expired"}),
        ("payment_older_than_run", {}, {"created": "2026-11-20T12:00:00.000Z"}),
        ("payment_told_otherwise", {}, {"previous_status": "failed", "status": "succeeded"}),
    ],
)
def test_a_payment_is_told_otherwise(name, before, after):
    """Each fault changes what it is about, and only there."""
    assert after.items() <= told(name, **before).items()


def test_a_late_payment_is_told_so_three_times():
    """The double of a payment that failed is over by itself."""
    switches = Faults()
    switches.set("payment_told_late")
    world = SimpleNamespace(faults=switches)
    bodies = [{"status": "succeeded", "created": CREATED, "refunds": None} for _ in range(4)]
    said = [orchestrator.told(world, body)["status"] for body in bodies]
    assert said == ["processing", "processing", "processing", "succeeded"]
