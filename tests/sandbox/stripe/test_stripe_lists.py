"""Lists and expansion: order, cursors, filters, depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]


async def _customers(emulator: Emulator, email: str, count: int) -> list[str]:
    made = [await emulator.test.v1.customers.create_async({"email": email}) for _ in range(count)]
    return [customer.id for customer in reversed(made)]


async def test_cursors_walk_newest_first_in_both_directions(emulator: Emulator) -> None:
    """starting_after goes on to older objects, ending_before back to newer ones, has_more is exact."""
    ids = await _customers(emulator, "cursor@sandbox.invalid", 5)
    lists = emulator.test.v1.customers.list_async
    first = await lists({"email": "cursor@sandbox.invalid", "limit": 2})
    assert ([one.id for one in first.data], first.has_more, first.url) == (ids[:2], True, "/v1/customers")
    rest = await lists({"email": "cursor@sandbox.invalid", "limit": 3, "starting_after": ids[1]})
    assert ([one.id for one in rest.data], rest.has_more) == (ids[2:], False)
    back = await lists({"email": "cursor@sandbox.invalid", "limit": 2, "ending_before": ids[4]})
    assert ([one.id for one in back.data], back.has_more) == (ids[2:4], True)
    walked = [one.id async for one in first.auto_paging_iter()]
    assert walked == ids


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"starting_after": "cus_none"}, "starting_after"),
        ({"ending_before": "cus_none"}, "ending_before"),
        ({"starting_after": "a", "ending_before": "b"}, "ending_before"),
        ({"created[around]": "5"}, "created[around]"),
        ({"created[gte]": "soon"}, "created[gte]"),
        ({"expand[]": "customer"}, "expand"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_wrong_list_parameters(emulator: Emulator, query: dict[str, str], param: str) -> None:
    """Limits outside 1 to 100, unknown cursors and unknown filters are refused by name."""
    answer = await emulator.http.get("/v1/customers", params=query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_created_filters(emulator: Emulator) -> None:
    """Created takes an exact time and bounds."""
    (early,) = await _customers(emulator, "created@sandbox.invalid", 1)
    emulator.world.clock.advance(100)
    (late,) = await _customers(emulator, "created@sandbox.invalid", 1)
    edge = (await emulator.test.v1.customers.retrieve_async(late)).created
    cases: list[tuple[Any, list[str]]] = [
        ({"gte": edge}, [late]),
        ({"gt": edge}, []),
        ({"lt": edge}, [early]),
        ({"lte": edge}, [late, early]),
        (edge, [late]),
    ]
    for created, expected in cases:
        found = await emulator.test.v1.customers.list_async({"email": "created@sandbox.invalid", "created": created})
        assert [one.id for one in found.data] == expected


async def test_charges_are_found_by_intent_and_group(emulator: Emulator) -> None:
    """The filters that attribution uses find exactly the charge."""
    intent = await emulator.paid(500, transfer_group="order-77")
    await emulator.paid(500)
    for where in ({"payment_intent": intent.id}, {"transfer_group": "order-77"}):
        found = await emulator.test.v1.charges.list_async(where)  # type: ignore[arg-type]
        assert [one.id for one in found.data] == [intent.latest_charge]
    posted = await emulator.test.v1.balance_transactions.list_async({"source": intent.latest_charge})
    assert [one.source for one in posted.data] == [intent.latest_charge]


async def test_expand_nested_and_in_lists(emulator: Emulator) -> None:
    """Ids become objects along a path of up to four levels, also below `data`."""
    customer = await emulator.test.v1.customers.create_async({"email": "e@sandbox.invalid"})
    intent = await emulator.paid(500, customer=customer.id)
    paths = ["latest_charge.balance_transaction.source", "customer", "payment_method"]
    seen = await emulator.test.v1.payment_intents.retrieve_async(intent.id, {"expand": paths})  # type: ignore[arg-type]
    assert seen.latest_charge.balance_transaction.source.id == intent.latest_charge
    assert (seen.customer.email, seen.payment_method.card.last4) == ("e@sandbox.invalid", "4242")
    where = {"payment_intent": intent.id, "expand": ["data.payment_intent.latest_charge.balance_transaction"]}
    listed = await emulator.test.v1.charges.list_async(where)  # type: ignore[arg-type]
    assert listed.data[0].payment_intent.latest_charge.balance_transaction.object == "balance_transaction"
    plain = await emulator.test.v1.payment_intents.retrieve_async(intent.id)
    assert plain.latest_charge == intent.latest_charge


@pytest.mark.parametrize("path", ["amount", "latest_charge.amount", "data", "a.b.c.d.e", "latest_charge..x", ""])
async def test_expand_refuses_what_it_cannot(emulator: Emulator, path: str) -> None:
    """Plain members, unknown members and more than four levels are 400 with param expand."""
    intent = await emulator.paid()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await emulator.test.v1.payment_intents.retrieve_async(intent.id, {"expand": [path]})
    assert refused.value.param == "expand"
