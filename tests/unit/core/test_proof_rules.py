"""Proofs, continued: the words of a witness, each bound of its clock, and every comparison of two of them."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta, timezone

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import (
    CLOCKS_APART_SECONDS,
    FRESH,
    Expected,
    ProofStatus,
    Weighed,
    Witness,
    WitnessKind,
    disagreements,
    rests_on,
    tally,
    weigh,
)
from tests.unit.core.test_proof import BEGAN, EXPECTED, FIVE, NOW, TRACE, recorded, witness

HOLDS, MISSING, CONTRADICTS = ProofStatus
APART = timedelta(seconds=300)
LEDGER, LOG = WitnessKind.LEDGER, WitnessKind.LOG


def test_the_words_of_proofs():
    """What a witness says, who it is and how a reader knows it: journals of years ago are read by these words."""
    assert [status.value for status in ProofStatus] == ["holds", "missing", "contradicts"]
    assert {kind.value: kind.source for kind in WitnessKind} == {
        "http": "target answer",
        "log": "application log",
        "ledger": "provider ledger",
    }
    assert (FRESH, CLOCKS_APART_SECONDS) == ("fresh", 300)


def test_a_witness_that_tells_little():
    """Without ids and amount there are none; without a time its moment is empty, and its extract says so."""
    silent = Witness(LOG, "order_completed", "", None)
    assert (dict(silent.ids), silent.amount, silent.moment) == ({}, None, "")
    text = '{"amount":"","at":"","ids":{},"said":"order_completed","trace_id":""}'
    assert silent.extract_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_an_extract_is_one_text():
    """Keys sorted, no spaces, characters as they are, the time in UTC whatever its zone."""
    zurich = timezone(timedelta(hours=1))
    told = witness(said="bezahlt für", at=BEGAN.astimezone(zurich), ids={"order": "o", "charge": "c"})
    assert told.moment == "2026-11-20T09:14:00+00:00"
    text = (
        '{"amount":"EUR 5.00","at":"2026-11-20T09:14:00+00:00","ids":{"charge":"c","order":"o"},'
        f'"said":"bezahlt für","trace_id":"{TRACE}"}}'
    )
    assert told.extract_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_moment_is_in_utc_wherever_a_gate_runs(monkeypatch):
    """The zone of the machine is in no journal and in no hash."""
    try:
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        assert witness().moment == "2026-11-20T09:14:30+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_expected_may_be_little():
    """Where neither amount nor an earlier claim is known, neither is compared."""
    bare = Expected(TRACE, BEGAN, NOW)
    assert (bare.amount, bare.after) == (None, None)
    assert weigh(witness(), bare, []) == Weighed(HOLDS, "captured")
    assert weigh(witness(amount=None), EXPECTED, []) == Weighed(HOLDS, "captured")


@pytest.mark.parametrize("at", [BEGAN - APART, BEGAN, NOW, NOW + APART])
def test_five_minutes_apart_are_within(at):
    """A witness's clock may be five minutes before the run's beginning and after the present, exactly."""
    assert weigh(witness(at=at), EXPECTED, []) == Weighed(HOLDS, "captured")


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        (BEGAN - APART - timedelta(microseconds=1), "2026-11-20T09:08:59.999999+00:00"),
        (NOW + APART + timedelta(microseconds=1), "2026-11-20T09:20:30.000001+00:00"),
    ],
)
def test_a_moment_more_is_another_run(at, moment):
    """Beyond the five minutes a witness speaks of something else, and its time is told."""
    assert weigh(witness(at=at), EXPECTED, []) == Weighed(CONTRADICTS, f"its time {moment} is not within this run")


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("2026-11-20T09:14:29.999999+00:00", ""),
        ("2026-11-20T09:14:30+00:00", ""),
        ("", ""),
        (
            "2026-11-20T09:14:30.000001+00:00",
            "its time 2026-11-20T09:14:30+00:00 is before purchase_ledger at 2026-11-20T09:14:30.000001+00:00",
        ),
    ],
)
def test_what_follows_is_not_earlier(after, why):
    """On one clock a refund is at its purchase or after it; a purchase without a time is not compared."""
    expected = Expected(TRACE, BEGAN, NOW, after=recorded(LEDGER, at=after))
    assert weigh(witness(), expected, []) == (Weighed(CONTRADICTS, why) if why else Weighed(HOLDS, "captured"))


def test_every_difference_is_told():
    """Trace, amount, time and each earlier proof, in this order, and what holds is not told beside them."""
    odd = witness(trace_id="X", amount=Money(1, "EUR"), at=BEGAN - APART * 2, ids={"b": "2", "a": "1", "c": "3"})
    expected = Expected(TRACE, BEGAN, NOW, amount=FIVE, after=recorded(LEDGER, at="2026-11-20T09:14:00+00:00"))
    others = [
        recorded(amount="EUR 0.01", ids={"a": "9", "b": "8", "c": "3", "d": "4"}),
        recorded(LOG, status=CONTRADICTS, amount="EUR 0.02"),
    ]
    assert weigh(odd, expected, others) == Weighed(
        CONTRADICTS,
        "it names another trace id; it says EUR 0.01, expected is EUR 5.00; "
        "its time 2026-11-20T09:04:00+00:00 is not within this run; "
        "its time 2026-11-20T09:04:00+00:00 is before purchase_ledger at 2026-11-20T09:14:00+00:00; "
        "it says a 1, purchase_http says 9; it says b 2, purchase_http says 8; "
        "it says EUR 0.01, purchase_log says EUR 0.02",
    )


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ({"ids": {"a": "1"}}, {"ids": {"b": "2"}}),
        ({"ids": {}}, {"ids": {"a": "2"}}),
        ({"ids": {"a": "1"}}, {"ids": {}}),
        ({"amount": None}, {"amount": "EUR 4.00"}),
        ({}, {"amount": ""}),
        ({}, {"status": MISSING, "amount": "EUR 4.00", "ids": {"charge_id": "ch_2"}}),
    ],
)
def test_only_what_both_tell_is_compared(mine, others):
    """An id or amount that one of two does not tell, and whatever a missing one told, is no difference."""
    assert weigh(witness(**mine), EXPECTED, [recorded(**others)]) == Weighed(HOLDS, "captured")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trace_id": "", "at": None}, "it names no trace id"),
        ({"trace_id": ""}, "it names no trace id"),
        ({"at": None}, "its time cannot be read"),
    ],
)
def test_a_witness_that_says_too_little(changes, why):
    """It is missing, with the first thing that it lacks."""
    assert weigh(witness(**changes), EXPECTED, []) == Weighed(MISSING, why)


def test_proofs_that_disagree_are_named_pair_by_pair():
    """Of one claim, each later one against each earlier one; what does not hold, or belongs to no claim, is left out."""
    proofs = [
        recorded(amount="EUR 5.00", ids={"a": "1"}),
        recorded(claim="fee", amount="EUR 0.33"),
        recorded(LOG, status=MISSING, amount="EUR 9.00"),
        recorded(LOG, status=CONTRADICTS, amount="EUR 9.00"),
        ev.ProofRecorded(name="first", source="s", status=HOLDS, claim="", amount="EUR 7.00"),
        ev.ProofRecorded(name="second", source="s", status=HOLDS, claim="", amount="EUR 8.00"),
        recorded(LOG, amount="EUR 4.00", ids={"a": "1"}),
        recorded(LEDGER, amount="EUR 4.00", ids={"a": "2"}),
        recorded(LEDGER, claim="fee", amount="EUR 0.34"),
    ]
    assert disagreements(proofs) == (
        "purchase_log: it says EUR 4.00, purchase_http says EUR 5.00",
        "purchase_ledger: it says a 2, purchase_http says 1",
        "purchase_ledger: it says EUR 4.00, purchase_http says EUR 5.00",
        "purchase_ledger: it says a 2, purchase_log says 1",
        "fee_ledger: it says EUR 0.34, fee_http says EUR 0.33",
    )
    assert disagreements([]) == ()


def test_how_many_hold():
    """Those that hold out of all there are."""
    assert tally([]) == "0 of 0"
    assert tally([recorded(), recorded(LOG, MISSING), recorded(LEDGER, CONTRADICTS), recorded(LEDGER)]) == "2 of 4"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, ""),
        ({"at": "2026-11-20T09:14:30+00:00"}, "2026-11-20T09:14:30+00:00"),
        ({"amount": "EUR 5.00"}, "EUR 5.00"),
        ({"ids": {"b": "2", "a": "1"}}, "b 2, a 1"),
        ({"extract_sha256": "0123456789abcdef" * 4}, "SHA-256 0123456789ab"),
        ({"at": "t", "amount": "EUR 5.00", "ids": {"a": "1"}}, "t, EUR 5.00, a 1"),
    ],
)
def test_what_a_proof_rests_on(told, text):
    """What there is of time, amount, ids and hash, in this order."""
    assert rests_on(recorded(**told)) == text
