"""Reading single values out of an answer that may hold anything.

Owns one function: a missing field or one of the wrong type is a failed row with the field's name, never a `KeyError`
somewhere inside a suite, and the value itself never lands in a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pytest_paygate.core.errors import Refusal, RowFailedError

T = TypeVar("T")
_UNKNOWN = "What the target did with the money is unknown from this answer; the run's trace id finds it."


def pick(document: object, path: str, kind: type[T]) -> T:
    """Return the value at a dotted path, such as `order_id` or `services.hyperswitch.status`.

    Args:
        document: parsed JSON.
        path: keys from the outside in, joined by dots; a number picks from a list; empty for the whole.
        kind: the type it must have; `int` does not accept `true`.

    Raises:
        RowFailedError: when the path is not there or holds another type.
    """
    node = document
    for part in path.split(".") if path else ():
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            raise _failed(path, kind, "no such field")
    if not isinstance(node, kind) or (kind is int and isinstance(node, bool)):
        raise _failed(path, kind, f"a value of type {type(node).__name__}")
    return node


def _failed(path: str, kind: type, observed: str) -> RowFailedError:
    return RowFailedError(
        Refusal(
            refused=f"the answer has no usable field {path or '(whole)'}",
            expected=f"{path or 'a document'} of type {kind.__name__}",
            observed=observed,
            money=_UNKNOWN,
            next_step="Compare the target's answer in the session log with the API the gate was written for.",
        )
    )
