"""The tutorial as steps: files to write, changes to make, commands to type, and what the page says will be shown.

Owns the few conventions that make a page of Markdown executable; a block that follows none of them is refused, so that
nothing on the page goes untested:
- a block under a line **`path`** is that file, whole; as `diff` it is a change to that file;
- a `console` block holds commands after `$ `, `^C`, and what they show; a line `…` stands for any lines, `…` in a line
  for any text;
- the text between a block and the one before names its terminal: the first, unless it says second or third.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"^\*\*`(?P<path>[^`]+)`\*\*\s*\Z", re.MULTILINE)
INTERRUPT = "^C"


@dataclass(frozen=True, slots=True)
class File:
    """A file, whole."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of a file and what they become."""

    path: str
    hunks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed in one terminal (1 to 3), and what the page says it shows."""

    terminal: int
    typed: str
    shown: str


Step = File | Change | Command


def read(markdown: str) -> list[Step]:
    """The steps of a page, in its order.

    Args:
        markdown: the page.

    Raises:
        ValueError: for a block that follows no convention.
    """
    steps: list[Step] = []
    end = 0
    for block in _FENCE.finditer(markdown):
        before, end = markdown[end : block.start()], block.end()
        named = _PATH.search(before.rstrip() + "\n")
        text = block["text"]
        if block["language"] == "console":
            steps += _commands(_terminal(before), text)
        elif named is None:
            message = f"a block that is neither a file nor a console: {text[:60]!r}"
            raise ValueError(message)
        elif block["language"] == "diff":
            steps.append(Change(named["path"], tuple(_hunks(text))))
        else:
            steps.append(File(named["path"], text))
    if markdown.count("\n```") != 2 * len(_FENCE.findall(markdown)):
        message = "a fence that is not closed, or not at the beginning of its line"
        raise ValueError(message)
    return steps


def _terminal(before: str) -> int:
    return 3 if "third terminal" in before else 2 if "second terminal" in before else 1


def _commands(terminal: int, text: str) -> list[Command]:
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ ") or line == INTERRUPT:
            found.append(Command(terminal, line.removeprefix("$ "), ""))
        elif not found:
            message = f"a console block that begins without a command: {line!r}"
            raise ValueError(message)
        else:
            last = found[-1]
            found[-1] = Command(terminal, last.typed, f"{last.shown}{line}\n")
    return found


def _hunks(text: str) -> list[tuple[str, str]]:
    hunks: list[tuple[str, str]] = []
    sign = "+"
    for line in text.splitlines(keepends=True):
        if line[0] not in "-+":
            message = f"a line of a change that is neither taken away nor added: {line!r}"
            raise ValueError(message)
        if (line[0], sign) == ("-", "+"):
            hunks.append(("", ""))
        sign = line[0]
        old, new = hunks[-1]
        hunks[-1] = (old + line[1:], new) if sign == "-" else (old, new + line[1:])
    return hunks
