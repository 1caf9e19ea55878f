"""Whether what a run needs is there: facts in, lines with their fixes out. Pure.

Each line has a name of `LINES` that programs may rely on; where there are several of a kind, a subject. A warning is
what a dry run lives with, or what costs a feature; a failure is what a run of this environment would stumble over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.checks.keys import KeyKind, KeyMode, key_kind, key_mode
from pytest_paygate.core.environment import LivePolicy
from pytest_paygate.core.events import Mode
from pytest_paygate.core.inert import inert
from pytest_paygate.core.interlock import CLOCK_OFFSET_SECONDS_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_paygate.core.environment import LiveRules
    from pytest_paygate.core.ports import Account
    from pytest_paygate.core.secret import Secret

# Name -> what is looked at, in the order of the list.
LINES = {
    "python": "the interpreter",
    "plugin": "pytest loads the plugin, of this version",
    "session": "nothing that repeats, reorders, drops or hides tests",
    "options": "the short options are ours",
    "terminal": "a terminal on which an operator can be asked",
    "ssh_keygen": "ssh-keygen, which signs and checks approvals and seals",
    "chromium": "a Chromium that starts, for --payer=browser",
    "pdf": "WeasyPrint and Pango, for reports as PDF",
    "settings": "the settings file can be read",
    "gate": "the default gate can be read",
    "secrets": "every reference leads to a secret",
    "key_files": "files that hold keys are for their owner only",
    "sandbox": "the embedded world starts",
    "keys": "each key is of the right mode and kind",
    "target": "the target answers, as JSON",
    "webhook": "the target's webhook endpoint answers",
    "database": "the target's database answers, to a role that cannot write",
    "account": "each key is accepted, and belongs to the pinned account",
    "clock": f"our clock is within {CLOCK_OFFSET_SECONDS_MAX:.0f} s of everybody's",
    "exposure": "no money is open",
    "policy": "what this environment allows is written down and holds",
}
_EXPIRES_SOON_DAYS = 14
_SHOWN = 3


class Level(StrEnum):
    """How a line ends. Only `fail` makes the list fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list. `fix` is empty only where nothing is to be done.

    Args:
        name: a key of `LINES`.
        level: how it ends.
        seen: what was seen.
        fix: what to do about it.
        subject: which of several, such as a provider.
    """

    name: str
    level: Level
    seen: str
    fix: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a database role may do besides reading.

    Args:
        superuser: it may do anything.
        standby: the server takes no writes from anybody.
        writable: names of tables it may write to.
        creates_in: names of schemas in which it may create.
    """

    superuser: bool
    standby: bool
    writable: Sequence[str] = ()
    creates_in: Sequence[str] = ()


def is_live_like(mode: Mode) -> bool:
    """Whether the whole interlock applies."""
    return mode in {Mode.LIVE, Mode.REHEARSAL}


def python_line(version: tuple[int, int, int], *, optimized: bool) -> Line:
    """The interpreter; `optimized` is Python's -O, under which tests assert nothing."""
    seen = ".".join(map(str, version))
    if version < (3, 11, 0):
        return Line("python", Level.FAIL, seen, "Use Python 3.11 or newer.")
    if optimized:
        return Line("python", Level.FAIL, f"{seen} with -O", "Unset PYTHONOPTIMIZE: with it no test asserts anything.")
    return Line("python", Level.OK, seen)


def session_line(findings: Sequence[str], mode: Mode) -> Line:
    """What in a pytest session of this project does not belong into a live run."""
    if not findings:
        return Line("session", Level.OK, "nothing is in the way")
    level = Level.FAIL if is_live_like(mode) else Level.WARN
    return Line(
        "session",
        level,
        ", ".join(findings),
        "Live runs refuse these: take them out of addopts, switch plugins off with -p no:NAME, unset variables.",
    )


def options_line(foreign: Sequence[str]) -> Line:
    """Whose the short options are."""
    if not foreign:
        return Line("options", Level.OK, "every short option is ours")
    names = ", ".join(foreign)
    longs = ", ".join(f"--paygate-{name.removeprefix('--')}" for name in foreign)
    return Line("options", Level.WARN, f"somebody else's here: {names}", f"Type {longs}.")


