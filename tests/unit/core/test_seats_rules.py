"""The operator's seat: the words of an answer, what crosses by default, and how a wait is told at each moment."""

from __future__ import annotations

import pytest

from pytest_paygate.core import seats
from pytest_paygate.core.seats import Card, Said, Waiting, Word


def test_the_words_of_an_answer():
    """What is typed, the codes under which notes are kept, and the two times of a wait."""
    assert {one.name: one.value for one in Word} == {"DONE": "done", "ABORT": "abort", "NOTE": "note", "TODO": "todo"}
    assert (seats.OPERATOR_NOTE, seats.OPERATOR_ACTION) == ("operator_note", "action_item")
    assert (seats.QUIET_SECONDS, seats.BELL_SECONDS) == (5.0, 10.0)


def test_what_a_card_and_an_answer_leave_out():
    """No card is live, can be answered or opens a page by itself; an answer belongs to the last card."""
    card = Card("pay", "Pay", ("one",), 60.0)
    assert (card.words, card.wanted, card.fields, card.url, card.match_code, card.is_live) == (
        {},
        "",
        (),
        "",
        "",
        False,
    )
    said = Said("terminal", "done")
    assert (said.text, said.fields, said.card) == ("", {}, "")
    wait = Waiting("the charge", 10.0, 70.0)
    assert (wait.usual_seconds, wait.at_end, wait.is_countdown) == (None, "", False)


@pytest.mark.parametrize(
    ("now_seconds", "usual_seconds", "line"),
    [
        (9.0, None, ""),
        (10.0, 20.0, ""),
        (14.999, 20.0, ""),
        (15.0, None, "waiting for the charge: 5 s so far, given up in 55 s"),
        (15.0, 20.4, "waiting for the charge: 5 s so far, usually 20 s, given up in 55 s"),
        (69.6, 0.0, "waiting for the charge: 60 s so far, usually 0 s, given up in 0 s"),
        (75.0, None, "waiting for the charge: 65 s so far, given up in 0 s"),
    ],
)
def test_a_wait_is_told_once_it_is_worth_a_line(now_seconds, usual_seconds, line):
    """After five seconds, with how long it usually takes where that is known; never less than nothing is left."""
    assert Waiting("the charge", 10.0, 70.0, usual_seconds, "unused").shown(now_seconds) == line


@pytest.mark.parametrize(
    ("now_seconds", "at_end", "shown", "over"),
    [
        (10.0, "It stops.", "Pay now: 60 s left of 60 s", "Pay now: over with 60 s left"),
        (11.4, "It stops.", "Pay now: 59 s left of 60 s", "Pay now: over with 59 s left"),
        (69.5, "It stops.", "Pay now: 0 s left of 60 s", "Pay now: over with 0 s left"),
        (70.0, "It stops.", "Pay now: time is up. It stops.", "Pay now: time is up. It stops."),
        (71.0, "", "Pay now: time is up.", "Pay now: time is up."),
    ],
)
def test_a_countdown_is_told_at_once_and_to_its_end(now_seconds, at_end, shown, over):
    """What is left of the whole; when nothing is, what happens now."""
    wait = Waiting("Pay now", 10.0, 70.0, 20.0, at_end, is_countdown=True)
    assert (wait.shown(now_seconds), wait.over(now_seconds)) == (shown, over)


@pytest.mark.parametrize(("now_seconds", "line"), [(5.0, 0), (10.4, 0), (12.0, 2), (90.6, 81)])
def test_a_wait_that_has_ended_says_how_long_it_took(now_seconds, line):
    """Also one that was given up, and never less than nothing."""
    assert Waiting("the charge", 10.0, 70.0).over(now_seconds) == f"waited {line} s for the charge"
