"""Claims on their own: what a gate asks for in a mode, what of it was never recorded, and how much of it holds."""

from __future__ import annotations

import pytest

from pytest_paygate.core.claims import Claim, needed, standing, twice, unwitnessed
from pytest_paygate.core.events import Mode, ProofRecorded
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.proof import FRESH, ProofStatus, WitnessKind

HTTP, LOG, LEDGER = WitnessKind.HTTP, WitnessKind.LOG, WitnessKind.LEDGER
FRESH_LOOK = "the trace id was never looked up in the log before the purchase"


def recorded(kind, claim="purchase", status=ProofStatus.HOLDS):
    """A proof in the journal."""
    return ProofRecorded(name=f"{claim}_{kind}", source=kind.source, status=status, claim=claim, witness=kind)


FRESH_HOLDS = ProofRecorded(name=FRESH, source="application log", status=ProofStatus.HOLDS)


def claim(*needs, id="purchase", **more):  # noqa: A002 - the field's name
    """A claim."""
    return Claim(id=id, needs=needs, **more)


@pytest.mark.parametrize("id", ["a", "a0", "a_b", "a" * 40])
def test_a_claim_has_a_plain_name_and_counts_everywhere(id):  # noqa: A002 - the field's name
    """Small letters, digits and underscores, forty at most; without modes it counts in each."""
    one = claim(HTTP, id=id)
    assert (one.id, one.modes) == (id, tuple(Mode))


@pytest.mark.parametrize("wrong", ["", "A", "0a", "_a", "a-b", "a b", "a" * 41, "a\n", "aB"])
def test_another_name_is_refused(wrong):
    """A name that is no name of a claim is not read."""
    with pytest.raises(ValidationError, match="String should match pattern"):
        claim(HTTP, id=wrong)


def test_a_claim_needs_a_witness():
    """A claim that needs nobody proves nothing, and one that does not say is refused."""
    with pytest.raises(ValidationError, match="at least 1 item"):
        claim()
    with pytest.raises(ValidationError, match="Field required"):
        Claim(id="purchase")
    with pytest.raises(ValidationError, match="Field required"):
        Claim(needs=(HTTP,))


def test_what_is_needed_in_a_mode():
    """Claims of other modes are left out, those of the same name add up, in the gate's order."""
    claims = [
        claim(LEDGER, HTTP),
        claim(LOG, modes=(Mode.SANDBOX, Mode.STAGING)),
        claim(LEDGER, id="refund", modes=(Mode.LIVE,)),
    ]
    assert needed(claims, Mode.STAGING) == {"purchase": (LEDGER, HTTP, LOG)}
    assert needed(claims, Mode.LIVE) == {"purchase": (LEDGER, HTTP), "refund": (LEDGER,)}
    assert needed(claims[1:2], Mode.LIVE) == {}


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ([], ""),
        ([claim(HTTP, LOG), claim(LEDGER), claim(HTTP, LOG, id="refund")], ""),
        ([claim(HTTP, modes=(Mode.LIVE,)), claim(HTTP, modes=(Mode.STAGING,))], ""),
        ([claim(HTTP, LOG, LOG)], "purchase.log"),
        ([claim(HTTP), claim(LEDGER, id="refund"), claim(LEDGER, HTTP, id="refund")], "refund.ledger"),
        ([claim(HTTP), claim(LOG, HTTP, modes=(Mode.LIVE,))], "purchase.http"),
    ],
)
def test_a_witness_is_asked_for_once_in_a_mode(claims, found):
    """The first that is asked for twice is named with its claim."""
    assert twice(claims) == found


@pytest.mark.parametrize(
    ("claims", "proofs", "lacks"),
    [
        ([], [], ()),
        ([claim(HTTP, LEDGER)], [recorded(HTTP), recorded(LEDGER)], ()),
        ([claim(HTTP)], [recorded(HTTP, status=ProofStatus.MISSING)], ()),
        ([claim(HTTP)], [], ("claim purchase has no witness of kind http: none was recorded",)),
        ([claim(HTTP)], [recorded(HTTP, "refund")], ("claim purchase has no witness of kind http: none was recorded",)),
        (
            [claim(LEDGER, HTTP), claim(HTTP, id="refund")],
            [FRESH_HOLDS],
            (
                "claim purchase has no witness of kind ledger, http: none was recorded",
                "claim refund has no witness of kind http: none was recorded",
            ),
        ),
        ([claim(LOG)], [recorded(LOG), FRESH_HOLDS], ()),
        ([claim(LOG)], [recorded(LOG)], (FRESH_LOOK,)),
        ([claim(HTTP), claim(LOG, id="refund")], [recorded(HTTP), recorded(LOG, "refund")], (FRESH_LOOK,)),
        ([claim(LOG, modes=(Mode.SANDBOX,))], [], ()),
    ],
)
def test_what_a_journal_lacks(claims, proofs, lacks):
    """Each claim's absent witnesses in one sentence; where a log is needed, so is the look that the trace id was new."""
    assert unwitnessed(claims, proofs, Mode.LIVE) == lacks


def test_how_much_of_a_claim_holds():
    """Witnesses that hold out of those there and those needed; a claim that the gate does not name is counted too."""
    claims = [claim(HTTP, LOG, LEDGER), claim(LEDGER, id="refund"), claim(LEDGER, id="fee", modes=(Mode.SANDBOX,))]
    proofs = [
        FRESH_HOLDS,
        recorded(HTTP),
        recorded(LOG, status=ProofStatus.CONTRADICTS),
        recorded(LEDGER, "payout", ProofStatus.MISSING),
        recorded(HTTP, "payout"),
    ]
    found = standing(claims, proofs, Mode.LIVE)
    assert list(found.items()) == [("purchase", "1 of 3"), ("refund", "0 of 1"), ("payout", "1 of 2")]
    assert standing(claims, [*proofs, recorded(LEDGER)], Mode.LIVE)["purchase"] == "2 of 3"
    assert standing([], [], Mode.LIVE) == {}
