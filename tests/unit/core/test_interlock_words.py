"""The interlock's words: each condition's refusal, whole, when its fact is wrong and when it is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.core import interlock
from pytest_paygate.core.environment import CapAmounts
from pytest_paygate.core.errors import InterlockError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.interlock import AT_START, CONDITIONS
from pytest_paygate.core.money import Money
from tests.unit.core.test_interlock import GOOD, RULES, UNKNOWN, broken

# Condition → what is expected, what is said of the fact that breaks it, what to do.
WORDS = {
    "live_typed": (
        "--live on the command line itself",
        "--live was not typed",
        "Type --live; ini files, addopts and environment variables do not count.",
    ),
    "confirm_typed": (
        "--confirm on the command line itself",
        "--confirm was not typed",
        "Type --confirm once the plan is right.",
    ),
    "session_clean": (
        "nothing that repeats, reorders, drops or hides tests, or stands between the gate and the wire",
        "-n",
        "Run the gate alone: switch off what is named.",
    ),
    "declared_live": ('an environment with mode = "live"', "mode is live", "Choose a live environment with --env."),
    "keys_live": (
        "a live key for every provider",
        "stripe: test key",
        "Put the live keys behind the environment's references; a test key has no place in it.",
    ),
    "host_fits": (
        "a remote host for real keys, this machine for the published rehearsal key",
        "127.0.0.1, which is this machine: a sandbox",
        "Correct base_url, or the keys: one of the two belongs to another environment.",
    ),
    "target_says_live": (
        "a target that calls itself live",
        "it says staging",
        "Point base_url at the live target, or correct the target's own setting.",
    ),
    "account_live": ("an account in live mode", "the account says test mode", "Use a key of the live account."),
    "account_pinned": (
        "the account pinned in paygate.toml",
        "account acct_2",
        "Pin the right account under [env.NAME.providers.…], or use its key.",
    ),
    "preflight_passed": (
        "every pre-flight row PASS in this run",
        "not PASS: health",
        "Mend what pre-flight found red.",
    ),
    "policy_allows": (
        "live_policy drive with an acknowledgement that holds today",
        "live_policy is observe",
        "See docs/reference/paygate-toml.md on live_policy; with `observe` nothing is bought.",
    ),
    "within_caps": (
        "an amount within the caps of charge, run and day",
        "1501 minor units today, cap EUR 15.00",
        "Buy less, or wait a day.",
    ),
    "approved": (
        "an approval of exactly this plan, in time",
        "1 of 2 approvals",
        "Run `paygate plan`, and have it approved with `paygate approve`.",
    ),
    "approval_unused": (
        "an approval that was never used",
        "it was used before, or that is not known",
        "A retry needs a fresh approval: run `paygate plan` again.",
    ),
    "capacity_left": (
        "a unit of the environment's capacity left, and no safety pause without a fresh override",
        "4 left, fewer than 5: a safety pause, and no fresh override by a person",
        "See `paygate capacity`; have it granted, or in a safety pause overridden, by a person.",
    ),
    "no_exposure_open": ("nothing outstanding in this environment", "open: run-1", "Run `paygate recover` first."),
    "lock_held": (
        "this run holds the environment's lock",
        "somebody else holds it, or it could not be taken",
        "Wait for the other run to end.",
    ),
    "clock_right": ("a clock within 5 s of the provider's", "-6 s", "Set the clock (NTP)."),
    "guardian_ready": (
        "a guardian that refunds if this process dies",
        "none has reported",
        "See the guardian's message above.",
    ),
    "operator_confirmed": (
        "an operator who typed the amount and the run's word",
        "nobody typed the amount within 600 s",
        "Run it from a terminal, read the plan, and type what it asks for.",
    ),
}
# Condition → what is said when the fact could not be had.
NOT_KNOWN = {
    "keys_live": "no provider",
    "target_says_live": "it says nothing",
    "account_live": "the account could not be read, or does not say",
    "account_pinned": "the account could not be read",
    "preflight_passed": "pre-flight is not known",
    "policy_allows": "nobody acknowledged it",
    "within_caps": "the amount, or what was charged today, is not known",
    "approved": "no approval was looked for",
    "approval_unused": "it was used before, or that is not known",
    "capacity_left": "the capacity is not known",
    "no_exposure_open": "the exposures of this environment could not be read",
    "clock_right": "no answer carried a time",
    "operator_confirmed": "nobody was asked",
}


@pytest.mark.parametrize("name", WORDS)
def test_each_condition_word_for_word(name):
    """What was expected, what was seen and what to do, whole, for each condition alone."""
    expected, observed, next_step = WORDS[name]
    with pytest.raises(InterlockError) as refused:
        interlock.require(broken([name]))
    assert refused.value.refusal.text() == (
        f"interlock: no money moves, because of {name}\n"
        f"  expected  {expected}\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        f"  next      {next_step}"
    )


def test_every_condition_has_its_words():
    """The tables name every condition in order, and every fact that may not be known."""
    assert list(WORDS) == [one.name for one in CONDITIONS]
    assert list(NOT_KNOWN) == list(UNKNOWN)


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_what_is_not_known_is_said(name):
    """A fact that could not be had is told as such."""
    ((_, seen),) = interlock.failing(replace(GOOD, **UNKNOWN[name]))
    assert seen == NOT_KNOWN[name]


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({"keys": {"b": "test", "c": "live", "a": "unknown"}}, "a: unknown key, b: test key"),
        ({"preflight_open": ("health", "keys")}, "not PASS: health, keys"),
        ({"exposures_open": ("run-1", "run-2")}, "open: run-1, run-2"),
        ({"session": ("-n", "-k")}, "-n, -k"),
        ({"target_says": ""}, "it says nothing"),
        ({"declared_live": False, "mode": Mode.STAGING}, "mode is staging"),
        ({"gross": None}, "the amount, or what was charged today, is not known"),
        ({"clock_offset_seconds": 5.01}, "+5 s"),
        ({"clock_offset_seconds": -5.01}, "-5 s"),
        (
            {"rules": replace(RULES, caps=CapAmounts(Money(900, "EUR"), Money(499, "EUR"), Money(9900, "EUR")))},
            "EUR 5.00 a run, cap EUR 4.99",
        ),
    ],
)
def test_what_was_seen_is_told_whole(changes, observed):
    """Several keys, rows, runs or options are all named; bounds are told as they were seen."""
    ((_, seen),) = interlock.failing(replace(GOOD, **changes))
    assert seen == observed


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Mode.REHEARSAL, "host": "127.0.0.1", "host_is_loopback": True},
        {"gross": Money(500, "EUR"), "spent_today_minor": 1000},
        {"gross": Money(1, "EUR"), "spent_today_minor": 0},
        {"today": date(2026, 1, 1)},
        {"today": date(2026, 12, 31)},
        {"clock_offset_seconds": 5.0},
        {"clock_offset_seconds": -5.0},
        {"clock_offset_seconds": 0.0},
    ],
)
def test_bounds_are_within(changes):
    """Exactly the cap, the first and the last day, five seconds, and a rehearsal on this machine let money move."""
    interlock.require(replace(GOOD, **changes))


def test_what_holds_has_nothing_to_say():
    """With every condition met each of them says nothing, and that is a text."""
    assert [one.observed(GOOD) for one in CONDITIONS] == [""] * len(CONDITIONS)


def test_only_chosen_conditions_are_asked():
    """What can be told at the start is told there, alone, and a condition is found by its name."""
    early = [interlock.condition(name) for name in AT_START]
    assert [one.name for one in early] == ["live_typed", "confirm_typed", "session_clean"]
    wrong = broken(["confirm_typed", "lock_held"])
    assert [one.name for one, _ in interlock.failing(wrong, early)] == ["confirm_typed"]
    assert interlock.failing(wrong, []) == ()
    interlock.require(broken(["lock_held"]), early)
    with pytest.raises(InterlockError) as refused:
        interlock.require(wrong, early)
    assert refused.value.conditions == ("confirm_typed",)
    with pytest.raises(KeyError):
        interlock.condition("none such")


def test_one_next_step_is_told_once():
    """Two conditions with the same next step tell it once, and the rest in order."""
    one, two = interlock.condition("lock_held"), interlock.condition("clock_right")
    refusal = interlock.refusal_of([(one, "a"), (one, "b"), (two, "c")]).refusal
    assert refusal.next_step == f"{one.next_step} {two.next_step}"
    assert refusal.observed == "a; b; c"
