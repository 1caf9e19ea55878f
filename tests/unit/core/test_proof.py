"""Witnesses weighed: what holds, what is missing, what contradicts, and what a gate's claims lack."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.claims import Claim, needed, standing, twice, unwitnessed
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Entry, Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import (
    CLOCKS_APART_SECONDS,
    FRESH,
    Expected,
    ProofStatus,
    Witness,
    WitnessKind,
    disagreements,
    rests_on,
    weigh,
)
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.verdict import Verdict, judge
from tests.properties.gates import SOURCE, folded, whole_run

TRACE = "SMALL-1700000000-abcd1234"
BEGAN = datetime(2026, 11, 20, 9, 14, tzinfo=UTC)
NOW = BEGAN + timedelta(seconds=90)
FIVE = Money(500, "EUR")
EXPECTED = Expected(TRACE, BEGAN, NOW, amount=FIVE)
THREE = (WitnessKind.HTTP, WitnessKind.LOG, WitnessKind.LEDGER)


def witness(**changes):
    """A ledger's witness of a purchase that holds."""
    told = {
        "kind": WitnessKind.LEDGER,
        "said": "captured",
        "trace_id": TRACE,
        "at": BEGAN + timedelta(seconds=30),
        "ids": {"charge_id": "ch_1"},
        "amount": FIVE,
    }
    return Witness(**{**told, **changes})


def recorded(kind=WitnessKind.HTTP, status=ProofStatus.HOLDS, claim="purchase", **changes):
    """A proof that stands in the journal."""
    return ev.ProofRecorded(
        name=f"{claim}_{kind}", source=kind.source, status=status, claim=claim, witness=kind, **changes
    )


def test_a_witness_of_the_run_holds():
    """Same trace, same ids, same amount, a plausible time: it holds, with its own word."""
    earlier = [recorded(amount="EUR 5.00", ids={"charge_id": "ch_1", "order_id": "ord_1"})]
    weighed = weigh(witness(), EXPECTED, earlier)
    assert (weighed.status, weighed.why) == (ProofStatus.HOLDS, "captured")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trace_id": "SMALL-1700000000-ffff0000"}, "it names another trace id"),
        ({"amount": Money(499, "EUR")}, "it says EUR 4.99, expected is EUR 5.00"),
        ({"amount": Money(500, "USD")}, "it says USD 5.00, expected is EUR 5.00"),
        (
            {"at": BEGAN - timedelta(seconds=CLOCKS_APART_SECONDS + 1)},
            "its time 2026-11-20T09:08:59+00:00 is not within this run",
        ),
        (
            {"at": NOW + timedelta(seconds=CLOCKS_APART_SECONDS + 1)},
            "its time 2026-11-20T09:20:31+00:00 is not within this run",
        ),
    ],
    ids=["trace", "amount", "currency", "too_early", "too_late"],
)
def test_a_witness_of_something_else_contradicts(changes, why):
    """Another trace, amount, currency or time is a contradiction, named in words."""
    weighed = weigh(witness(**changes), EXPECTED, [])
    assert (weighed.status, weighed.why) == (ProofStatus.CONTRADICTS, why)


def test_witnesses_of_one_claim_agree_on_what_both_tell():
    """An id or an amount that two witnesses tell differently is a contradiction that names both."""
    others = [recorded(ids={"charge_id": "ch_2"}), recorded(WitnessKind.LOG, amount="EUR 4.00")]
    weighed = weigh(witness(), EXPECTED, others)
    assert weighed.status is ProofStatus.CONTRADICTS
    assert weighed.why == (
        "it says charge_id ch_1, purchase_http says ch_2; it says EUR 5.00, purchase_log says EUR 4.00"
    )


def test_a_silent_witness_contradicts_nobody():
    """What a missing proof may hold is not compared with."""
    silent = recorded(status=ProofStatus.MISSING, ids={"charge_id": "ch_2"})
    assert weigh(witness(), EXPECTED, [silent]).status is ProofStatus.HOLDS


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"trace_id": ""}, "it names no trace id"), ({"at": None}, "its time cannot be read")],
    ids=["no_trace", "no_time"],
)
def test_a_witness_that_says_too_little_is_missing(changes, why):
    """Without trace id or time nobody can say that a witness speaks of this run."""
    weighed = weigh(witness(**changes), EXPECTED, [])
    assert (weighed.status, weighed.why) == (ProofStatus.MISSING, why)


def test_a_contradiction_is_worse_than_too_little():
    """A witness without a time that names another amount contradicts."""
    assert weigh(witness(at=None, amount=Money(1, "EUR")), EXPECTED, []).status is ProofStatus.CONTRADICTS


