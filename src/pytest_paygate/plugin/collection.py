"""Binding collected tests to the rows of their gate, in the gate's order.

Rules:
- every test in a gate folder carries `row("id")` with an id of that gate, and every id is bound at most once;
- markers agree with the gate: `preflight`, `live_money` and `hitl_pause` say what `gate.toml` says;
- the gate's order is restored after any plugin that shuffles; a gate's rows stand together;
- what repeats rows (reruns, repeats) is refused; what drops them (-k, --deselect) is allowed and can never pass.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.errors import ConfigurationError, configuration, nearest
from pytest_paygate.plugin import distribution
from pytest_paygate.plugin.stash import GATE, ROW, RUNS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_paygate.core.gate import Row
    from pytest_paygate.plugin.runs import GateFolder, Runs

# Markers that must agree with a key of the row in gate.toml.
_AGREEING = (("live_money", "money"), ("hitl_pause", "person"))
_REPEATING_MARKERS = ("flaky", "repeat")
_REPEATING = (("reruns", "--reruns", 0), ("count", "--count", 1), ("force_flaky", "--force-flaky", False))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, obj: object) -> Generator[None, Any, Any]:
    """Put async rows on the session's event loop, whatever the project's ini says."""
    if inspect.iscoroutinefunction(obj) and (collector.path.parent / "gate.toml").is_file():
        marks = [mark for mark in getattr(obj, "pytestmark", []) if mark.name != "asyncio"]
        obj.pytestmark = [*marks, pytest.mark.asyncio(loop_scope="session").mark]  # type: ignore[attr-defined]
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Put a gate folder's own async fixtures on that loop too; one that names its loop scope keeps it."""
    function: Any = getattr(fixturedef.func, "__func__", fixturedef.func)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        folder = Path(inspect.unwrap(function).__code__.co_filename).parent
        if (folder / "gate.toml").is_file() and getattr(function, "_loop_scope", None) is None:
            function._loop_scope = "session"  # noqa: SLF001 - where pytest-asyncio keeps its own
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Bind and order; outermost, so that no other plugin has the last word on the order of a gate."""
    before = list(items)
    yield
    runs = config.stash[RUNS]
    try:
        for item in [*before, *items]:
            _bind(runs, item)
        for folder in runs.folders.values():
            _refuse_repeats(config, folder)
            _refuse_doubles(folder, [item for item in items if item.stash.get(GATE, "") == str(folder.path)])
    except ConfigurationError as error:
        distribution.refuse(config, items, error)
        return
    if not distribution.keeps_gates(config):
        elsewhere = [item for item in items if GATE in item.stash]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if GATE not in item.stash]
    items[:] = in_gate_order(runs, items)


def in_gate_order(runs: Runs, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the items with each gate's rows together, in the gate's order, where its first row stood."""
    ordered: list[pytest.Item] = []
    placed: set[str] = set()
    for item in items:
        key = item.stash.get(GATE, "")
        if not key:
            ordered.append(item)
        elif key not in placed:
            placed.add(key)
            gate = runs.folders[key].gate
            rows = [other for other in items if other.stash.get(GATE, "") == key]
            ordered += sorted(rows, key=lambda row: gate.position(row.stash[ROW]))
    return ordered


def _bind(runs: Runs, item: pytest.Item) -> None:
    if GATE in item.stash or not (item.path.parent / "gate.toml").is_file():
        return
    folder = runs.folder(item.path.parent)
    row = _row_of(folder, item)
    _check_markers(folder, row, item)
    if hasattr(item, "callspec"):
        raise _wrong(
            item,
            "is parametrized",
            expected="one plain test function for one row",
            observed="parameters, which would run the row more than once",
            next_step="Write one test for the row; loop inside it if it must look at several things.",
        )
    for name in _REPEATING_MARKERS:
        if item.get_closest_marker(name) is not None:
            raise _wrong(
                item,
                f"has the marker {name}",
                expected="every row at most once",
                observed=f"@pytest.mark.{name}, which runs the row again",
                next_step="Remove the marker; a repeated row could charge twice.",
            )
    for node in item.listchain():
        if node.path.is_relative_to(folder.path):
            node.own_markers[:] = [_without_reason(mark) for mark in node.own_markers]
    if row.money and isinstance(item, pytest.Function):
        # Before anything else of the row: a live run is armed, or the row does not begin.
        item.fixturenames.insert(0, "paygate_money")
    item.stash[GATE] = str(folder.path)
    item.stash[ROW] = row.id
    folder.bound.add(row.id)


