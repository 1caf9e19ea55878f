"""The interlock's truth table: money moves in exactly one of all combinations, and each condition names itself."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.core import interlock
from pytest_paygate.core.environment import Acknowledgement, CapAmounts, LivePolicy, LiveRules
from pytest_paygate.core.errors import InterlockError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.interlock import CONDITIONS, InterlockFacts
from pytest_paygate.core.money import Money

RULES = LiveRules(
    policy=LivePolicy.DRIVE,
    acknowledgement=Acknowledgement(
        by="ann", at=date(2026, 1, 1), ground="the provider asks for it", until=date(2026, 12, 31)
    ),
    caps=CapAmounts(Money(500, "EUR"), Money(500, "EUR"), Money(1500, "EUR")),
)
GOOD = InterlockFacts(
    live_typed=True,
    confirm_typed=True,
    mode=Mode.LIVE,
    declared_live=True,
    target_says="live",
    keys={"stripe": "live", "hyperswitch": "live"},
    account_livemode=True,
    account_id="acct_1",
    account_pinned="acct_1",
    host="shop.example",
    host_is_loopback=False,
    preflight_open=(),
    rules=RULES,
    today=date(2026, 11, 21),
    approval="",
    approval_unused=True,
    capacity="",
    exposures_open=(),
    lock_held=True,
    spent_today_minor=1000,
    gross=Money(500, "EUR"),
    operator="",
    session=(),
    guardian_ready=True,
    clock_offset_seconds=0.4,
)
# For each condition one fact that breaks it and no other.
BREAKS: dict[str, dict[str, object]] = {
    "live_typed": {"live_typed": False},
    "confirm_typed": {"confirm_typed": False},
    "session_clean": {"session": ("-n",)},
    "declared_live": {"declared_live": False},
    "keys_live": {"keys": {"stripe": "test", "hyperswitch": "live"}},
    "host_fits": {"host": "127.0.0.1", "host_is_loopback": True},
    "target_says_live": {"target_says": "staging"},
    "account_live": {"account_livemode": False},
    "account_pinned": {"account_id": "acct_2"},
    "preflight_passed": {"preflight_open": ("health",)},
    "policy_allows": {"rules": replace(RULES, policy=LivePolicy.OBSERVE)},
    "within_caps": {"spent_today_minor": 1001},
    "approved": {"approval": "1 of 2 approvals"},
    "approval_unused": {"approval_unused": False},
    "capacity_left": {"capacity": "4 left, fewer than 5: a safety pause, and no fresh override by a person"},
    "no_exposure_open": {"exposures_open": ("run-1",)},
    "lock_held": {"lock_held": False},
    "clock_right": {"clock_offset_seconds": -6.0},
    "guardian_ready": {"guardian_ready": False},
    "operator_confirmed": {"operator": "nobody typed the amount within 600 s"},
}
# What cannot be found out counts as not holding.
UNKNOWN: dict[str, dict[str, object]] = {
    "keys_live": {"keys": {}},
    "target_says_live": {"target_says": None},
    "account_live": {"account_livemode": None},
    "account_pinned": {"account_id": None},
    "preflight_passed": {"preflight_open": None},
    "policy_allows": {"rules": replace(RULES, acknowledgement=None)},
    "within_caps": {"spent_today_minor": None},
    "approved": {"approval": None},
    "approval_unused": {"approval_unused": None},
    "capacity_left": {"capacity": None},
    "no_exposure_open": {"exposures_open": None},
    "clock_right": {"clock_offset_seconds": None},
    "operator_confirmed": {"operator": None},
}


def broken(names):
    """The good facts with some conditions broken."""
    changes: dict[str, object] = {}
    for name in names:
        changes |= BREAKS[name]
    return replace(GOOD, **changes)


def test_every_condition_has_its_break():
    """The table below covers every condition there is."""
    assert list(BREAKS) == [one.name for one in CONDITIONS]


def test_money_moves_when_everything_holds():
    """With every condition met there is nothing to refuse."""
    interlock.require(GOOD)


@pytest.mark.parametrize("name", BREAKS)
def test_one_condition_broken_is_named_alone(name):
    """Breaking one condition refuses, naming that one and no other."""
    with pytest.raises(InterlockError) as refused:
        interlock.require(broken([name]))
    assert refused.value.conditions == (name,)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_does_not_hold(name):
    """A fact that could not be had refuses like one that is wrong."""
    with pytest.raises(InterlockError) as refused:
        interlock.require(replace(GOOD, **UNKNOWN[name]))
    assert refused.value.conditions == (name,)


def test_money_moves_in_exactly_one_combination():
    """Of all combinations of conditions (of all up to three broken, at the smoke size) one lets money move."""
    names = list(BREAKS)
    most = len(names) if os.environ.get("PAYGATE_SWEEP") == "full" else 3
    moved = 0
    for count in range(most + 1):
        for chosen in itertools.combinations(names, count):
            found = interlock.failing(broken(chosen))
            assert {one.name for one, _ in found} == set(chosen)
            moved += not found
    assert moved == 1


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({"keys": {"stripe": "unknown", "hyperswitch": "live"}}, "stripe: unknown key"),
        ({"mode": Mode.REHEARSAL}, "the published rehearsal key at shop.example"),
        ({"account_pinned": ""}, "no account is pinned"),
        ({"gross": Money(501, "EUR")}, "EUR 5.01 a charge, cap EUR 5.00"),
        ({"gross": Money(500, "USD")}, "USD 5.00 against caps in EUR"),
        ({"rules": replace(RULES, caps=None)}, "no caps are written"),
        (
            {"today": date(2027, 1, 1)},
            "the acknowledgement holds from 2026-01-01 until 2026-12-31",
        ),
        ({"today": date(2025, 12, 31)}, "the acknowledgement holds from 2026-01-01 until 2026-12-31"),
        ({"clock_offset_seconds": 3600.0}, "+3600 s"),
    ],
)
def test_what_was_seen_is_said(changes, observed):
    """The opposite mix-ups and the bounds of caps, dates and clocks are refused with what was seen."""
    with pytest.raises(InterlockError) as refused:
        interlock.require(replace(GOOD, **changes))
    assert refused.value.refusal.observed == observed


def test_a_refusal_word_for_word():
    """The refusal of two broken conditions, whole."""
    with pytest.raises(InterlockError) as refused:
        interlock.require(broken(["keys_live", "no_exposure_open"]))
    assert refused.value.refusal.text() == (
        "interlock: no money moves, because of keys_live, no_exposure_open\n"
        "  expected  a live key for every provider; nothing outstanding in this environment\n"
        "  observed  stripe: test key; open: run-1\n"
        "  money     No money moved.\n"
        "  next      Put the live keys behind the environment's references; a test key has no place in it."
        " Run `paygate recover` first."
    )
