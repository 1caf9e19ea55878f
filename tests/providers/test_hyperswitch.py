"""Hyperswitch in particular: no mode, the processor's id, statuses that are not successes."""

from __future__ import annotations

import pytest

from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import PaymentStatus, RefundStatus
from pytest_paygate.providers import hyperswitch_mapping as mapping
from pytest_paygate.providers.document import OddFieldError

pytestmark = pytest.mark.asyncio(loop_scope="function")


def response(**changes: object) -> dict[str, object]:
    """A PaymentsResponse with the fields the mapping reads."""
    return {
        "payment_id": "pay_1",
        "status": "succeeded",
        "amount": 500,
        "amount_received": None,
        "currency": "EUR",
        "created": "2026-11-21T12:00:00.000Z",
        "connector": "stripe",
        "metadata": {"trace_id": "T", "count": 3},
    } | changes


async def test_the_processor_behind_it_is_named(hyperswitch_stand) -> None:
    """The payment names its processor and the processor's own id, which is where the money can be looked up."""
    payment = await hyperswitch_stand.provider.payment(await hyperswitch_stand.paid())
    assert payment.processor == "stripe"
    assert payment.connector_payment_id.startswith("pi_")
    assert payment.livemode is None


async def test_the_page_of_a_payment_is_told_where_it_has_one() -> None:
    """The link's address; none where there is no link, empty for one without an address."""
    told = [mapping.payment(response(payment_link=link)).page for link in ({"link": "https://p.test/1"}, None, {})]
    assert told == [Page("https://p.test/1", "", None), None, Page("", "", None)]


async def test_a_payment_is_read_from_the_processor_not_from_a_stored_state(hyperswitch_stand) -> None:
    """Every read of a payment asks for a synchronisation."""
    seen = []
    request = hyperswitch_stand.provider._http.request

    async def noting(method: str, path: str, **rest: object) -> object:
        seen.append(path)
        return await request(method, path, **rest)

    hyperswitch_stand.provider._http.request = noting
    await hyperswitch_stand.provider.payment(await hyperswitch_stand.paid())
    assert all("force_sync=true" in path for path in seen)
    assert seen


@pytest.mark.parametrize(
    ("status", "mapped"),
    [
        ("succeeded", PaymentStatus.SUCCEEDED),
        ("partially_captured", PaymentStatus.UNKNOWN),
        ("conflicted", PaymentStatus.UNKNOWN),
        ("requires_merchant_action", PaymentStatus.PROCESSING),
        ("cancelled_post_capture", PaymentStatus.CANCELLED),
        ("expired", PaymentStatus.EXPIRED),
        ("settled_tomorrow", PaymentStatus.UNKNOWN),
    ],
)
async def test_only_succeeded_is_success(status, mapped) -> None:
    """A partial capture, a conflict or a new word is never taken for a success."""
    assert mapping.payment(response(status=status)).status is mapped


async def test_every_published_status_is_mapped_or_deliberately_unknown(contracts) -> None:
    """No status of the published description is forgotten."""
    import json

    schemas = json.loads((contracts / "hyperswitch" / "openapi-subset.json").read_text())["components"]["schemas"]
    unknown = {
        status
        for status in schemas["IntentStatus"]["enum"]
        if mapping.payment(response(status=status)).status is PaymentStatus.UNKNOWN
    }
    assert unknown == {
        "conflicted",
        "partially_captured",
        "partially_captured_and_capturable",
        "partially_authorized_and_requires_capture",
        "partially_captured_and_processing",
    }
    refund = {"refund_id": "r", "payment_id": "p", "amount": 5, "currency": "EUR", "created_at": "2026-11-21T12:00:00Z"}
    for status in schemas["RefundStatus"]["enum"]:
        assert mapping.refund(refund | {"status": status}).status is not RefundStatus.UNKNOWN


async def test_a_refund_under_review_is_pending() -> None:
    """Review is not refunded; a new word is unknown."""
    refund = {"refund_id": "r", "payment_id": "p", "amount": 5, "currency": "EUR", "created_at": "2026-11-21T12:00:00"}
    assert mapping.refund(refund | {"status": "review"}).status is RefundStatus.PENDING
    assert mapping.refund(refund | {"status": "odd"}).status is RefundStatus.UNKNOWN


async def test_attempts_that_failed_are_charges_that_did_not_succeed() -> None:
    """A declined attempt took nothing; one that never reached the processor is no charge."""
    attempts = [
        {
            "attempt_id": f"a{n}",
            "status": status,
            "amount": 500,
            "currency": "EUR",
            "created_at": f"2026-11-21T12:00:0{n}Z",
        }
        for n, status in enumerate(("failure", "payment_method_awaited", "charged"))
    ]
    found = mapping.charges(response(amount_received=500, attempts=attempts))
    assert [(charge.charge_id, charge.succeeded, charge.captured) for charge in found] == [
        ("a2", True, Money(500, "EUR")),
        ("a0", False, Money(0, "EUR")),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "500"},
        {"amount": True},
        {"currency": "ZZZ"},
        {"created": "yesterday"},
        {"status": None},
        {"payment_id": ""},
    ],
)
async def test_a_field_of_another_shape_is_refused(changes) -> None:
    """A field that is missing or odd is an error with its name, never a guess."""
    with pytest.raises(OddFieldError):
        mapping.payment(response(**changes))
