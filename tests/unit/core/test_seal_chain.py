"""The log of seals: the bytes of a line, and every sentence in which a broken chain or a missing seal is told."""

from __future__ import annotations

import pytest

from pytest_paygate.core.seal_chain import Sealed, check_chain, check_place, encode_line, read_log
from pytest_paygate.core.strict import BundleError

FIRST = Sealed("prod", "run-1", "e2e", "1" * 64, "")
SECOND = Sealed("prod", "run-2", "e2e", "2" * 64, "1" * 64)
THIRD = Sealed("prod", "run-3", "e2e", "3" * 64, "2" * 64)
FOURTH = Sealed("prod", "run-4", "e2e", "4" * 64, "3" * 64)
ELSEWHERE = Sealed("staging", "run-9", "e2e", "9" * 64, "")
LOG = (FIRST, ELSEWHERE, SECOND, THIRD)
CHAIN = (FIRST, SECOND, THIRD)
WRITTEN = (
    b'{"environment": "prod", "gate": "e2e", "previous": "' + b"1" * 64 + b'", "run_id": "run-2", '
    b'"seal": "' + b"2" * 64 + b'"}\n'
)
CUT_OFF = "the log of seals was cut off: it ends at the seal before this bundle's"
FORKED = "the log of seals was forked: behind the seal before this bundle's it goes on with another one"
PUT_BACK = "the log of seals was put back, or is another one: it holds neither this bundle's seal nor the one before it"
OTHER_STORY = "the log of seals tells another run, gate or seal before at this bundle's seal"


def said(call, *arguments) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        call(*arguments)
    return str(refused.value)


def test_a_line_has_one_spelling():
    """Keys in their order; a line older than the gate key has none."""
    assert encode_line(SECOND) == WRITTEN
    old = Sealed("prod", "run-1", "", "1" * 64, "")
    assert b"gate" not in encode_line(old)
    assert read_log(WRITTEN + encode_line(old) + encode_line(ELSEWHERE)) == (SECOND, old, ELSEWHERE)
    assert read_log(b"") == ()


@pytest.mark.parametrize(
    "spoilt",
    [
        b"{\n",
        b"[]\n",
        b"[" * 200_000 + b"\n",
        WRITTEN.replace(b'"gate"', b'"rate"'),
        WRITTEN.replace(b'"run_id"', b'"run"'),
        WRITTEN.replace(b'"gate": "e2e", ', b'"gate": "", '),
        WRITTEN.replace(b'"gate": "e2e"', b'"gate": 1'),
        WRITTEN.replace(b'"run-2"', b"2"),
        WRITTEN.replace(b": ", b":", 1),
        WRITTEN.replace(b'"}\n', b'", "x": "1"}\n'),
    ],
)
def test_a_line_that_would_not_have_been_written_is_named_by_its_number(spoilt):
    """Other keys, other types, another spelling: the line is told, counted from 1."""
    assert said(read_log, spoilt) == "line 1 of the log of seals is not one of the log's"
    assert said(read_log, encode_line(FIRST) + spoilt) == "line 2 of the log of seals is not one of the log's"


def test_a_torn_last_line_is_told():
    """A log that does not end with a newline was not written to its end."""
    assert said(read_log, WRITTEN[:-1]) == "the last line of the log of seals is torn"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (
            (FIRST, ELSEWHERE, THIRD),
            "line 3 of the log of seals names a seal before it that is not there: lines were cut out",
        ),
        ((SECOND,), "line 1 of the log of seals names a seal before it that is not there: lines were cut out"),
        (
            (FIRST, SECOND, Sealed("prod", "run-8", "e2e", "8" * 64, "1" * 64)),
            "line 3 of the log of seals starts a second branch: the log was forked",
        ),
        (
            (FIRST, SECOND, Sealed("prod", "run-8", "e2e", "8" * 64, "")),
            "line 3 of the log of seals starts the chain anew: what stood before it was put away",
        ),
        ((FIRST, SECOND, FIRST), "line 3 of the log of seals stands there twice"),
    ],
)
def test_a_broken_chain_is_told_by_line_and_by_what_was_done(log, why):
    """Cut out, forked, begun anew and doubled are four things; other environments do not come in between."""
    assert check_chain(LOG, "prod") == CHAIN
    assert check_chain(LOG, "staging") == (ELSEWHERE,)
    assert check_chain(LOG, "elsewhere") == ()
    assert said(check_chain, log, "prod") == why
    assert said(check_chain, (ELSEWHERE, *log), "prod") == why.replace(why[5], str(int(why[5]) + 1), 1)


