"""Reading runs back for whoever shows them: whole, torn, damaged, and none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.run import fold
from pytest_paygate.renderers.view import view
from pytest_paygate.reporting.reading import LoadedRun, load
from tests.unit.core.bundles import FILES, SHORT, carried_on

if TYPE_CHECKING:
    from pathlib import Path

LINES = SHORT.lines
ENTRIES = SHORT.journal().entries


def laid(root: Path, *journals: bytes) -> Path:
    """A run's folder with these journal files."""
    folder = root / "run-1"
    folder.mkdir()
    for number, content in enumerate(journals):
        (folder / (f"journal-{number}.jsonl" if number else "journal.jsonl")).write_bytes(content)
    return folder


def whole(lines: list[bytes]) -> bytes:
    """Lines as a file has them."""
    return b"".join(line + b"\n" for line in lines)


def test_a_whole_run_is_read_as_it_is(tmp_path):
    """State, lines and head are the journal's; nothing is torn, nothing damaged, and its view is the whole run's."""
    folder = laid(tmp_path, whole(LINES))
    found = load(folder)
    assert found == LoadedRun(folder, SHORT.state, ENTRIES, SHORT.head, 0, 1)
    assert found.state.damage == ""
    assert found.view() == view(SHORT.state, SHORT.head, 0, ENTRIES)


def test_a_torn_line_is_counted_and_shown(tmp_path):
    """What a crash left of the last line is left out, its bytes counted, and the view tells of it."""
    found = load(laid(tmp_path, whole(LINES) + b'{"at"'))
    assert (found.torn_bytes, found.entries, found.state.damage) == (5, ENTRIES, "")
    assert found.view() == view(SHORT.state, SHORT.head, 5, ENTRIES)
    assert found.view() != view(SHORT.state, SHORT.head, 0, ENTRIES)


def test_a_run_that_was_carried_on_is_one_run(tmp_path):
    """Every file of its journal is read, and they are counted."""
    files = carried_on(FILES, SHORT)
    found = load(laid(tmp_path, files["journal.jsonl"], files["journal-1.jsonl"]))
    assert (found.files, len(found.entries)) == (2, len(LINES) + 2)
    assert found.state == fold(found.entries)


def test_a_damaged_run_is_read_up_to_its_damage(tmp_path):
    """What stands before the damage is known, and the damage is named."""
    found = load(laid(tmp_path, whole([*LINES[:2], b"{}", *LINES[2:]])))
    assert found.entries == ENTRIES[:2]
    assert found.state.damage.startswith("run-1/journal.jsonl: line 2 cannot be trusted, so nothing after it is read")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no run can be read from run-1: its journal is empty"),
        (b'{"at"', "no run can be read from run-1: its journal is empty"),
        (
            b"{}\n",
            "no run can be read from run-1: run-1/journal.jsonl: line 0 cannot be trusted, so nothing after it is read"
            " (seq: missing)",
        ),
    ],
)
def test_a_journal_without_a_run_is_refused(tmp_path, content, said):
    """Nothing can be shown without the first line, and the reason is told."""
    with pytest.raises(ValueError, match=r"^no run") as refused:
        load(laid(tmp_path, content))
    assert str(refused.value) == said
