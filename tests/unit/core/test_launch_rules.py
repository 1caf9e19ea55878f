"""The launch decision: every line of the checklist, what it waits for, and what all of them add up to, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core.events import HistoryKnown, Mode, PastRun, RowFinished, RowStatus, RunFinished
from pytest_paygate.core.launch import (
    GoLive,
    GoLiveItem,
    Launch,
    LaunchLine,
    LaunchRun,
    bound_seals,
    failed_before,
    failures_item,
    launch,
    signed_judgement,
)
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.run import RunState
from pytest_paygate.core.sign_offs import SignOff
from pytest_paygate.core.verdict import Decision, Verdict
from tests.properties.gates import GATE, folded, passing_row, started, whole_run

NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
AT = "2026-11-20T09:15:00Z"
BEGAN = "2026-01-01T00:00:00.000Z"
SEAL, OLDER = "1" * 64, "2" * 64
GO, PENDING, NO_GO = Decision.GO, Decision.PENDING, Decision.NO_GO
RUN = LaunchRun(folded(whole_run(Mode.LIVE)), SEAL)
RED = LaunchRun(
    folded(
        [
            started(Mode.LIVE),
            *passing_row("check"),
            RowFinished(row="one", status=RowStatus.SKIPPED, reason="later"),
            RunFinished(complete=True, reason="done"),
        ]
    ),
    SEAL,
)
EVIDENCE = "statement.pdf (sha256 0123456789ab…)"
ITEM = GoLiveItem(id="support", title="Support knows", owner="Cleo")
WAITS = "waits for operator to sign"


def word(item: str = "small/statement", **changed: object) -> SignOff:
    """Ann's word for the bundle."""
    return SignOff.model_validate(
        {
            "item": item,
            "by": "Ann",
            "at": AT,
            "evidence": "statement.pdf",
            "evidence_sha256": "0123456789abcdef" * 4,
            "seals": {"small": SEAL},
            "previous": "",
            **changed,
        }
    )


def decided(
    run: LaunchRun | None = RUN, *words: SignOff, items: tuple[GoLiveItem, ...] = (), now: datetime = NOW
) -> Launch:
    """The launch of one gate."""
    return launch({"small": run}, GoLive(items=items), words, now)


def line(item: str, title: str, owner: str, decision: Decision, why: str, anchor: str, **more: str) -> LaunchLine:
    """A line of the run."""
    return LaunchLine(item, title, owner, decision, why, "small", "r1", anchor, "c", **{"at": BEGAN, **more})


def statement(decision: Decision, why: str, **more: str) -> LaunchLine:
    """The line of the criterion that a person has to sign."""
    return line("small/statement", "Bank statement", "operator", decision, why, "c-statement", **more)


def item(
    words: tuple[SignOff, ...], one: GoLiveItem = ITEM, run: LaunchRun | None = RUN, now: datetime = NOW
) -> LaunchLine:
    """The line of an item."""
    return decided(run, *words, items=(one,), now=now).lines[-1]


def test_a_launch_of_nothing_is_never_go():
    """No line, no decision; a gate without a live run waits for one."""
    assert launch({}, GoLive(), (), NOW) == Launch(PENDING, (), NOW)
    waits = LaunchLine("small", "a live run", "operator", PENDING, "no live run yet", "small", "", "", "", "", "")
    assert decided(None) == Launch(PENDING, (waits,), NOW)
    for state in (RunState(), replace(RUN.state, started=None), replace(RUN.state, gate=None)):
        assert decided(LaunchRun(state, SEAL)) == Launch(PENDING, (waits,), NOW)
    assert LaunchLine("i", "t", "o", GO, "w") == LaunchLine("i", "t", "o", GO, "w", "", "", "", "", "", "")
    assert (LaunchRun(RunState(), "").run_id, LaunchRun(RunState(), "").gate_id) == ("", "")
    assert (RUN.run_id, RUN.gate_id, RUN.problem) == ("r1", "small", "")


def test_a_signed_run_is_go():
    """Every line of it, with the run and the place in its report; what a person signed has time and evidence of theirs."""
    assert decided(RUN, word()) == Launch(
        GO,
        (
            line("small", "Small", "operator", GO, "PASS: every row with its evidence, every criterion met", "rows"),
            line("small/whole", "Whole", "me", GO, "met", "c-whole"),
            line("small/fast", "Fast", "me", GO, "met", "c-fast"),
            statement(GO, "signed by Ann", at=AT, evidence=EVIDENCE),
        ),
        NOW,
    )


def test_what_waits_for_a_person_is_pending():
    """So is the run, and the launch."""
    found = decided()
    assert found.decision is PENDING
    assert found.lines[0].why == f"PENDING: criterion statement: {WAITS}"
    assert found.lines[0].decision is PENDING
    assert found.lines[3] == statement(PENDING, WAITS)


def test_a_word_for_an_older_bundle_still_shows():
    """It does not count, and is told with its day."""
    found = decided(RUN, word(seals={"small": OLDER}))
    assert found.lines[3] == statement(
        PENDING, f"{WAITS}; Ann signed for an older bundle on 2026-11-20", at=AT, evidence=EVIDENCE
    )
    assert found.decision is PENDING


