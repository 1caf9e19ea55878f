"""A verifier's policy: its form, its defaults, its pins and what is missing for a decision, word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.core.bundle import Believed
from pytest_paygate.core.envelope import Envelope, Signature
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.strict import BundleError
from pytest_paygate.core.trust import Policy, check_pinned, missing_signatures, read_policy
from pytest_paygate.core.verdict import Verdict
from tests.golden.scenes import begun

LIVE = begun(Mode.LIVE).state
TOLD = {"environment": "prod", "account": "acct_1", "gate": "e2e", "gate_sha256": "0f"}


def believed(signed: int, countersigned: int = 0, mode: Mode = Mode.LIVE, **told: str) -> Believed:
    """A sound bundle with so many signatures, none of them of anybody."""
    one = Signature("ann", b"")
    return Believed(
        begun(mode).state,
        Envelope("type", b"", (one,) * signed),
        (one,) * countersigned,
        Verdict.PASS,
        {**TOLD, **told},
        "",
        "",
        0,
    )


def test_a_policy_says_whom_to_believe():
    """Every key is read; nothing more than what is written there."""
    content = b"""
        allowed_signers = "signers"
        signers = ["ann", "bob"]
        required = 2
        unsigned = ["sandbox"]
        log = "seals.jsonl"
        accounts = {prod = "acct_1"}
        gates = {e2e = "0f"}
        heads = {prod = "1f"}
    """
    assert read_policy(content, "policy.toml") == Policy(
        allowed_signers="signers",
        signers=("ann", "bob"),
        required=2,
        unsigned=(Mode.SANDBOX,),
        accounts={"prod": "acct_1"},
        gates={"e2e": "0f"},
        log="seals.jsonl",
        heads={"prod": "1f"},
    )


def test_an_empty_policy_asks_for_one_signature_of_a_live_run():
    """Nobody is believed and nothing is pinned; what moved no real money needs no signature."""
    assert read_policy(b"", "policy.toml").model_dump() == {
        "allowed_signers": "",
        "signers": (),
        "required": 1,
        "unsigned": (Mode.SANDBOX, Mode.STAGING, Mode.REHEARSAL),
        "accounts": {},
        "gates": {},
        "log": "",
        "heads": {},
    }


@pytest.mark.parametrize("required", [0, 6])
def test_none_to_six_signatures_can_be_required(required):
    """The bounds of what can be asked for."""
    assert read_policy(b"required = %d" % required, "policy.toml").required == required


def test_a_policy_that_is_no_toml_is_refused():
    """What the reader says is told; bytes in another encoding are refused as well."""
    for content, why in (
        (b"signers = ", "the policy cannot be read: Invalid value (at end of document)"),
        (b"\xff", "the policy cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ):
        with pytest.raises(BundleError) as refused:
            read_policy(content, "policy.toml")
        assert str(refused.value) == why


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'signer = "ann"',
            """policy.toml: signer: is not a known key
  expected  one of: accounts, allowed_signers, gates, heads, log, required, signers, unsigned. Did you mean 'signers'?
  observed  'ann'
  money     No money moved.
  next      Correct the policy file.""",
        ),
        (b"required = 7", "Input should be less than or equal to 6"),
        (b"required = -1", "Input should be greater than or equal to 0"),
    ],
)
def test_a_wrong_key_of_a_policy_is_named(content, said):
    """File, key, value and what it should be."""
    with pytest.raises(ConfigurationError) as refused:
        read_policy(content, "policy.toml")
    assert said in refused.value.refusal.text()


def test_what_is_pinned_has_to_be_so():
    """Account and gate of a pinned environment are compared; of another one, or without a pin, nothing is."""
    pinned = Policy(accounts={"prod": "acct_1"}, gates={"e2e": "0f"})
    check_pinned(pinned, believed(0))
    check_pinned(Policy(), believed(0))
    check_pinned(pinned, believed(0, environment="shop", account="acct_2", gate="other", gate_sha256="1f"))
    for told, why in (
        ({"account": "acct_2"}, "account acct_2 is not the one of environment prod"),
        ({"account": ""}, "account unknown is not the one of environment prod"),
        ({"gate_sha256": "1f"}, "gate e2e is not the pinned one"),
    ):
        with pytest.raises(BundleError) as refused:
            check_pinned(pinned, believed(0, **told))
        assert str(refused.value) == why


@pytest.mark.parametrize(
    ("bundle", "good", "missing"),
    [
        (believed(2), 2, ""),
        (believed(2, 1), 3, ""),
        (believed(1, 1), 1, "1 signatures that the policy cannot vouch for"),
        (believed(1, 2), 0, "3 signatures that the policy cannot vouch for"),
        (believed(1), 1, "1 of 2 signatures by people of the policy"),
        (believed(0), 0, "0 of 2 signatures by people of the policy"),
        (believed(0, mode=Mode.REHEARSAL), 0, ""),
        (believed(1, mode=Mode.SANDBOX), 0, "1 signatures that the policy cannot vouch for"),
    ],
)
def test_what_is_missing_is_counted(bundle, good, missing):
    """Every signature is vouched for, whoever made it; a live run has as many as are required."""
    assert missing_signatures(Policy(required=2), bundle, good) == missing
