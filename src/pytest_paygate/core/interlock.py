"""The interlock: every condition without which no real money moves, each named, checked over facts alone.

Owns the conditions and the words of each refusal. Money moves only when every one of them holds; a fact that could not
be had counts as not holding. Nothing here reads a clock, a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.capacity_rules import CONDITION as CAPACITY_LEFT
from pytest_paygate.core.environment import LivePolicy
from pytest_paygate.core.errors import NOTHING_MOVED, InterlockError, Refusal
from pytest_paygate.core.events import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pytest_paygate.core.environment import CapAmounts, LiveRules
    from pytest_paygate.core.money import Money

CLOCK_OFFSET_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class InterlockFacts:
    """What is known at the moment money is about to move. None means that it could not be found out.

    Args:
        live_typed: `--live` stands on the command line itself.
        confirm_typed: so does `--confirm`.
        mode: the life of the environment.
        declared_live: `paygate.toml` says `mode = "live"`.
        target_says: how the target names its environment.
        keys: for each provider, whether its key is live, test or unknown by its published form.
        account_livemode: what the provider's account object says of itself.
        account_id: the account behind the key.
        account_pinned: the account `paygate.toml` pins.
        host: the target's host.
        host_is_loopback: whether that is this machine.
        preflight_open: pre-flight rows that are not PASS in this run.
        rules: what the environment allows.
        today: the present day.
        approval: why the approval is not enough, empty when it is.
        approval_unused: whether the approval has not been used before.
        capacity: why no unit of capacity may be taken, empty when one may or the gate asks for none.
        exposures_open: runs of this environment with money or a link outstanding.
        lock_held: whether this run holds the environment's lock.
        spent_today: what earlier runs of the day have charged, in minor units.
        gross: what is about to be charged.
        operator: why nobody confirmed at the terminal, empty when somebody did.
        session: what in this session repeats, reorders, drops or hides tests, or stands between us and the wire.
        guardian_ready: whether the guardian watches.
        clock_offset_seconds: our clock against the target's and provider's.
    """

    live_typed: bool
    confirm_typed: bool
    mode: Mode
    declared_live: bool
    target_says: str | None
    keys: Mapping[str, str]
    account_livemode: bool | None
    account_id: str | None
    account_pinned: str
    host: str
    host_is_loopback: bool
    preflight_open: Sequence[str] | None
    rules: LiveRules
    today: date
    approval: str | None
    approval_unused: bool | None
    capacity: str | None
    exposures_open: Sequence[str] | None
    lock_held: bool
    spent_today_minor: int | None
    gross: Money | None
    operator: str | None
    session: Sequence[str]
    guardian_ready: bool
    clock_offset_seconds: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `observed` returns nothing when it holds, else what was seen instead."""

    name: str
    expected: str
    observed: Callable[[InterlockFacts], str]
    next_step: str


def failing(facts: InterlockFacts, conditions: Sequence[Condition] | None = None) -> tuple[tuple[Condition, str], ...]:
    """Every condition that does not hold, with what was seen, in the order in which they are listed."""
    chosen = CONDITIONS if conditions is None else conditions
    return tuple((condition, seen) for condition in chosen if (seen := condition.observed(facts)))


def require(facts: InterlockFacts, conditions: Sequence[Condition] | None = None) -> None:
    """Let money move.

    Raises:
        InterlockError: when a condition does not hold; it names every such condition.
    """
    found = failing(facts, conditions)
    if found:
        raise refusal_of(found)


def refusal_of(found: Sequence[tuple[Condition, str]]) -> InterlockError:
    """The refusal of one or more conditions that do not hold."""
    names = tuple(condition.name for condition, _ in found)
    return InterlockError(
        names,
        Refusal(
            refused=f"interlock: no money moves, because of {', '.join(names)}",
            expected="; ".join(condition.expected for condition, _ in found),
            observed="; ".join(seen for _, seen in found),
            money=NOTHING_MOVED,
            next_step=" ".join(dict.fromkeys(condition.next_step for condition, _ in found)),
        ),
    )


def condition(name: str) -> Condition:
    """The condition of that name.

    Raises:
        KeyError: when there is none.
    """
    return {one.name: one for one in CONDITIONS}[name]


def _keys(facts: InterlockFacts) -> str:
    wrong = [f"{name}: {mode} key" for name, mode in sorted(facts.keys.items()) if mode != "live"]
    return ", ".join(wrong) if facts.keys else "no provider"


def _account_mode(facts: InterlockFacts) -> str:
    if facts.account_livemode is None:
        return "the account could not be read, or does not say"
    return "" if facts.account_livemode else "the account says test mode"


def _account(facts: InterlockFacts) -> str:
    if not facts.account_pinned:
        return "no account is pinned"
    if facts.account_id is None:
        return "the account could not be read"
    return "" if facts.account_id == facts.account_pinned else f"account {facts.account_id}"


def _host(facts: InterlockFacts) -> str:
    if facts.mode is Mode.REHEARSAL:
        return "" if facts.host_is_loopback else f"the published rehearsal key at {facts.host}"
    return f"{facts.host}, which is this machine: a sandbox" if facts.host_is_loopback else ""


def _preflight(facts: InterlockFacts) -> str:
    if facts.preflight_open is None:
        return "pre-flight is not known"
    return f"not PASS: {', '.join(facts.preflight_open)}" if facts.preflight_open else ""


def _policy(facts: InterlockFacts) -> str:
    rules = facts.rules
    if rules.policy is not LivePolicy.DRIVE:
        return f"live_policy is {rules.policy}"
    if rules.acknowledgement is None:
        return "nobody acknowledged it"
    if not rules.acknowledgement.at <= facts.today <= rules.acknowledgement.until:
        return f"the acknowledgement holds from {rules.acknowledgement.at} until {rules.acknowledgement.until}"
    return ""


