"""Refusals: five labelled lines in their order, what each kind carries beside them, and which name is suggested."""

from __future__ import annotations

import pytest

from pytest_paygate.core import errors
from pytest_paygate.core.errors import Refusal, configuration, nearest

REFUSAL = Refusal("The plan is refused.", "one amount", "two amounts", "No money moved.", "Make a new plan.")
TEXT = """\
The plan is refused.
  expected  one amount
  observed  two amounts
  money     No money moved.
  next      Make a new plan."""
PLAIN = (
    errors.PaygateError,
    errors.ConfigurationError,
    errors.JournalError,
    errors.RowFailedError,
    errors.GuardBreachError,
    errors.RowPendingError,
    errors.TargetError,
    errors.ProviderError,
    errors.ApprovalError,
    errors.StoreError,
    errors.SamplesError,
    errors.DatabaseError,
)


def carried(error: errors.PaygateError) -> tuple[object, ...]:
    """What every refusal carries: its five sentences, the text it prints, and what it says in short."""
    return error.refusal, str(error), error.args


def test_a_refusal_is_five_labelled_lines():
    """What was refused, then expected, observed, money and next, a line each."""
    assert REFUSAL.text() == TEXT
    assert errors.NOTHING_MOVED == "No money moved."


@pytest.mark.parametrize("kind", PLAIN)
def test_every_kind_carries_its_refusal_and_prints_it(kind):
    """Whichever it is: the five sentences when printed, the first one in short, and it can be caught as one of ours."""
    assert carried(kind(REFUSAL)) == (REFUSAL, TEXT, ("The plan is refused.",))
    assert issubclass(kind, errors.PaygateError)


def test_a_breached_guard_is_a_failed_row():
    """Whoever handles a row that failed handles a breached guard."""
    assert issubclass(errors.GuardBreachError, errors.RowFailedError)


def test_what_is_missing_is_named():
    """The fact that is missing, and the conditions that do not hold, beside the five sentences."""
    missing = errors.MissingFactError("payment_id", REFUSAL)
    assert (missing.name, *carried(missing)) == ("payment_id", REFUSAL, TEXT, ("The plan is refused.",))
    closed = errors.InterlockError(("lock", "mode"), REFUSAL)
    assert (closed.conditions, *carried(closed)) == (("lock", "mode"), REFUSAL, TEXT, ("The plan is refused.",))


def test_a_target_that_did_not_answer_was_reached_unless_said_otherwise():
    """Only who knows that no connection came about may say `unsent`; what happened has its word."""
    told = errors.TargetError(REFUSAL)
    assert (told.failure, told.unsent) == ("", False)
    told = errors.TargetError(REFUSAL, failure="refused", unsent=True)
    assert (told.failure, told.unsent) == ("refused", True)
    assert carried(told) == (REFUSAL, TEXT, ("The plan is refused.",))


def test_what_a_provider_said_is_carried_and_empty_where_nothing_was():
    """Status, code and the provider's own id of the call."""
    told = errors.ProviderError(REFUSAL)
    assert (told.status, told.code, told.request_id) == (0, "", "")
    told = errors.ProviderError(REFUSAL, status=402, code="card_declined", request_id="req_1")
    assert (told.status, told.code, told.request_id) == (402, "card_declined", "req_1")
    assert carried(told) == (REFUSAL, TEXT, ("The plan is refused.",))


@pytest.mark.parametrize(
    ("value", "known", "said"),
    [
        ("stagin", ("staging", "sandbox"), " Did you mean 'staging'?"),
        ("refund", iter(["refunds", "refund_", "refund"]), " Did you mean 'refund'?"),
        ("abcd", ("abxy", "zzzz"), " Did you mean 'abxy'?"),
        ("abcde", ("abxyz",), ""),
        ("it's", ("it",), " Did you mean 'it'?"),
        ("staging", (), ""),
    ],
)
def test_the_nearest_known_name_is_suggested(value, known, said):
    """One name, the closest, when at least half of the letters agree; nothing otherwise."""
    assert nearest(value, known) == said


def test_a_wrong_setting_says_where_and_that_nothing_moved():
    """Place and what is wrong in one sentence; nothing has been sent yet."""
    told = configuration("f.toml: a.b", "is missing", expected="a value", observed="nothing", next_step="Add it.")
    assert type(told) is errors.ConfigurationError
    assert told.refusal == Refusal("f.toml: a.b: is missing", "a value", "nothing", "No money moved.", "Add it.")
