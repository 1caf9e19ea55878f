"""The rules behind `paygate doctor`'s lines, each side of each border."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.checks import setup
from pytest_paygate.checks.keys import KeyKind, key_kind
from pytest_paygate.checks.setup import LINES, Level, Rights
from pytest_paygate.core.environment import Acknowledgement, ApprovalSettings, Caps, LivePolicy, LiveRules, cap_amounts
from pytest_paygate.core.events import Mode
from pytest_paygate.core.ports import Account
from pytest_paygate.core.secret import Secret

TODAY = date(2026, 11, 21)
KNOWN = Acknowledgement(by="Ann", at=date(2026, 11, 1), ground="the provider allows it", until=date(2026, 12, 31))
CAPS = cap_amounts("", Caps(per_charge="EUR 5.00", per_run="EUR 5.00", per_day="EUR 5.00"))
DRIVE = LiveRules(policy=LivePolicy.DRIVE, acknowledgement=KNOWN, caps=CAPS)
REST = "0123456789abcdefABCDEF00"


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        *((prefix, KeyKind.SECRET) for prefix in ("sk_live_", "sk_test_", "prd_", "snd_", "dev_", "integ_")),
        *((prefix, KeyKind.RESTRICTED) for prefix in ("rk_live_", "rk_test_", "rkcs_test_")),
        *((prefix, KeyKind.PUBLISHABLE) for prefix in ("pk_live_", "pk_test_", "pk_prd_", "pk_snd_", "pk_dev_")),
        ("whsec_", KeyKind.WEBHOOK),
        *((prefix, KeyKind.UNKNOWN) for prefix in ("", "SK_LIVE_", " sk_live_", "xwhsec_")),
    ],
)
def test_the_kind_follows_the_published_prefix(prefix, kind):
    """A near miss of a prefix is unknown."""
    assert key_kind(Secret(prefix + REST)) is kind


@pytest.mark.parametrize(
    ("prefix", "mode", "level"),
    [
        ("sk_test_", Mode.STAGING, Level.OK),
        ("snd_", Mode.SANDBOX, Level.OK),
        ("sk_live_", Mode.STAGING, Level.FAIL),
        ("prd_", Mode.SANDBOX, Level.FAIL),
        ("sk_live_", Mode.LIVE, Level.OK),
        ("rk_live_", Mode.LIVE, Level.OK),
        ("sk_live_", Mode.REHEARSAL, Level.OK),
        ("sk_test_", Mode.LIVE, Level.FAIL),
        ("snd_", Mode.REHEARSAL, Level.FAIL),
        ("mystery_", Mode.STAGING, Level.WARN),
        ("mystery_", Mode.LIVE, Level.FAIL),
        ("pk_live_", Mode.LIVE, Level.FAIL),
        ("whsec_", Mode.LIVE, Level.FAIL),
    ],
)
def test_a_key_s_mode_must_fit(prefix, mode, level):
    """Test keys in dry environments, live keys in live ones, API keys everywhere; an unknown form never passes as live."""
    assert setup.key_line("stripe", Secret(prefix + REST), mode).level is level


def test_the_guardian_s_key_should_be_restricted():
    """A whole secret key for refunds is a warning where money is real, and nothing in a rehearsal."""
    key = Secret("sk_live_" + REST)
    assert setup.key_line("stripe", key, Mode.LIVE, for_refunds=True).level is Level.WARN
    assert setup.key_line("stripe", key, Mode.REHEARSAL, for_refunds=True).level is Level.OK


@pytest.mark.parametrize(
    ("livemode", "pinned", "mode", "level"),
    [
        (True, "acct_1", Mode.LIVE, Level.OK),
        (None, "acct_1", Mode.LIVE, Level.OK),
        (True, "acct_2", Mode.LIVE, Level.FAIL),
        (False, "acct_1", Mode.LIVE, Level.FAIL),
        (True, "", Mode.LIVE, Level.FAIL),
        (False, "acct_1", Mode.STAGING, Level.OK),
        (True, "acct_1", Mode.STAGING, Level.FAIL),
        (False, "", Mode.STAGING, Level.WARN),
    ],
)
def test_the_account_must_be_the_pinned_one(livemode, pinned, mode, level):
    """Another account, another mode, or in a live environment no pin at all, fail."""
    assert setup.account_line("stripe", Account("acct_1", livemode), pinned, mode).level is level


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        (LiveRules(), Level.OK),
        (DRIVE, Level.OK),
        (replace(DRIVE, acknowledgement=None), Level.FAIL),
        (replace(DRIVE, caps=None), Level.FAIL),
        (replace(DRIVE, acknowledgement=KNOWN.model_copy(update={"until": date(2026, 11, 20)})), Level.FAIL),
        (replace(DRIVE, acknowledgement=KNOWN.model_copy(update={"at": date(2026, 11, 22)})), Level.FAIL),
        (replace(DRIVE, acknowledgement=KNOWN.model_copy(update={"until": date(2026, 12, 4)})), Level.WARN),
        (replace(DRIVE, acknowledgement=KNOWN.model_copy(update={"until": date(2026, 12, 5)})), Level.OK),
        (replace(DRIVE, approval=ApprovalSettings(unsigned=True)), Level.WARN),
    ],
    ids=["observe", "holds", "nobody", "no caps", "expired", "not yet", "13 days", "14 days", "unsigned"],
)
def test_the_policy_must_hold_today(rules, level):
    """`drive` needs somebody's word that holds today, and caps; its last fourteen days warn."""
    assert setup.policy_line(rules, Mode.LIVE, TODAY).level is level
    assert setup.policy_line(rules, Mode.STAGING, TODAY).level is Level.OK


