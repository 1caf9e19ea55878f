"""Hostile texts: nothing acts, wherever one comes from and wherever it ends up."""

from __future__ import annotations

import os

import pytest

from tests.attack import injection, sessions
from tests.attack.payloads import PAYLOADS
from tests.attack.sinks import CALM, ORIGINS, SINKS, read_csv, read_html, read_markdown
from tests.browser import look_at

FULL = os.environ.get("PAYGATE_SWEEP") == "full"
# Those that act in a page without escapes; a reader that did not see them would prove nothing.
ACTING_HTML = [
    name for name in PAYLOADS if name.startswith("html: ") and "entity" not in name and "overlong" not in name
]


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("origin", ORIGINS)
def test_nothing_acts(origin, sink):
    """Each of more than eighty payloads, from this origin in this sink, adds nothing that a reader obeys."""
    figures = injection.run(origin, sink)
    assert figures.active == []
    assert figures.cells == len(PAYLOADS) >= 80


@pytest.mark.parametrize("origin", sessions.ORIGINS)
def test_nothing_acts_in_a_session(origin, tmp_path):
    """The same from real sessions: terminal, log, pages, bundle, JUnit, pytest-html in Chromium."""
    figures = sessions.run(origin, tmp_path)
    assert figures.active == []
    assert figures.files >= 12


def test_nothing_runs_in_a_browser(tmp_path):
    """Chromium opens reports made of hostile texts: no mark is set, nothing is fetched, no dialog opens."""
    names = [*PAYLOADS] if FULL else [*PAYLOADS][::6]
    pages = []
    for number, name in enumerate(names):
        for sink in ("report.html", "go-no-go.html", "pytest-html"):
            page = tmp_path / f"{number}-{sink}.html"
            events = ORIGINS["gate text" if number % 2 else "provider error"](PAYLOADS[name])
            page.write_text(
                "<!doctype html><meta charset=utf-8>" * (sink == "pytest-html")
                + SINKS[sink].render(events, PAYLOADS[name])
            )
            pages.append(page)
    for page, seen in zip(pages, look_at(pages), strict=True):
        assert not seen.owned, page.name
        assert seen.requests == [page.as_uri()], page.name
        assert not seen.dialogs, page.name


@pytest.mark.parametrize("name", ACTING_HTML)
def test_the_reader_of_pages_sees_an_attack(name):
    """Unescaped, each of them is a finding: the reader is not blind."""
    frame = "<html><body><table><tr><td>{}</td></tr></table></body></html>"
    assert read_html(frame.format(CALM), frame.format(PAYLOADS[name]))


def test_the_reader_of_documents_sees_an_attack():
    """Unescaped, most Markdown payloads are findings in a list or a table."""
    seen = [
        name
        for name, text in PAYLOADS.items()
        if name.startswith("markdown") and read_markdown(f"- {CALM}\n", f"- {text}\n")
    ]
    assert len(seen) >= 20


def test_the_reader_of_cells_sees_a_formula():
    """A cell that a spreadsheet would calculate is a finding, and so is one cell more."""
    assert read_csv("a,b\n", "=1+1,b\n")
    assert read_csv("a,b\n", "a,b,c\n")
    assert not read_csv("a,b\n", 'c,"\'=1"\n')
