"""A row as the hooks of the plugin are given it, code of a gate that fails on purpose, and a hook wrapper driven by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.plugin.protocol import OUTCOME, Outcome
from pytest_paygate.plugin.stash import GATE, RUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

HELD = "sk_live_what-nobody-may-see"
# In the row's own file, through another file of the gate, to one outside of it, in which it goes wrong.
TEST = "\n\ndef test_pay(error):\n    held = 1\n    steps.step(error)\n"
STEPS = "\ndef step(error):\n    library.fail(error)\n"
LIBRARY = "def fail(error):\n    raise error\n"


@dataclass
class Row:
    """What the hooks look at of an item."""

    path: Path
    config: Any
    stash: pytest.Stash = field(default_factory=pytest.Stash)


def row(root: Path, *, of_gate: bool = True, began: bool = True, plugins: dict[str, object] | None = None) -> Any:
    """An item below a root: a row of the gate `demo` unless said otherwise, begun unless said otherwise."""
    plugins = plugins or {}
    config = SimpleNamespace(stash=pytest.Stash(), rootpath=root, pluginmanager=SimpleNamespace(get_plugin=plugins.get))
    config.stash[RUNS] = SimpleNamespace(folders={"demo": object()})
    item = Row(root / "demo" / "test_demo.py", config)
    if of_gate:
        item.stash[GATE] = "demo"
    if began:
        item.stash[OUTCOME] = Outcome()
    return item


def raised(item: Row, error: BaseException) -> BaseException:
    """The same error, after it was raised three files away from the row's own one."""
    folder = item.path.parent
    library = _ran(folder.parent / "library.py", LIBRARY)
    steps = _ran(folder / "steps.py", STEPS, library=library)
    test = _ran(item.path, TEST, steps=steps)
    with pytest.raises(type(error)) as caught:
        test.test_pay(error)
    assert caught.value is error
    return error


def told(error: BaseException) -> str:
    """What may be told of an error that went this way."""
    kind = type(error).__name__
    return f"{kind} at test_demo.py:5\n  test_demo.py:5 in test_pay\n  steps.py:3 in step"


def driven(wrapper: Generator[object, Any, Any], inner: Callable[[], object] = lambda: None) -> Any:
    """Run a hook wrapper around something, as pytest does; what it returns."""
    next(wrapper)
    try:
        try:
            result = inner()
        except BaseException as error:  # noqa: BLE001 - pytest hands every one to the wrapper
            wrapper.throw(error)
        else:
            wrapper.send(result)
    except StopIteration as done:
        return done.value
    raise AssertionError("a wrapper yields once")


def fails(error: BaseException) -> Callable[[], object]:
    """Something that ends with an error."""

    def inner() -> object:
        raise error

    return inner


def _ran(path: Path, source: str, **modules: object) -> Any:
    """A module of this source, as if it had been imported from there, with others that it has imported."""
    names: dict[str, object] = dict(modules)
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - our own source, a few lines above
    return SimpleNamespace(**names)
