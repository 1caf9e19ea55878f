"""What a check says in words of its own reaches the reader: none of it is taken for a text that is not shown."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_paygate.checks.refund_course import refund_in_time
from pytest_paygate.checks.transfers import no_other_transfer
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Transfer
from pytest_paygate.core.redaction import plain

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SOURCES = [*ROOT.glob("src/pytest_paygate/checks/*.py"), *ROOT.glob("suites/*/*.py")]
# Where a text goes through `plain` on its way to a reader, by call: positions and names of the arguments.
SHOWN = {
    "Finding": ((1, 2), ("observed", "expected")),
    "same": ((), ("observed", "expected")),
    "check": ((), ("observed", "expected")),
    "anomaly": ((0, 1), ("code", "detail")),
}


def written(node: ast.expr) -> list[str]:
    """The texts that an expression writes itself, with a short word for each value put into one."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(part.value if isinstance(part, ast.Constant) else "x1" for part in parts)]
        case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            return [text for value in values for text in written(value)]
        case ast.IfExp(body=body, orelse=orelse):
            return [*written(body), *written(orelse)]
        case ast.Call(args=[ast.GeneratorExp(elt=one)]):
            return written(one)
    return []


def shown_texts() -> list[object]:
    """Every such text of every check and suite, with the place it stands at."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            places, names = SHOWN.get(name, ((), ()))
            values = [value for place, value in enumerate(call.args) if place in places]
            values += [keyword.value for keyword in call.keywords if keyword.arg in names]
            texts = [text for value in values for text in written(value)]
            place = f"{path.parent.name}/{path.name}:{call.lineno}:{call.col_offset}"
            found += [pytest.param(text, id=f"{place}-{count}") for count, text in enumerate(texts)]
    return found


@pytest.mark.parametrize("text", shown_texts())
def test_own_words_are_shown(text: str) -> None:
    """A text that a check or a suite writes itself is plain enough to be shown as it stands."""
    assert plain(text) == text


def test_there_are_own_words() -> None:
    """The walk above finds what it is about."""
    assert len(shown_texts()) > 40


def test_each_of_several_things_is_shown() -> None:
    """However many ids stand in one finding: the operator must see which they are, and that there are more."""
    none = Money(0, "EUR")
    made = [
        Transfer(f"tr_1SxK2pQ9mN4vB7cR8dT6fH{number}", Money(450, "EUR"), "acct_1", none, "ch_1", NOW, None, "ord_1")
        for number in range(11)
    ]
    found = no_other_transfer.judge(made, made[0], "ord_1")
    assert found is not None
    assert plain(found.observed) == (", ".join(f"{one.transfer_id} of EUR 4.50" for one in made[1:9]) + ", and 2 more")


def test_a_refund_before_its_charge_is_said() -> None:
    """A negative time would begin with a minus, which no text of a message may: it is told as what it is."""
    found = refund_in_time.judge(-119, 2.0, 60)
    assert found is not None
    assert plain(found.observed) == "a refund 119 s before its charge on the clock of the provider"
