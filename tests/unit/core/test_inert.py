"""Text for a terminal: nothing in it acts, and what could be read stays readable."""

from __future__ import annotations

import pytest

from pytest_paygate.core.inert import inert, terminal_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain words, 5 €", "plain words, 5 €"),
        ("a\x1b[31mred", "a [31mred"),
        ("two\nlines\r\tand a tab", "two lines  and a tab"),
        ("a\u202eb\u200bc\u2066d", "a b c d"),
        ("\0", " "),
    ],
)
def test_what_is_not_printable_is_a_space(text, shown):
    """Control, bidi and zero-width characters become spaces, one each, and nothing else changes."""
    assert inert(text) == shown


def test_what_is_plain_is_not_copied():
    """A text of printable characters is handed back as it is, whatever its length."""
    text = "plain words, 5 €"
    assert inert(text) is text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error file=x::y", ": :error file=x::y"),
        ("  ::set-output", "  : :set-output"),
        ("row ::error", "row ::error"),
        (":one", ":one"),
        ("##[error]x", "# #[error]x"),
        ("x ##vso[task.setvariable]y", "x # #vso[task.setvariable]y"),
        ("##teamcity[x] ##teamcity[y]", "# #teamcity[x] # #teamcity[y]"),
        ("## heading", "## heading"),
        ("#vso[x]", "#vso[x]"),
        ("##VSO[x]", "##VSO[x]"),
        ("a\n::error\nb\x1b", "a\n: :error\nb "),
        ("a\r::error", "a ::error"),
        ("\x1b::error", " : :error"),
    ],
)
def test_no_line_is_a_command(text, shown):
    """What a CI system would obey is broken by one space; lines stay lines."""
    assert terminal_text(text) == shown
