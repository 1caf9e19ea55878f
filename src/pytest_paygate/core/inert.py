"""Text that does nothing where it is shown: no escape sequence, no second line, no change of direction, nothing hidden.

For sinks without markup: a terminal, a log, a title. HTML and Markdown have escapes of their own beside this.
"""

from __future__ import annotations


def inert(text: str) -> str:
    """Return a text with everything that is not printable shown as a space: control, bidi and zero-width characters."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
