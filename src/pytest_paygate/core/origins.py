"""Where in a TOML file each value stands. `tomllib` tells what a file says, not on which line. Pure.

A statement of TOML is the fewest lines in a row that can be read by themselves: a table's header, or a key with its
value however many lines it takes. So each statement is read alone, under the header it stands below.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Path = tuple[str, ...]


def lines_of(text: str) -> Mapping[Path, int]:
    """The line on which each value of a file begins.

    Args:
        text: a whole TOML document that can be read.

    Returns:
        Line numbers from 1 by the path of keys; an inline table's values stand on the line of its key.
    """
    found: dict[Path, int] = {}
    header: Path = ()
    pending: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        pending.append(line)
        statement = _read("\n".join(pending))
        if statement is None:
            continue
        begun = number - len(pending) + 1
        if pending[0].lstrip().startswith("["):
            header = _header(statement)
        else:
            found.update({(*header, *path): begun for path in _leaves(statement)})
        pending = []
    return found


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _header(statement: Mapping[str, Any]) -> Path:
    path: list[str] = []
    below: Any = statement
    while isinstance(below, dict) and below:
        ((key, below),) = below.items()
        path.append(key)
    return tuple(path)


def _leaves(table: Mapping[str, Any]) -> Iterator[Path]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((key, *below) for below in _leaves(value))
        else:
            yield (key,)