def _without_reason(mark: pytest.Mark) -> pytest.Mark:
    """An xfail mark without its reason, which reporters would show as it stands; other marks as they are."""
    if mark.name != "xfail" or "reason" not in mark.kwargs:
        return mark
    reduced: pytest.Mark = pytest.mark.xfail(*mark.args, **{**mark.kwargs, "reason": ""}).mark
    return reduced


def _row_of(folder: GateFolder, item: pytest.Item) -> Row:
    marks = list(item.iter_markers("row"))
    if not marks:
        raise _wrong(
            item,
            "is in a gate folder but bound to no row",
            expected='@pytest.mark.row("id")',
            observed="no row marker",
            next_step="Bind it to a row of gate.toml, or move it out of the gate's folder.",
        )
    mark = marks[0]
    if len(marks) > 1 or mark.kwargs or len(mark.args) != 1 or not isinstance(mark.args[0], str):
        raise _wrong(
            item,
            "has a row marker that cannot be read",
            expected='exactly one @pytest.mark.row("id") with one text argument',
            observed=f"{len(marks)} row markers; the first has arguments {mark.args!r} {mark.kwargs!r}",
            next_step="Write the row's id from gate.toml as the only argument.",
        )
    row = folder.gate.row(mark.args[0])
    if row is None:
        ids = [known.id for known in folder.gate.all_rows()]
        raise _wrong(
            item,
            "is bound to a row the gate does not have",
            expected=f"one of: {', '.join(ids)}.{nearest(mark.args[0], ids)}",
            observed=repr(mark.args[0]),
            next_step="Correct the marker, or add the row to gate.toml.",
        )
    return row


def _check_markers(folder: GateFolder, row: Row, item: pytest.Item) -> None:
    said = {name: item.get_closest_marker(name) is not None for name, _ in _AGREEING}
    meant = {name: bool(getattr(row, key)) for name, key in _AGREEING}
    said["preflight"] = item.get_closest_marker("preflight") is not None
    meant["preflight"] = folder.gate.is_preflight(row.id)
    for name, value in meant.items():
        if said[name] is not value:
            raise _wrong(
                item,
                f"disagrees with gate.toml about {name}",
                expected=f"{'the' if value else 'no'} marker {name} on row {row.id}",
                observed="no such marker" if value else "the marker",
                next_step="Correct the marker or the row; the two must tell a reader the same.",
            )


def _refuse_doubles(folder: GateFolder, items: Sequence[pytest.Item]) -> None:
    seen: dict[str, pytest.Item] = {}
    for item in items:
        row_id = item.stash[ROW]
        if row_id in seen:
            raise _wrong(
                item,
                f"is bound to row {row_id}, which another test has already",
                expected="one test for each row",
                observed=f"also {seen[row_id].nodeid}",
                next_step=f"Bind one of the two to another row of {folder.gate.id}, or collect the folder once.",
            )
        seen[row_id] = item


def _refuse_repeats(config: pytest.Config, folder: GateFolder) -> None:
    for dest, spelling, off in _REPEATING:
        value = config.getoption(dest, off)
        if value not in (None, off):
            raise configuration(
                spelling,
                f"is refused for gate {folder.gate.id}",
                expected="every row at most once",
                observed=f"{spelling} {value}, which runs rows again",
                next_step=f"Leave {spelling} out when a gate is collected; a repeated row could charge twice.",
            )


def _wrong(item: pytest.Item, what: str, *, expected: str, observed: str, next_step: str) -> ConfigurationError:
    # Without parameters: what stands in their ids may be anything.
    return configuration(item.nodeid.partition("[")[0], what, expected=expected, observed=observed, next_step=next_step)
