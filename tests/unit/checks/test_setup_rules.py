"""Every line of `paygate doctor` that the rules can make, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.checks import setup
from pytest_paygate.checks.setup import Level, Line, Rights
from pytest_paygate.core.environment import Acknowledgement, ApprovalSettings, Caps, LivePolicy, LiveRules, cap_amounts
from pytest_paygate.core.events import Mode
from pytest_paygate.core.ports import Account
from pytest_paygate.core.secret import Secret

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL
TODAY = date(2026, 11, 21)
KNOWN = Acknowledgement(by="Ann", at=date(2026, 11, 21), ground="the provider allows it", until=date(2026, 12, 31))
CAPS = cap_amounts("", Caps(per_charge="EUR 5.00", per_run="EUR 5.00", per_day="EUR 5.00"))
DRIVE = LiveRules(policy=LivePolicy.DRIVE, acknowledgement=KNOWN, caps=CAPS)
SOON = KNOWN.model_copy(update={"until": date(2026, 12, 4)})
LATER = KNOWN.model_copy(update={"until": date(2026, 12, 5)})
LAST_DAY = KNOWN.model_copy(update={"until": TODAY})
GONE = KNOWN.model_copy(update={"until": date(2026, 11, 20), "at": date(2026, 11, 1)})
UNSIGNED = ApprovalSettings(unsigned=True)
REST = "0123456789abcdefABCDEF00"
READ_ONLY = "Give the gate a role of its own with SELECT on the tables it reads, and nothing else."
IN_THE_WAY = "Live runs refuse these: take them out of addopts, switch plugins off with -p no:NAME, unset variables."
API_KEY = "Put a secret or restricted API key behind this reference."
EXPOSED = "Use the test-mode key; treat the live one as exposed to this environment."
PAGE = "base_url leads to a page for people: add the API's path, such as /api/v1, or log in to what stands before."
HIDDEN = "Compare webhook_url with the endpoint in the provider's dashboard; some targets hide it from a GET."
PIN = 'Pin it: account = "acct_1" in the provider\'s table.'
AGAIN = "Have it acknowledged again, with a ground that holds now."
NOBODY = "Write [env.NAME.acknowledgement]: by, at, ground, until."
SIGNERS = "Write the approvers' SSH public keys into it, as ssh-keygen reads it."
ONE_WRONG = "Use the key of the pinned account, or pin this one: one of the two is wrong."
OTHER_MODE = "Use a key of the mode this environment declares, or correct `mode`."


def key(prefix, mode, **more):
    """The line of a key."""
    return setup.key_line("stripe", Secret(prefix + REST), mode, **more)


def account(livemode, pinned, mode):
    """The line of an account."""
    return setup.account_line("stripe", Account("acct_1", livemode), pinned, mode)


def policy(mode=Mode.LIVE, *, signers_there=True, **changes):
    """The line of an environment that drives."""
    return setup.policy_line(replace(DRIVE, **changes), mode, TODAY, signers_there=signers_there)


def rights(**more):
    """The line of a role."""
    return setup.rights_line(Rights(**{"superuser": False, "standby": False} | more))


LINES = (
    (lambda: setup.python_line((3, 11, 0), optimized=False), Line("python", OK, "3.11.0")),
    (lambda: setup.python_line((3, 10, 99), optimized=False),
     Line("python", FAIL, "3.10.99", "Use Python 3.11 or newer.")),
    (lambda: setup.python_line((3, 12, 1), optimized=True),
     Line("python", FAIL, "3.12.1 with -O", "Unset PYTHONOPTIMIZE: with it no test asserts anything.")),
    (lambda: setup.session_line([], Mode.LIVE), Line("session", OK, "nothing is in the way")),
    (lambda: setup.session_line(["-n", "-x"], Mode.LIVE), Line("session", FAIL, "-n, -x", IN_THE_WAY)),
    (lambda: setup.session_line(["-n"], Mode.SANDBOX), Line("session", WARN, "-n", IN_THE_WAY)),
    (lambda: setup.options_line([]), Line("options", OK, "every short option is ours")),
    (lambda: setup.options_line(["--live", "--env"]),
     Line("options", WARN, "somebody else's here: --live, --env", "Type --paygate-live, --paygate-env.")),
    (lambda: setup.terminal_line(Mode.LIVE, there=True), Line("terminal", OK, "there is one")),
    (lambda: setup.terminal_line(Mode.REHEARSAL, there=False),
     Line("terminal", FAIL, "none", "Run it from a terminal: only there an operator can confirm.")),
    (lambda: setup.terminal_line(Mode.STAGING, there=False),
     Line("terminal", WARN, "none; dry runs need none", "Live runs need one: start them from a terminal.")),
    (lambda: key("whsec_", Mode.LIVE),
     Line("keys", FAIL, "a webhook signing secret, where an API key belongs", API_KEY, "stripe")),
    (lambda: key("pk_test_", Mode.STAGING),
     Line("keys", FAIL, "a publishable key, where an API key belongs", API_KEY, "stripe")),
    (lambda: key("sk_test_", Mode.LIVE),
     Line("keys", FAIL, "a secret key, test mode, in an environment declared live", "Use the live key.", "stripe")),
    (lambda: key("mystery_", Mode.REHEARSAL),
     Line("keys", FAIL, "a key of no known form, in an environment declared live", "Use the live key.", "stripe")),
    (lambda: key("rk_live_", Mode.STAGING),
     Line("keys", FAIL, "a restricted key, live mode, in an environment declared staging: real money", EXPOSED, "stripe")),
    (lambda: key("mystery_", Mode.STAGING),
     Line("keys", WARN, "a key of no known form", "See whether this is the right secret; its form says nothing.",
          "stripe")),
    (lambda: key("sk_live_", Mode.LIVE, for_refunds=True),
     Line("keys", WARN, "a secret key, live mode", "Give the guardian a restricted key: refunds write, charges read.",
          "stripe")),
    (lambda: key("rk_live_", Mode.LIVE, for_refunds=True),
     Line("keys", OK, "a restricted key, live mode", subject="stripe")),
    (lambda: key("sk_live_", Mode.REHEARSAL, for_refunds=True),
     Line("keys", OK, "a secret key, live mode", subject="stripe")),
    (lambda: key("sk_live_", Mode.LIVE), Line("keys", OK, "a secret key, live mode", subject="stripe")),
    (lambda: account(True, "acct_1", Mode.LIVE), Line("account", OK, "acct_1", subject="stripe")),
    (lambda: account(True, "acct_2", Mode.LIVE),
     Line("account", FAIL, "acct_1, and acct_2 is pinned", ONE_WRONG, "stripe")),
    (lambda: account(False, "acct_1", Mode.LIVE),
     Line("account", FAIL, "acct_1 says test mode, declared is live", OTHER_MODE, "stripe")),
    (lambda: account(True, "acct_1", Mode.STAGING),
     Line("account", FAIL, "acct_1 says live mode, declared is staging", OTHER_MODE, "stripe")),
    (lambda: account(None, "", Mode.LIVE), Line("account", FAIL, "acct_1, not pinned", PIN, "stripe")),
    (lambda: account(None, "", Mode.STAGING), Line("account", WARN, "acct_1, not pinned", PIN, "stripe")),
    (lambda: setup.answer_line("shop", 499, is_json=True, is_html=False),
     Line("target", OK, "answers JSON, status 499", subject="shop")),
    (lambda: setup.answer_line("shop", 500, is_json=True, is_html=False),
     Line("target", FAIL, "answers status 500", "See the target's own log.", "shop")),
    (lambda: setup.answer_line("shop", 500, is_json=False, is_html=True),
     Line("target", FAIL, "answers HTML, status 500", PAGE, "shop")),
    (lambda: setup.answer_line("shop", 499, is_json=False, is_html=False),
     Line("target", WARN, "answers something else than JSON, status 499",
          "See what answers at this address; an API answers JSON.", "shop")),
    (lambda: setup.webhook_line(500, is_html=True),
     Line("webhook", FAIL, "answers status 500", "See the target's own log.")),
    (lambda: setup.webhook_line(399, is_html=True),
     Line("webhook", FAIL, "a page for people answers", "Correct webhook_url: no event arrives there.")),
    (lambda: setup.webhook_line(399, is_html=False), Line("webhook", OK, "answers status 399")),
    (lambda: setup.webhook_line(499, is_html=False), Line("webhook", OK, "answers status 499")),
    (lambda: setup.webhook_line(400, is_html=True), Line("webhook", OK, "answers status 400")),
    (lambda: setup.webhook_line(404, is_html=True), Line("webhook", WARN, "answers status 404", HIDDEN)),
    (lambda: rights(standby=True, superuser=True), Line("database", OK, "answers; a standby, which takes no writes")),
    (lambda: rights(superuser=True, writable=["a.b"]), Line("database", FAIL, "the role is a superuser", READ_ONLY)),
    (lambda: rights(writable=["a.b", "a.c"], creates_in=["a"]),
     Line("database", FAIL, "the role can write to a.b, a.c", READ_ONLY)),
    (lambda: rights(creates_in=["a", "b"]),
     Line("database", WARN, "the role can create tables in a, b", "REVOKE CREATE ON SCHEMA a FROM PUBLIC.")),
    (rights, Line("database", OK, "answers; the role can only read")),
    (lambda: setup.clock_line("shop", None),
     Line("clock", WARN, "no answer carried a time", "Let the party send a Date header.", "shop")),
    (lambda: setup.clock_line("shop", -6.0),
     Line("clock", FAIL, "-6 s", "Set this machine's clock (NTP), or the party's.", "shop")),
    (lambda: setup.clock_line("shop", 5.0), Line("clock", OK, "+5 s", subject="shop")),
    (lambda: setup.exposure_line([], "prod"), Line("exposure", OK, "nothing is open")),
    (lambda: setup.exposure_line(["a", "b", "c"], "prod"),
     Line("exposure", FAIL, "open, or still running: a, b, c", "Run `paygate recover --env prod`.")),
    (lambda: setup.exposure_line(["a", "b", "c", "d"], "prod"),
     Line("exposure", FAIL, "open, or still running: a, b, c and 1 more", "Run `paygate recover --env prod`.")),
    (lambda: policy(Mode.STAGING), Line("policy", OK, "a staging environment: no real money")),
    (lambda: policy(policy=LivePolicy.OBSERVE),
     Line("policy", OK, "live_policy observe: the gate looks on and buys nothing")),
    (lambda: policy(acknowledgement=None),
     Line("policy", FAIL, "live_policy drive, which nobody acknowledged", NOBODY)),
    (lambda: policy(acknowledgement=GONE),
     Line("policy", FAIL, "the acknowledgement holds from 2026-11-01 until 2026-11-20", AGAIN)),
    (lambda: policy(signers_there=False),
     Line("policy", FAIL, f"{DRIVE.approval.signers} is not there, so no approval can count", SIGNERS)),
    (lambda: policy(caps=None),
     Line("policy", FAIL, "live_policy drive, acknowledged by Ann; no caps",
          "Write [env.NAME.caps]: per_charge, per_run, per_day.")),
    (lambda: policy(acknowledgement=SOON),
     Line("policy", WARN, "live_policy drive, acknowledged by Ann until 2026-12-04: 13 days left",
          "Have it acknowledged again in time.")),
    (lambda: policy(acknowledgement=LATER),
     Line("policy", OK, "live_policy drive, acknowledged by Ann until 2026-12-05")),
    (lambda: policy(Mode.REHEARSAL, signers_there=False, approval=UNSIGNED),
     Line("policy", OK, "live_policy drive, acknowledged by Ann until 2026-12-31")),
    (lambda: policy(acknowledgement=LAST_DAY),
     Line("policy", WARN, "live_policy drive, acknowledged by Ann until 2026-11-21: 0 days left",
          "Have it acknowledged again in time.")),
    (lambda: policy(approval=UNSIGNED),
     Line("policy", WARN, "live_policy drive, acknowledged by Ann; unsigned approvals count",
          "Take `unsigned` out of [approval].")),
    (lambda: policy(Mode.REHEARSAL, approval=UNSIGNED),
     Line("policy", OK, "live_policy drive, acknowledged by Ann until 2026-12-31")),
    (policy, Line("policy", OK, "live_policy drive, acknowledged by Ann until 2026-12-31")),
)  # fmt: skip


@pytest.mark.parametrize(("made", "line"), LINES, ids=[str(number) for number in range(len(LINES))])
def test_a_line_says_what_was_seen_and_what_to_do(made, line):
    """Level, what was seen, its fix and whose it is, as the reader gets them."""
    assert made() == line


def test_the_list_is_in_its_order():
    """Programs rely on the names, readers on what each looks at."""
    assert setup.LINES == {
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
        "clock": "our clock is within 5 s of everybody's",
        "exposure": "no money is open",
        "policy": "what this environment allows is written down and holds",
    }
    assert [*Level] == ["ok", "warn", "fail"]


def test_a_line_has_a_fix_and_a_subject_only_where_there_is_one():
    """What is well needs no fix, and what there is one of needs no name."""
    line = Line("python", OK, "3.11.0")
    assert (line.fix, line.subject) == ("", "")
    assert (tuple(Rights(False, False).writable), tuple(Rights(False, False).creates_in)) == ((), ())


def test_signers_are_there_unless_somebody_looked():
    """Without a word on the file of signers the line is that of the rules alone."""
    assert setup.policy_line(DRIVE, Mode.LIVE, TODAY) == policy()
