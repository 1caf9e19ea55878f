"""The rehearsal: live-looking keys that everybody knows, no funds, and the real provider's refusal of test cards."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.world import REHEARSAL_CARD_NUMBER, REHEARSAL_HYPERSWITCH_KEY


def confirm(base: str, number: str) -> dict[str, Any]:
    """A payment confirmed at once with a card."""
    card = {"card_number": number, "card_exp_month": "12", "card_exp_year": "34", "card_cvc": "123"}
    body = {"amount": 500, "currency": "EUR", "confirm": True, "payment_method_data": {"card": card}}
    headers = {"api-key": REHEARSAL_HYPERSWITCH_KEY}
    answer = httpx.post(f"{base}/payments", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rehearsal_card_pays(rehearsal: Any) -> None:
    """The published rehearsal key and card go all the way through."""
    body = confirm(rehearsal.description.hyperswitch_url, REHEARSAL_CARD_NUMBER)
    assert (body["status"], body["payment_method_data"]["card"]["last4"]) == ("succeeded", "0150")


def test_test_card_is_declined_in_a_rehearsal(rehearsal: Any) -> None:
    """As in the real live mode, a published test card is declined."""
    body = confirm(rehearsal.description.hyperswitch_url, "4242424242424242")
    assert body["status"] == "failed"
    assert "test card" in body["error_message"]


def test_page_of_a_rehearsal_says_so(rehearsal: Any) -> None:
    """The hosted page carries the rehearsal banner and offers the rehearsal card only."""
    base = rehearsal.description.hyperswitch_url
    headers = {"api-key": REHEARSAL_HYPERSWITCH_KEY}
    fields = {"amount": 500, "currency": "EUR", "payment_link": True}
    link = httpx.post(f"{base}/payments", json=fields, headers=headers, trust_env=False).json()["payment_link"]["link"]
    text = httpx.get(link, trust_env=False).text
    assert "REHEARSAL: no funds" in text
    assert "4000 0000 0000 0150" in text
    assert "4242 4242 4242 4242" not in text


@pytest.mark.parametrize("key", ["prd_" + "x" * 64, "snd_" + "x" * 64])
def test_other_keys_stay_out_of_a_rehearsal(rehearsal: Any, key: str) -> None:
    """No other live key is accepted, and no sandbox key either: the modes are kept apart."""
    answer = httpx.get(
        f"{rehearsal.description.hyperswitch_url}/payments/list", headers={"api-key": key}, trust_env=False
    )
    assert answer.status_code in {401, 403}
    assert key not in answer.text


def test_rehearsal_key_stays_out_of_a_sandbox(sandbox: Any) -> None:
    """The rehearsal key opens nothing in a plain sandbox."""
    headers = {"api-key": REHEARSAL_HYPERSWITCH_KEY}
    answer = httpx.get(f"{sandbox.description.hyperswitch_url}/payments/list", headers=headers, trust_env=False)
    assert answer.status_code == 403
