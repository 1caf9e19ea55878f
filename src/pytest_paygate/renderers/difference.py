"""What differs between two runs of one gate: verdict, rows, facts, times. Pure; for a reader who asks what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.facts import FactKind, shown
from pytest_paygate.core.verdict import judge
from pytest_paygate.renderers import templating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.run import RowState, RunState

NOWHERE = "—"
# A row whose time changed by less than this, or by less than a half, is not worth a line.
_SECONDS_MIN = 0.5
_FACTOR = 1.5
# Every run has ids and times of its own: that they differ says nothing.
_OWN = frozenset({FactKind.IDENTIFIER, FactKind.TIME, FactKind.LINK, FactKind.SECONDS})


def difference(one: RunState, other: RunState) -> str:
    """The difference as Markdown.

    Args:
        one: the run that is compared.
        other: the run it is compared with.
    """
    return templating.markdown(
        "difference.md",
        {
            "one": one,
            "other": other,
            "head": tuple(_head(one, other)),
            "rows": tuple(_rows(one, other)),
            "facts": tuple(_facts(one, other)),
        },
    )


def _head(one: RunState, other: RunState) -> Iterator[tuple[str, str, str]]:
    first, second = one.started, other.started
    if first is None or second is None:
        return
    pairs = (
        ("verdict", str(judge(one).verdict), str(judge(other).verdict)),
        ("environment", f"{first.environment} ({first.mode})", f"{second.environment} ({second.mode})"),
        ("host", first.target, second.target),
        ("commit", first.commit, second.commit),
        ("gate.toml", first.gate_sha256, second.gate_sha256),
        ("suite", first.suite_sha256, second.suite_sha256),
        ("tool", first.tool_version, second.tool_version),
        ("pytest", first.pytest, second.pytest),
    )
    yield from (pair for pair in pairs if pair[1] != pair[2])


def _rows(one: RunState, other: RunState) -> Iterator[tuple[str, str, str]]:
    for row in dict.fromkeys([*one.rows, *other.rows]):
        first, second = one.rows.get(row), other.rows.get(row)
        words = _word(first), _word(second)
        if words[0] != words[1]:
            yield row, *words
        elif first is not None and second is not None and _times_differ(first, second):
            yield row, f"{first.elapsed_seconds:.2f} s", f"{second.elapsed_seconds:.2f} s"


def _word(row: RowState | None) -> str:
    if row is None:
        return "not in the gate"
    return f"{row.status}: {row.reason}" if row.reason else str(row.status)


def _times_differ(first: RowState, second: RowState) -> bool:
    short, long = sorted((first.elapsed_seconds, second.elapsed_seconds))
    return long - short >= _SECONDS_MIN and long >= short * _FACTOR


def _facts(one: RunState, other: RunState) -> Iterator[tuple[str, str, str]]:
    for name in sorted({*one.facts, *other.facts}):
        first, second = (shown(state.facts[name]) if name in state.facts else NOWHERE for state in (one, other))
        kinds = {state.gate.facts.get(name) for state in (one, other) if state.gate is not None}
        if first != second and (NOWHERE in {first, second} or not kinds & _OWN):
            yield name, first, second