def test_a_refund_comes_after_its_purchase():
    """On one witness's clock, what follows is not earlier than what it follows."""
    before = recorded(WitnessKind.LEDGER, at="2026-11-20T09:14:31+00:00")
    expected = Expected(TRACE, BEGAN, NOW, amount=FIVE, after=before)
    weighed = weigh(witness(), expected, [])
    assert weighed.why == ("its time 2026-11-20T09:14:30+00:00 is before purchase_ledger at 2026-11-20T09:14:31+00:00")
    same = Expected(TRACE, BEGAN, NOW, after=recorded(WitnessKind.LEDGER, at="2026-11-20T09:14:30+00:00"))
    assert weigh(witness(), same, []).status is ProofStatus.HOLDS


def test_the_extract_can_be_hashed_again_by_a_reader():
    """The hash is that of a documented JSON text of what stands in the proof."""
    text = json.dumps(
        {
            "amount": "EUR 5.00",
            "at": "2026-11-20T09:14:30+00:00",
            "ids": {"charge_id": "ch_1"},
            "said": "captured",
            "trace_id": TRACE,
        },
        separators=(",", ":"),
    )
    assert witness().extract_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert witness(ids={}).extract_sha256 != witness().extract_sha256


def test_what_a_proof_rests_on_is_told_in_one_line():
    """Time, amount, ids and the head of the hash; nothing for a bare proof."""
    proof = recorded(at="2026-11-20T09:14:30+00:00", amount="EUR 5.00", ids={"a": "1"}, extract_sha256="ab" * 32)
    assert rests_on(proof) == "2026-11-20T09:14:30+00:00, EUR 5.00, a 1, SHA-256 abababababab"
    assert not rests_on(recorded())


def test_proofs_that_hold_alone_may_disagree_together():
    """The verdict compares what the journal holds once more, claim by claim."""
    disagreeing = [recorded(amount="EUR 5.00"), recorded(WitnessKind.LEDGER, amount="EUR 4.00")]
    assert disagreements(disagreeing) == ("purchase_ledger: it says EUR 4.00, purchase_http says EUR 5.00",)
    assert not disagreements(
        [recorded(amount="EUR 5.00"), recorded(WitnessKind.LEDGER, claim="fee", amount="EUR 4.00")]
    )


def test_needs_add_up_over_the_modes():
    """A claim that stands twice needs the witnesses of both where both apply."""
    claims = [
        Claim(id="purchase", needs=(WitnessKind.HTTP, WitnessKind.LEDGER)),
        Claim(id="purchase", needs=(WitnessKind.LOG,), modes=(Mode.SANDBOX,)),
    ]
    assert needed(claims, Mode.SANDBOX) == {"purchase": (WitnessKind.HTTP, WitnessKind.LEDGER, WitnessKind.LOG)}
    assert needed(claims, Mode.LIVE) == {"purchase": (WitnessKind.HTTP, WitnessKind.LEDGER)}
    assert not twice(claims)
    assert twice([*claims, Claim(id="purchase", needs=(WitnessKind.LOG,))]) == "purchase.log"


def test_a_witness_that_was_never_recorded_is_missing():
    """What a gate asks for and the journal lacks is named, freshness of the trace id as well; it counts in the tally."""
    claims = [Claim(id="purchase", needs=THREE)]
    assert unwitnessed(claims, [recorded()], Mode.LIVE) == (
        "claim purchase has no witness of kind log, ledger: none was recorded",
        "the trace id was never looked up in the log before the purchase",
    )
    assert standing(claims, [recorded()], Mode.LIVE) == {"purchase": "1 of 3"}
    whole = [recorded(kind) for kind in THREE]
    fresh = ev.ProofRecorded(name=FRESH, source="application log", status=ProofStatus.HOLDS)
    assert unwitnessed(claims, [*whole, fresh], Mode.LIVE) == ()
    assert standing(claims, whole, Mode.LIVE) == {"purchase": "3 of 3"}


def with_claims(needs='["http", "log", "ledger"]'):
    """The small gate with one claim."""
    return read_gate(SOURCE + f'[[claims]]\nid = "purchase"\nneeds = {needs}\n'.encode(), "gate.toml")


def judged(*proofs):
    """The verdict of a whole run with these proofs in its first row."""
    events = whole_run()
    begun = events[0].model_copy(update={"gate": with_claims().model_dump(mode="json")})
    return judge(folded([begun, events[1], *proofs, *events[2:]]))


FRESH_HOLDS = ev.ProofRecorded(name=FRESH, source="application log", status=ProofStatus.HOLDS)