@pytest.mark.parametrize(("note", "told"), [("", "refused by Ann"), ("no money", "refused by Ann: no money")])
def test_a_refusal_is_no_go(note, told):
    """Whatever was said before; a later word counts."""
    refusal = word(refused=True, note=note)
    found = decided(RUN, word(), refusal)
    assert found.lines[3] == statement(NO_GO, told, at=AT, evidence=EVIDENCE)
    assert found.decision is NO_GO
    assert decided(RUN, refusal, word()).decision is GO


def test_only_a_persons_criterion_can_be_signed():
    """A word for one that is computed changes nothing of it."""
    assert decided(RUN, word(), word("small/fast", refused=True)).lines[2].why == "met"
    assert decided(RUN, word(), word("small/fast", refused=True)).decision is GO


def test_a_red_run_is_no_go():
    """Its verdict with its first reason, each criterion with its own; a signature does not help."""
    found = decided(RED, word())
    assert [(one.decision, one.why) for one in found.lines] == [
        (NO_GO, "INCOMPLETE: row 1 (one) is SKIPPED: later"),
        (NO_GO, "1 (one) is SKIPPED"),
        (NO_GO, "2 (two) is NOT_RUN"),
        (NO_GO, "2 (two) is NOT_RUN; Ann signed for an older bundle on 2026-11-20"),
    ]
    assert found.decision is NO_GO


def test_a_bundle_that_is_not_believed_is_no_go():
    """Nothing in it is GO; what waited is told as it was."""
    found = decided(replace(RUN, problem="manifest.json is missing"))
    assert [(one.decision, one.why) for one in found.lines] == [
        (NO_GO, "the bundle is not believed: manifest.json is missing"),
        (NO_GO, "the bundle is not believed"),
        (NO_GO, "the bundle is not believed"),
        (PENDING, WAITS),
    ]


def test_the_worst_line_decides():
    """NO-GO beats PENDING beats GO, wherever they stand; gates come before items."""
    found = launch({"none": None, "small": RUN}, GoLive(items=(ITEM,)), [word(), word("support")], NOW)
    assert [one.decision for one in found.lines] == [PENDING, GO, GO, GO, GO, PENDING]
    assert found.decision is PENDING
    assert [one.item for one in found.lines][-1] == "support"
    assert launch({"small": RED, "none": None}, GoLive(), [], NOW).decision is NO_GO


def after(*verdicts: str) -> LaunchRun:
    """The run, which knows of earlier ones that ended so."""
    runs = tuple(PastRun(run_id=f"e{number}", verdict=one, seconds=1.0) for number, one in enumerate(verdicts))
    return replace(RUN, state=replace(RUN.state, history=HistoryKnown(runs=runs)))


@pytest.mark.parametrize(
    ("verdicts", "failed"),
    [
        ((), ()),
        (("PASS",), ()),
        (("FAIL", "STOPPED", "ESCALATED", "INCOMPLETE"), ("e0", "e1", "e2", "e3")),
        (("PENDING", "FAIL", "CONDITIONAL"), ("e1",)),
        (("FAIL", "PASS", "STOPPED", "PENDING", "FAIL"), ("e2", "e4")),
        (("FAIL", "PASS"), ()),
        (("no verdict",), ()),
    ],
)
def test_the_runs_that_failed_since_the_last_that_passed(verdicts, failed):
    """FAIL, STOPPED, ESCALATED and INCOMPLETE, oldest first; a run that knows of none has none."""
    run = after(*verdicts)
    assert tuple(one.run_id for one in failed_before(run.state)) == failed
    titles = [one.title for one in decided(run, word()).lines]
    assert ("Runs that failed before this one, written up" in titles) is bool(failed)
    assert failed_before(RUN.state) == ()


FAILED = after("FAIL", "PASS", "FAIL", "STOPPED")
MANY = after(*["FAIL"] * 4, "ESCALATED")


def written_up(run: LaunchRun, *words: SignOff) -> LaunchLine:
    """The line of the runs that failed before."""
    found = decided(run, word(), *words)
    assert found.decision is found.lines[-1].decision
    return found.lines[-1]


def test_runs_that_failed_before_wait_for_their_write_up():
    """The last three are told, the others counted; refused is NO-GO, signed for this very bundle is GO."""
    assert failures_item("small") == "small/earlier_runs"
    item, title = "small/earlier_runs", "Runs that failed before this one, written up"
    waits = line(item, title, "operator", PENDING, "waits for the write-up of e2 FAIL, e3 STOPPED", "trend")
    assert written_up(FAILED) == waits
    assert written_up(MANY).why == "waits for the write-up of e2 FAIL, e3 FAIL, e4 ESCALATED and 2 before"
    assert written_up(after("FAIL", "FAIL", "FAIL")).why == "waits for the write-up of e0 FAIL, e1 FAIL, e2 FAIL"
    told = replace(waits, at=AT, evidence=EVIDENCE)
    assert written_up(FAILED, word(item, seals={"small": OLDER})) == told
    signed = replace(told, decision=GO, why="written up after e2 FAIL, e3 STOPPED; signed by Ann")
    assert written_up(FAILED, word(item)) == signed
    why = "written up after e2 FAIL, e3 FAIL, e4 ESCALATED and 2 before; signed by Ann"
    assert written_up(MANY, word(item)).why == why
    for note, why in (("", "refused by Ann"), ("not all", "refused by Ann: not all")):
        assert written_up(FAILED, word(item, refused=True, note=note)) == replace(told, decision=NO_GO, why=why)