def terminal_line(mode: Mode, *, there: bool) -> Line:
    """The controlling terminal."""
    if there:
        return Line("terminal", Level.OK, "there is one")
    if is_live_like(mode):
        return Line("terminal", Level.FAIL, "none", "Run it from a terminal: only there an operator can confirm.")
    return Line("terminal", Level.WARN, "none; dry runs need none", "Live runs need one: start them from a terminal.")


def key_line(subject: str, key: Secret, mode: Mode, *, for_refunds: bool = False) -> Line:
    """One provider key: what it is for, and whether its mode fits the environment's."""
    kind, of = key_kind(key), key_mode(key)
    told = f"a {kind} key, {of} mode" if KeyKind.UNKNOWN is not kind else "a key of no known form"
    if kind in {KeyKind.WEBHOOK, KeyKind.PUBLISHABLE}:
        what = "webhook signing secret" if kind is KeyKind.WEBHOOK else "publishable key"
        fix = "Put a secret or restricted API key behind this reference."
        return Line("keys", Level.FAIL, f"a {what}, where an API key belongs", fix, subject)
    if is_live_like(mode) and of is not KeyMode.LIVE:
        return Line("keys", Level.FAIL, f"{told}, in an environment declared live", "Use the live key.", subject)
    if not is_live_like(mode) and of is KeyMode.LIVE:
        fix = "Use the test-mode key; treat the live one as exposed to this environment."
        return Line("keys", Level.FAIL, f"{told}, in an environment declared {mode}: real money", fix, subject)
    if kind is KeyKind.UNKNOWN:
        return Line("keys", Level.WARN, told, "See whether this is the right secret; its form says nothing.", subject)
    if for_refunds and kind is KeyKind.SECRET and mode is Mode.LIVE:
        fix = "Give the guardian a restricted key: refunds write, charges read."
        return Line("keys", Level.WARN, told, fix, subject)
    return Line("keys", Level.OK, told, subject=subject)


def account_line(subject: str, account: Account, pinned: str, mode: Mode) -> Line:
    """The account behind a key, as the provider's own object tells."""
    if pinned and account.account_id != pinned:
        fix = "Use the key of the pinned account, or pin this one: one of the two is wrong."
        return Line("account", Level.FAIL, f"{account.account_id}, and {pinned} is pinned", fix, subject)
    if account.livemode is not None and account.livemode is not is_live_like(mode):
        says = "live" if account.livemode else "test"
        fix = "Use a key of the mode this environment declares, or correct `mode`."
        return Line("account", Level.FAIL, f"{account.account_id} says {says} mode, declared is {mode}", fix, subject)
    if not pinned:
        level = Level.FAIL if is_live_like(mode) else Level.WARN
        fix = f'Pin it: account = "{account.account_id}" in the provider\'s table.'
        return Line("account", level, f"{account.account_id}, not pinned", fix, subject)
    return Line("account", Level.OK, account.account_id, subject=subject)


def answer_line(subject: str, status: int, *, is_json: bool, is_html: bool) -> Line:
    """What a service of the target answered to a read."""
    if is_json and status < 500:
        return Line("target", Level.OK, f"answers JSON, status {status}", subject=subject)
    if is_html:
        fix = (
            "base_url leads to a page for people: add the API's path, such as /api/v1, or log in to what stands before."
        )
        return Line("target", Level.FAIL, f"answers HTML, status {status}", fix, subject)
    if status >= 500:
        return Line("target", Level.FAIL, f"answers status {status}", "See the target's own log.", subject)
    fix = "See what answers at this address; an API answers JSON."
    return Line("target", Level.WARN, f"answers something else than JSON, status {status}", fix, subject)


def webhook_line(status: int, *, is_html: bool) -> Line:
    """What the webhook endpoint answered to a read. Most refuse one, which shows that they are there."""
    if status >= 500:
        return Line("webhook", Level.FAIL, f"answers status {status}", "See the target's own log.")
    if is_html and status < 400:
        return Line("webhook", Level.FAIL, "a page for people answers", "Correct webhook_url: no event arrives there.")
    if status == 404:
        fix = "Compare webhook_url with the endpoint in the provider's dashboard; some targets hide it from a GET."
        return Line("webhook", Level.WARN, "answers status 404", fix)
    return Line("webhook", Level.OK, f"answers status {status}")


