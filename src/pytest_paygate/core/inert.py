"""Text that does nothing where it is shown: no escape sequence, no second line, no change of direction, nothing hidden.

For sinks without markup: a terminal, a log, a title. HTML and Markdown have escapes of their own beside this.
"""

from __future__ import annotations

import re

# What log readers of CI systems obey: `::command::` first on a line; `##[`, `##vso[` and `##teamcity[` anywhere.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#(?:vso|teamcity)?\[)")


def inert(text: str) -> str:
    """Return a text with everything that is not printable shown as a space: control, bidi and zero-width characters."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def terminal_text(text: str) -> str:
    """Return lines for a terminal whose output a CI system may read: each inert, and none of them a command to it."""
    return "\n".join(_COMMAND.sub(r"\g<0> ", inert(line)) for line in text.split("\n"))
