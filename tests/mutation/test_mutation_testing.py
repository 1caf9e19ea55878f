"""The mutation tester itself: what it changes, what counts as killed, and that its list of equivalents cannot rot."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from pytest_paygate.checks import webhooks
from pytest_paygate.cli.countersign import countersign
from tests.mutation import ledger
from tests.mutation.__main__ import judged, line
from tests.mutation.mutants import mutants
from tests.mutation.scope import ROOT, SCOPE, SOURCES, chosen
from tests.mutation.trial import Outcome, _Loop, exchange, outcome_of, try_at_once

SOURCE = '''"""A module."""

LIMIT = {"a": 1, "b": 2}


class Thing:
    """A thing."""

    @property
    def is_open(self) -> bool:
        """Whether it is."""
        if self.known and self.seen < 3:
            raise ValueError("no")
        return bool(self.seen)
'''
ENTRY = """
[[equivalent]]
module = "core/money.py"
scope = "s"
was = "a"
now = "b"
reason = "both say the same of every amount"
"""


def test_every_part_of_a_module_is_changed():
    """Tables, properties, conditions, operands, texts, returns and statements: each kind of change is made."""
    found = {(one.scope, one.function, one.now) for one in mutants("core/x.py", SOURCE)}
    method = ("Thing.is_open", "Thing.is_open")
    assert {
        ("LIMIT", "", 'LIMIT = {"a": 1, }'),
        ("LIMIT", "", 'LIMIT = {"a": 2, "b": 2}'),
        (*method, "if not (self.known and self.seen < 3):"),
        (*method, "if (self.known):"),
        (*method, "if self.known or self.seen < 3:"),
        (*method, "if self.known and self.seen <= 3:"),
        (*method, 'raise ValueError("XXnoXX")'),
        (*method, "pass"),
        (*method, "return None"),
    } <= found


def test_a_function_inside_of_another_is_imported_anew():
    """What may have been made on import is not reached by exchanging the body of the function around it."""
    source = "def outer():\n    def inner():\n        return 1 + 1\n    return inner(2)\n"
    assert {one.function for one in mutants("core/x.py", source) if one.scope == "outer"} == {"outer"}
    assert {one.function for one in mutants("core/x.py", source) if one.scope == "outer.inner"} == {""}


def test_a_body_that_has_lost_its_super_is_imported_anew():
    """It no longer closes over its class, so it cannot be put where one stands that does: nobody could have killed it."""
    source = "class Late(Exception):\n    def __init__(self, on):\n        super().__init__(on)\n        self.on = on\n"
    found = {one.now: one.function for one in mutants("core/x.py", source)}
    assert found == {"pass": "", "super().__init__(None)": "Late.__init__", "self.on = None": "Late.__init__"}


def test_what_only_a_type_checker_reads_is_left_as_it_is():
    """Type variables, aliases and what is imported for types alone have no mutants: nothing could notice."""
    source = 'T = TypeVar("T")\nP = ParamSpec("P")\nName: TypeAlias = str | int\nif TYPE_CHECKING:\n    LIMIT = 3\n'
    assert mutants("core/x.py", source) == []


def test_a_mutant_keeps_its_name_when_lines_move():
    """What a mutant is known by does not change when something is written above it."""
    moved = SOURCE.replace("LIMIT =", "OTHER = None\n\n\nLIMIT =")
    names = {one.key for one in mutants("core/x.py", SOURCE)}
    assert names <= {one.key for one in mutants("core/x.py", moved)}
    assert len(names) == len(mutants("core/x.py", SOURCE))


def test_a_timeout_is_a_survivor():
    """A mutant that runs on, or dies of a signal, is not killed, and cannot be excused as equivalent."""
    work = {"on": lambda: __import__("time").sleep(60), "red": lambda: 1, "green": lambda: 0}
    one, two, three = mutants("core/x.py", SOURCE)[:3]
    outcomes = []
    try_at_once(zip((one, two, three), work.values(), strict=True), 2, 0.1, lambda *told: outcomes.append(told))
    assert dict(outcomes) == {one: Outcome.TIMEOUT, two: Outcome.KILLED, three: Outcome.SURVIVED}
    assert outcome_of(11) is Outcome.TIMEOUT
    counts, problems = judged(outcomes, {one.key: "a reason", three.key: "a reason"})
    assert line(counts) == "3 killed=1 equivalent=1 survived=1"
    assert problems == [f"timeout: {one}"]


def test_a_change_reaches_the_function_of_a_check(monkeypatch):
    """What a check judges with is changed, although its name stands for the check."""
    module = "checks/webhooks.py"
    made = mutants(module, (SOURCES / module).read_text("utf-8"))
    empty = next(one for one in made if one.scope == "unsigned_refused" and one.now == "return None")
    judge = webhooks.unsigned_refused.judge
    monkeypatch.setattr(judge, "__code__", judge.__code__)
    assert judge(200) is not None
    exchange(empty)
    assert judge(200) is None


def test_a_change_reaches_the_function_of_a_command(monkeypatch):
    """What a command does is changed below everything it is decorated with."""
    module = "cli/countersign.py"
    made = mutants(module, (SOURCES / module).read_text("utf-8"))
    unchecked = next(
        one
        for one in made
        if one.scope == "countersign" and one.was == "_check_first(bundle, who)" and one.now == "pass"
    )
    command = inspect.unwrap(countersign.callback)
    monkeypatch.setattr(command, "__code__", command.__code__)
    assert "_check_first" in command.__code__.co_names
    exchange(unchecked)
    assert "_check_first" not in command.__code__.co_names


def test_a_change_that_cannot_be_made_is_a_survivor():
    """No test has noticed it: a function that is not there may not count as killed."""
    one = mutants("checks/webhooks.py", "def nobody():\n    return 1 + 1\n")[0]
    outcomes = []
    try_at_once([(one, lambda: _Loop._changed(None, one))], 1, 5.0, lambda *told: outcomes.append(told))
    assert outcomes == [(one, Outcome.TIMEOUT)]


def test_an_equivalent_that_is_killed_is_an_error():
    """An entry that a test refutes has to go."""
    one = mutants("core/x.py", SOURCE)[0]
    assert judged([(one, Outcome.KILLED)], {one.key: "a reason"})[1] == [f"killed, and listed as equivalent: {one}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENTRY.replace("reason", "why"), "an entry has module, scope, was, now, reason"),
        (ENTRY.replace("both say the same of every amount", "equivalent"), "has no reason"),
        (ENTRY + ENTRY, "is listed twice"),
    ],
)
def test_an_entry_without_its_parts_is_refused(text, said):
    """Each equivalent stands once, with a reason."""
    with pytest.raises(ValueError, match=said):
        ledger.read(text)


def test_every_listed_equivalent_is_a_mutant_there_is():
    """An entry whose code has gone is an error."""
    listed = ledger.read(ledger.FILE.read_text("utf-8"))
    touched = sorted({key[0] for key in listed})
    made = [one for module in touched for one in mutants(module, (SOURCES / module).read_text("utf-8"))]
    assert ledger.stale(listed, made, list(SCOPE)) == []
    assert ledger.stale(ledger.read(ENTRY), made, list(SCOPE)) == [("core/money.py", "s", "a", "b", 1)]


def test_only_what_is_in_the_scope_is_mutated(monkeypatch):
    """A module is named by its whole name, or with others by their short one; an unknown one is refused with those there are."""
    assert chosen(["money", "core/verdict.py", "money"]) == ["core/money.py", "core/verdict.py"]
    monkeypatch.setitem(SCOPE, "other/money.py", ())
    assert chosen(["money"]) == ["core/money.py", "other/money.py"]
    monkeypatch.undo()
    assert chosen([]) == list(SCOPE)
    with pytest.raises(ValueError, match=r"mney is not mutated; choose from .*, money, .*, verdict"):
        chosen(["mney"])


def test_a_sample_is_tried_for_real():
    """A few mutants of one module, each in its own process, and the last line says what became of them."""
    command = [sys.executable, "-m", "tests.mutation", "money", "--sample", "6", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert "a sample of 6 out of" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("mutants: 6 killed=")
    assert done.returncode == (0 if "survived=0" in done.stdout.splitlines()[-1] else 1)