def rights_line(rights: Rights) -> Line:
    """A role that can write could change what a gate only has to read."""
    fix = "Give the gate a role of its own with SELECT on the tables it reads, and nothing else."
    if rights.standby:
        return Line("database", Level.OK, "answers; a standby, which takes no writes")
    if rights.superuser:
        return Line("database", Level.FAIL, "the role is a superuser", fix)
    if rights.writable:
        return Line("database", Level.FAIL, f"the role can write to {_few(rights.writable)}", fix)
    if rights.creates_in:
        seen = f"the role can create tables in {_few(rights.creates_in)}"
        return Line("database", Level.WARN, seen, f"REVOKE CREATE ON SCHEMA {rights.creates_in[0]} FROM PUBLIC.")
    return Line("database", Level.OK, "answers; the role can only read")


def clock_line(subject: str, offset_seconds: float | None) -> Line:
    """How far our clock is ahead of a party's, by the party's own `Date`."""
    if offset_seconds is None:
        return Line("clock", Level.WARN, "no answer carried a time", "Let the party send a Date header.", subject)
    seen = f"{offset_seconds:+.0f} s"
    if abs(offset_seconds) > CLOCK_OFFSET_SECONDS_MAX:
        return Line("clock", Level.FAIL, seen, "Set this machine's clock (NTP), or the party's.", subject)
    return Line("clock", Level.OK, seen, subject=subject)


def exposure_line(runs: Sequence[str], environment: str) -> Line:
    """Runs of this environment with money or links open."""
    if not runs:
        return Line("exposure", Level.OK, "nothing is open")
    seen = f"open, or still running: {_few(runs)}"
    return Line("exposure", Level.FAIL, seen, f"Run `paygate recover --env {environment}`.")


def policy_line(rules: LiveRules, mode: Mode, today: date, *, signers_there: bool = True) -> Line:
    """What an environment allows: nothing to say of a dry one; of a live one whether its words hold today.

    Args:
        rules: what the settings say.
        mode: the environment's.
        today: the day by this machine's clock.
        signers_there: whether the allowed-signers file is there, against which approvals are checked.
    """
    if not is_live_like(mode):
        return Line("policy", Level.OK, f"a {mode} environment: no real money")
    if rules.policy is not LivePolicy.DRIVE:
        return Line("policy", Level.OK, "live_policy observe: the gate looks on and buys nothing")
    known = rules.acknowledgement
    if known is None:
        fix = "Write [env.NAME.acknowledgement]: by, at, ground, until."
        return Line("policy", Level.FAIL, "live_policy drive, which nobody acknowledged", fix)
    if not known.at <= today <= known.until:
        fix = "Have it acknowledged again, with a ground that holds now."
        return Line("policy", Level.FAIL, f"the acknowledgement holds from {known.at} until {known.until}", fix)
    if not signers_there and not rules.approval.unsigned:
        seen = f"{inert(rules.approval.signers)} is not there, so no approval can count"
        return Line("policy", Level.FAIL, seen, "Write the approvers' SSH public keys into it, as ssh-keygen reads it.")
    return _driven(rules, mode, f"live_policy drive, acknowledged by {inert(known.by)}", known.until, today)


def _driven(rules: LiveRules, mode: Mode, seen: str, until: date, today: date) -> Line:
    left_days = (until - today).days
    if rules.caps is None:
        return Line("policy", Level.FAIL, f"{seen}; no caps", "Write [env.NAME.caps]: per_charge, per_run, per_day.")
    if left_days < _EXPIRES_SOON_DAYS:
        fix = "Have it acknowledged again in time."
        return Line("policy", Level.WARN, f"{seen} until {until}: {left_days} days left", fix)
    if rules.approval.unsigned and mode is Mode.LIVE:
        return Line("policy", Level.WARN, f"{seen}; unsigned approvals count", "Take `unsigned` out of [approval].")
    return Line("policy", Level.OK, f"{seen} until {until}")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