def test_a_log_that_does_not_reach_a_pinned_head_is_refused():
    """Every head has to stand in the chain of its environment; its first twelve characters are told."""
    assert check_chain(LOG, "prod", (FIRST.seal, THIRD.seal)) == CHAIN
    head = "abcdef0123456789" + "0" * 48
    assert said(check_chain, LOG, "prod", (THIRD.seal, head)) == (
        "the log of seals does not reach the pinned head abcdef012345: it was cut off before it, put back to an"
        " earlier state, or went another way"
    )
    assert "pinned head 999999999999:" in said(check_chain, LOG, "prod", (ELSEWHERE.seal,))


@pytest.mark.parametrize(
    ("chain", "seal", "why"),
    [
        (CHAIN, FOURTH, CUT_OFF),
        ((), FOURTH, CUT_OFF),
        ((), FIRST, CUT_OFF),
        (CHAIN, Sealed("prod", "run-8", "e2e", "8" * 64, "1" * 64), FORKED),
        (CHAIN, Sealed("prod", "run-8", "e2e", "8" * 64, ""), FORKED),
        (CHAIN, Sealed("prod", "run-8", "e2e", "8" * 64, "7" * 64), PUT_BACK),
        ((SECOND,), Sealed("prod", "run-8", "e2e", "8" * 64, ""), PUT_BACK),
        (CHAIN, Sealed("prod", "run-7", "e2e", SECOND.seal, SECOND.previous), OTHER_STORY),
        (CHAIN, Sealed("prod", "run-2", "other", SECOND.seal, SECOND.previous), OTHER_STORY),
        (CHAIN, Sealed("prod", "run-2", "e2e", SECOND.seal, ""), OTHER_STORY),
    ],
)
def test_a_seal_without_its_place_is_told_why(chain, seal, why):
    """Cut off, forked, put back, or with another story at its place: each in its own words."""
    assert said(check_place, chain, seal) == why


def test_a_seal_has_its_place():
    """First, middle and last are found; a line older than the gate key stands for any gate, but for no other run."""
    for seal in CHAIN:
        check_place(CHAIN, seal)
    old = Sealed("prod", "run-1", "", FIRST.seal, "")
    check_place((old, SECOND), FIRST)
    for other in (
        Sealed("prod", "run-5", "e2e", FIRST.seal, ""),
        Sealed("prod", "run-1", "e2e", FIRST.seal, "5" * 64),
    ):
        assert said(check_place, (old, SECOND), other) == OTHER_STORY


def test_a_run_that_was_sealed_again_is_believed_only_as_it_was_last():
    """The later seal is told by its first twelve characters; another gate of the same run, or no gate, is another seal."""
    head = "abcdef0123456789" + "0" * 48
    again = Sealed("prod", "run-2", "e2e", head, THIRD.seal)
    assert said(check_place, (*CHAIN, again), SECOND) == (
        "the run was sealed again later as abcdef012345: this bundle was put back to an earlier state"
    )
    at_once = Sealed("prod", "run-2", "e2e", head, SECOND.seal)
    assert "sealed again later as abcdef012345:" in said(check_place, (FIRST, SECOND, at_once), SECOND)
    check_place((*CHAIN, again), again)
    check_place((*CHAIN, Sealed("prod", "run-2", "other", head, THIRD.seal)), SECOND)
    check_place((*CHAIN, Sealed("prod", "run-7", "e2e", head, THIRD.seal)), SECOND)
    old = Sealed("prod", "run-2", "", SECOND.seal, SECOND.previous)
    check_place((FIRST, old, Sealed("prod", "run-2", "", head, SECOND.seal)), old)
