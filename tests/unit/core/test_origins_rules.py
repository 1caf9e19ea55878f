"""Where each value of a TOML file stands: the line on which its statement begins."""

from __future__ import annotations

import pytest

from pytest_paygate.core.origins import lines_of


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("\n# a comment\n   \n  # another = 1\n", {}),
        ("a = 1\nb = 2\n", {("a",): 1, ("b",): 2}),
        ("# first\n\na = 1 # not = this\n", {("a",): 3}),
        ("a.b = 1\na.c.d = 2", {("a", "b"): 1, ("a", "c", "d"): 2}),
        ('"a b".\'c.d\' = 1', {("a b", "c.d"): 1}),
        ("a = { b = 1, c = { d = 2 }, e = {} }\nf = 3", {("a", "b"): 1, ("a", "c", "d"): 1, ("f",): 2}),
        ("a = [\n  1,\n\n  # 2,\n  3,\n]\nb = [{ c = 1 }]", {("a",): 1, ("b",): 7}),
        ('a = """\n[b]\n\nc = 1\n"""\nd = 2', {("a",): 1, ("d",): 6}),
        ("[a]\nb = 1\n[a.c]\nd = 2\n", {("a", "b"): 2, ("a", "c", "d"): 4}),
        ('a = 1\n\n  [ b . "c d" ] # why\ne.f = 2\n[g]\n', {("a",): 1, ("b", "c d", "e", "f"): 4}),
        ("[a]\nb = [\n  2,\n]\nc = 3\n[d]\ne = 4", {("a", "b"): 2, ("a", "c"): 5, ("d", "e"): 7}),
        ("\n\na = [\n[1],\n[2]]\n", {("a",): 3}),
        ("a = 1\n[[b.c]]\nd = 2\n\n[[b.c]]\nd = 3\n", {("a",): 1, ("b", "c", "d"): 6}),
    ],
)  # fmt: skip
def test_each_value_stands_where_its_statement_begins(text, lines):
    """Counted from 1, under the headers above it; a table's values on the line of its key, an empty table nowhere."""
    assert dict(lines_of(text)) == lines


def test_what_never_ends_stands_nowhere():
    """A value that is cut off at the end of a file is not guessed at; those before it stand where they do."""
    assert dict(lines_of("a = 1\nb = [\n  2,\n")) == {("a",): 1}