def test_signed_approvals_need_their_signers():
    """Without the file no approval can count, unless unsigned ones do."""
    unsigned = replace(DRIVE, approval=ApprovalSettings(unsigned=True))
    assert setup.policy_line(DRIVE, Mode.LIVE, TODAY, signers_there=False).level is Level.FAIL
    assert setup.policy_line(unsigned, Mode.REHEARSAL, TODAY, signers_there=False).level is Level.OK


@pytest.mark.parametrize(
    ("offset", "level"),
    [(0.0, Level.OK), (5.0, Level.OK), (-5.0, Level.OK), (5.1, Level.FAIL), (-300.0, Level.FAIL), (None, Level.WARN)],
)
def test_the_clock_has_five_seconds(offset, level):
    """The interlock's own bound, either way."""
    assert setup.clock_line("target", offset).level is level


@pytest.mark.parametrize(
    ("rights", "level"),
    [
        (Rights(superuser=False, standby=False), Level.OK),
        (Rights(superuser=False, standby=True, writable=["a.b"]), Level.OK),
        (Rights(superuser=True, standby=False), Level.FAIL),
        (Rights(superuser=False, standby=False, writable=["a.b"]), Level.FAIL),
        (Rights(superuser=False, standby=False, creates_in=["public"]), Level.WARN),
    ],
)
def test_a_role_may_only_read(rights, level):
    """Writing to one table is enough to fail; a standby takes no writes from anybody."""
    assert setup.rights_line(rights).level is level


@pytest.mark.parametrize(
    ("status", "is_json", "is_html", "level"),
    [
        (200, True, False, Level.OK),
        (404, True, False, Level.OK),
        (503, True, False, Level.FAIL),
        (200, False, True, Level.FAIL),
        (404, False, True, Level.FAIL),
        (502, False, False, Level.FAIL),
        (200, False, False, Level.WARN),
    ],
)
def test_an_api_answers_json(status, is_json, is_html, level):
    """JSON of any status below 500 is an API; a page never is."""
    assert setup.answer_line("", status, is_json=is_json, is_html=is_html).level is level


@pytest.mark.parametrize(
    ("status", "is_html", "level"),
    [
        (405, False, Level.OK),
        (400, True, Level.OK),
        (404, False, Level.WARN),
        (200, True, Level.FAIL),
        (500, False, Level.FAIL),
    ],
)
def test_a_webhook_endpoint_answers(status, is_html, level):
    """Refusing a GET is what an endpoint does; a page for people is none."""
    assert setup.webhook_line(status, is_html=is_html).level is level


@pytest.mark.parametrize(("mode", "level"), [(Mode.STAGING, Level.WARN), (Mode.LIVE, Level.FAIL)])
def test_what_live_runs_refuse_fails_only_there(mode, level):
    """Conflicts and a missing terminal are warnings in dry environments."""
    assert setup.session_line(["-n"], mode).level is level
    assert setup.session_line([], mode).level is Level.OK
    assert setup.terminal_line(mode, there=False).level is level
    assert setup.terminal_line(mode, there=True).level is Level.OK


def test_the_interpreter():
    """Too old, and without assertions, both fail."""
    assert setup.python_line((3, 10, 9), optimized=False).level is Level.FAIL
    assert setup.python_line((3, 11, 0), optimized=False).level is Level.OK
    assert setup.python_line((3, 14, 1), optimized=True).level is Level.FAIL


def test_many_names_are_cut():
    """Three are shown and the rest counted; every line has a name of the list."""
    line = setup.exposure_line([f"run-{number}" for number in range(5)], "prod")
    assert line.seen == "open, or still running: run-0, run-1, run-2 and 2 more"
    assert line.name in LINES