def _approval(facts: InterlockFacts) -> str:
    return "no approval was looked for" if facts.approval is None else facts.approval


def _exposure(facts: InterlockFacts) -> str:
    if facts.exposures_open is None:
        return "the exposures of this environment could not be read"
    return f"open: {', '.join(facts.exposures_open)}" if facts.exposures_open else ""


def _caps(facts: InterlockFacts) -> str:
    caps: CapAmounts | None = facts.rules.caps
    gross = facts.gross
    if caps is None:
        return "no caps are written"
    if gross is None or facts.spent_today_minor is None:
        return "the amount, or what was charged today, is not known"
    if gross.currency != caps.per_charge.currency:
        return f"{gross} against caps in {caps.per_charge.currency}"
    if gross.minor > caps.per_charge.minor:
        return f"{gross} a charge, cap {caps.per_charge}"
    if gross.minor > caps.per_run.minor:
        return f"{gross} a run, cap {caps.per_run}"
    day_minor = facts.spent_today_minor + gross.minor
    return f"{day_minor} minor units today, cap {caps.per_day}" if day_minor > caps.per_day.minor else ""


def _clock(facts: InterlockFacts) -> str:
    offset = facts.clock_offset_seconds
    if offset is None:
        return "no answer carried a time"
    return "" if abs(offset) <= CLOCK_OFFSET_SECONDS_MAX else f"{offset:+.0f} s"


def _typed(option: str, typed: bool) -> str:
    return "" if typed else f"{option} was not typed"


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "live_typed",
        "--live on the command line itself",
        lambda facts: _typed("--live", facts.live_typed),
        "Type --live; ini files, addopts and environment variables do not count.",
    ),
    Condition(
        "confirm_typed",
        "--confirm on the command line itself",
        lambda facts: _typed("--confirm", facts.confirm_typed),
        "Type --confirm once the plan is right.",
    ),
    Condition(
        "session_clean",
        "nothing that repeats, reorders, drops or hides tests, or stands between the gate and the wire",
        lambda facts: ", ".join(facts.session),
        "Run the gate alone: switch off what is named.",
    ),
    Condition(
        "declared_live",
        'an environment with mode = "live"',
        lambda facts: "" if facts.declared_live else f"mode is {facts.mode}",
        "Choose a live environment with --env.",
    ),
    Condition(
        "keys_live",
        "a live key for every provider",
        _keys,
        "Put the live keys behind the environment's references; a test key has no place in it.",
    ),
    Condition(
        "host_fits",
        "a remote host for real keys, this machine for the published rehearsal key",
        _host,
        "Correct base_url, or the keys: one of the two belongs to another environment.",
    ),
    Condition(
        "target_says_live",
        "a target that calls itself live",
        lambda facts: "" if facts.target_says == "live" else f"it says {facts.target_says or 'nothing'}",
        "Point base_url at the live target, or correct the target's own setting.",
    ),
    Condition("account_live", "an account in live mode", _account_mode, "Use a key of the live account."),
    Condition(
        "account_pinned",
        "the account pinned in paygate.toml",
        _account,
        "Pin the right account under [env.NAME.providers.…], or use its key.",
    ),
    Condition(
        "preflight_passed", "every pre-flight row PASS in this run", _preflight, "Mend what pre-flight found red."
    ),
    Condition(
        "policy_allows",
        "live_policy drive with an acknowledgement that holds today",
        _policy,
        "See docs/reference/paygate-toml.md on live_policy; with `observe` nothing is bought.",
    ),
    Condition("within_caps", "an amount within the caps of charge, run and day", _caps, "Buy less, or wait a day."),
    Condition(
        "approved",
        "an approval of exactly this plan, in time",
        _approval,
        "Run `paygate plan`, and have it approved with `paygate approve`.",
    ),
    Condition(
        "approval_unused",
        "an approval that was never used",
        lambda facts: "" if facts.approval_unused else "it was used before, or that is not known",
        "A retry needs a fresh approval: run `paygate plan` again.",
    ),
    Condition(
        CAPACITY_LEFT,
        "a unit of the environment's capacity left, and no safety pause without a fresh override",
        lambda facts: "the capacity is not known" if facts.capacity is None else facts.capacity,
        "See `paygate capacity`; have it granted, or in a safety pause overridden, by a person.",
    ),
    Condition(
        "no_exposure_open",
        "nothing outstanding in this environment",
        _exposure,
        "Run `paygate recover` first.",
    ),
    Condition(
        "lock_held",
        "this run holds the environment's lock",
        lambda facts: "" if facts.lock_held else "somebody else holds it, or it could not be taken",
        "Wait for the other run to end.",
    ),
    Condition(
        "clock_right",
        f"a clock within {CLOCK_OFFSET_SECONDS_MAX:.0f} s of the provider's",
        _clock,
        "Set the clock (NTP).",
    ),
    Condition(
        "guardian_ready",
        "a guardian that refunds if this process dies",
        lambda facts: "" if facts.guardian_ready else "none has reported",
        "See the guardian's message above.",
    ),
    Condition(
        "operator_confirmed",
        "an operator who typed the amount and the run's word",
        lambda facts: "nobody was asked" if facts.operator is None else facts.operator,
        "Run it from a terminal, read the plan, and type what it asks for.",
    ),
)
# What can be told before anything is collected, and what only right before the operator is asked.
AT_START = ("live_typed", "confirm_typed", "session_clean")