def test_an_item_waits_for_its_owner():
    """Until somebody signs it for the bundles it rests on."""
    assert item(()) == LaunchLine("support", "Support knows", "Cleo", PENDING, "waits for Cleo to sign")
    signed = LaunchLine("support", "Support knows", "Cleo", GO, "signed by Ann", at=AT, evidence=EVIDENCE)
    assert item((word("support"),)) == signed
    older = replace(signed, decision=PENDING, why="Ann signed for an older bundle on 2026-11-20")
    assert item((word("support", seals={"small": OLDER}),)) == older
    # Whatever it names: no word is for a bundle that is not there.
    for seal in (SEAL, "", "none", "XXXX"):
        assert item((word("support", seals={"small": seal}),), run=None) == older
    assert item((word("support", refused=True),)) == replace(signed, decision=NO_GO, why="refused by Ann")
    noted = word("support", refused=True, note="no", seals={"small": OLDER})
    assert item((noted,)) == replace(signed, decision=NO_GO, why="refused by Ann: no")


def test_an_item_that_stands_by_itself_rests_on_no_bundle():
    """Any signature of it counts."""
    standing = ITEM.model_copy(update={"stands": True})
    assert item((word("support", seals={}),), standing).decision is GO


@pytest.mark.parametrize(
    ("age", "at", "decision"),
    [
        (timedelta(days=3), AT, GO),
        (timedelta(days=3, seconds=1), AT, PENDING),
        (timedelta(days=3), "2026-11-20T09:15:00", GO),
        (timedelta(days=3), "2026-11-20T10:15:00+01:00", GO),
        (timedelta(days=3), "2026-11-20T10:15:00+02:00", PENDING),
        (timedelta(0), "2026-11-20 long ago", PENDING),
    ],
)
def test_an_item_may_stand_only_so_long(age, at, decision):
    """To the second; a time without a zone is UTC, one that cannot be read is too old."""
    limited = ITEM.model_copy(update={"valid_days": 3})
    found = item((word("support", at=at),), limited, now=datetime(2026, 11, 20, 9, 15, tzinfo=UTC) + age)
    why = "signed by Ann" if decision is GO else "Ann signed on 2026-11-20, more than 3 days ago"
    assert (found.decision, found.why) == (decision, why)


def test_the_bundles_an_item_rests_on():
    """Those of its gates; of all of them when it names none."""
    seals = {"a": "1", "b": "", "c": "3"}
    assert bound_seals(ITEM, seals) == seals
    assert bound_seals(ITEM.model_copy(update={"gates": ("a", "b", "z")}), seals) == {"a": "1", "b": ""}


def test_a_run_is_judged_with_the_words_for_its_very_bundle():
    """The last word on a criterion, when it is no refusal and for this seal."""
    for words, verdict in (
        ((), Verdict.PENDING),
        ((word(),), Verdict.PASS),
        ((word("small/whole"), word()), Verdict.PASS),
        ((word(seals={"small": OLDER}),), Verdict.PENDING),
        ((word(), word(refused=True)), Verdict.PENDING),
        ((word("other/statement", seals={"other": SEAL}),), Verdict.PENDING),
    ):
        assert signed_judgement(RUN, words).verdict is verdict
    assert signed_judgement(LaunchRun(RunState(), ""), ()).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("id", ("a", "a" * 40, "a_1"), ("", "a" * 41, "A", "1", "a-b")),
        ("title", ("t", "t" * 160), ("", "t" * 161)),
        ("owner", ("o", "o" * 120), ("", "o" * 121)),
        ("valid_days", (None, 1, 400), (0, 401)),
    ],
)
def test_the_form_of_an_item(key, good, bad):
    """Every text and number has its bounds; what is left out asks for nothing."""
    plain = ITEM.model_dump()
    assert plain == {**plain, "gates": (), "stands": False, "valid_days": None}
    assert GoLive().model_dump() == {"gates": (), "items": ()}
    for value in good:
        assert getattr(GoLiveItem.model_validate({**plain, key: value}), key) == value
    for value in bad:
        with pytest.raises(ValidationError):
            GoLiveItem.model_validate({**plain, key: value})


def test_the_gate_of_these_runs_is_the_one_they_are_told_of():
    """Three criteria, the last of them a person's."""
    assert [one.id for one in GATE.criteria] == ["whole", "fast", "statement"]