def test_three_of_three_pass():
    """All three witnesses and a fresh trace id: PASS."""
    assert judged(FRESH_HOLDS, *(recorded(kind) for kind in THREE)).verdict is Verdict.PASS


@pytest.mark.parametrize("absent", [*THREE, FRESH])
def test_two_of_three_are_conditional(absent):
    """Whichever witness was never recorded, or the freshness of the trace id: CONDITIONAL, never PASS."""
    proofs = [recorded(kind) for kind in THREE if kind != absent]
    assert judged(*([] if absent == FRESH else [FRESH_HOLDS]), *proofs).verdict is Verdict.CONDITIONAL


def test_a_silent_witness_is_conditional_and_a_contradicting_one_fails():
    """The verdict's reason says what the witness lacks or contradicts."""
    http, ledger = recorded(), recorded(WitnessKind.LEDGER)
    silent = recorded(WitnessKind.LOG, ProofStatus.MISSING, detail="no entry came")
    judgement = judged(FRESH_HOLDS, http, ledger, silent)
    assert judgement.verdict is Verdict.CONDITIONAL
    assert judgement.reasons == ("proof purchase_log (application log) is missing: no entry came",)
    against = recorded(WitnessKind.LOG, ProofStatus.CONTRADICTS, detail="it says EUR 4.00, purchase_http says EUR 5.00")
    judgement = judged(FRESH_HOLDS, http, ledger, against)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reasons[0] == (
        "proof purchase_log (application log) contradicts the others: it says EUR 4.00, purchase_http says EUR 5.00"
    )


def test_proofs_that_disagree_in_the_journal_fail():
    """A recorder that let two amounts pass does not decide: the journal is compared again."""
    judgement = judged(
        FRESH_HOLDS,
        recorded(amount="EUR 5.00"),
        recorded(WitnessKind.LOG),
        recorded(WitnessKind.LEDGER, amount="EUR 4.00"),
    )
    assert judgement.verdict is Verdict.FAIL
    assert "it says EUR 4.00, purchase_http says EUR 5.00" in judgement.reasons[0]


def test_a_claim_has_each_witness_once():
    """A second witness of the same kind for one claim is refused, whatever its name."""
    again = recorded().model_copy(update={"name": "another"})
    with pytest.raises(IllegalEventError, match="claim purchase has its witness http twice"):
        judged(recorded(), again)


def test_freshness_is_told_before_the_purchase():
    """A look after the purchase was intended proves nothing, and is no event of a journal."""
    gate = read_gate(SOURCE.replace(b'id = "one"', b'id = "one"\nmoney = true'), "gate.toml")
    events = whole_run()
    begun = events[0].model_copy(update={"gate": gate.model_dump(mode="json")})
    at = next(index for index, event in enumerate(events) if isinstance(event, ev.RowStarted) and event.row == "one")
    bought = ex.ChargeIntended(
        amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/orders", body_sha256="f" * 64
    )
    before = [begun, *events[1 : at + 1]]
    folded([*before, FRESH_HOLDS, bought])
    with pytest.raises(IllegalEventError, match="told before anything is bought"):
        folded([*before, bought, FRESH_HOLDS])


def test_proofs_of_older_journals_are_read():
    """A line without the fields that came later is a proof with nothing in them."""
    line = (
        '{"at":"2026-11-20T09:14:00.000Z","elapsed_seconds":1.0,"event":{"detail":"","kind":"proof","name":"http",'
        '"source":"target","status":"holds"},"prev":"' + "0" * 64 + '","seq":0}'
    )
    event = Entry.model_validate_json(line).event
    assert (event.name, event.claim, event.witness, event.ids, event.extract_sha256) == ("http", "", None, {}, "")


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        (
            '[[claims]]\nid = "purchase"\nneeds = ["bank"]\n',
            "gate.toml: claims[0].needs[0]: is not one of the allowed values",
        ),
        ('[[claims]]\nid = "purchase"\nneeds = []\n', "gate.toml: claims[0].needs: has the wrong type or form"),
        (
            '[[claims]]\nid = "purchase"\nneeds = ["log", "log"]\n',
            "gate.toml: claims.purchase.log: is asked for twice in one mode",
        ),
    ],
    ids=["unknown_witness", "no_witness", "twice"],
)
def test_wrong_claims_are_refused(claims, text):
    """A gate names witnesses there are, at least one, and each once in a mode."""
    with pytest.raises(ConfigurationError) as refused:
        read_gate(SOURCE + claims.encode(), "gate.toml")
    assert refused.value.refusal.refused == text
