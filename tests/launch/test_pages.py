"""The pages across runs as a browser shows them, and the runs as a terminal and a spreadsheet show them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from pytest_paygate.core.inert import terminal_text
from pytest_paygate.renderers import planted_faults
from pytest_paygate.renderers.plain_text import csv_cell, sparkline
from tests.golden.scenes import RUN_ID, escalated, go, no_go, pending, rehearsal
from tests.launch.folders import later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    path = next((path for path in map(shutil.which, names) if path), None)
    assert path, "install chromium (apt-get install chromium) to run the browser tests"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with playwright.chromium.launch(executable_path=path, args=arguments) as launched:
            yield launched


@pytest.fixture
def filled(reports):
    """A reports folder in which every kind of line occurs."""
    (reports.root.parent / "golive.toml").write_text(
        'gates = ["e2e", "microcharge"]\n[[items]]\nid = "vat"\ntitle = "VAT registration confirmed"\nowner = "finance"\n'
    )
    for day, scene in enumerate([go, escalated, no_go, rehearsal, pending]):
        reports.add(scene(), later(day))
    reports.run("sign-off", "e2e/funds_seen", "--by", "Ann", "--evidence", reports.evidence())
    folder = reports.lay(go(), later(5))
    (folder / "journal.jsonl").write_bytes(b"torn")
    reports.run("sign-off", "vat", "--by", "Bob", "--evidence", reports.evidence(), "--no-go")
    return reports


@pytest.mark.parametrize("page_name", ["go-no-go.html", "index.html", "what-this-catches.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_axe_finds_nothing_on_the_pages(browser, filled, page_name, scheme, width):
    """axe-core finds no violation, nothing is requested or complained of, and no page scrolls sideways."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    address = (filled.root / page_name).as_uri()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []
    assert requests == [address]
    context.close()


def test_links_of_the_pages_lead_to_the_runs(browser, filled):
    """Every link of the pages leads to a file that is there, or says that the run cannot be read."""
    page = browser.new_page()
    for name, links in (("what-this-catches.html", 2), ("go-no-go.html", 3), ("index.html", 3)):
        page.goto((filled.root / name).as_uri())
        targets = page.eval_on_selector_all("a[href]", "nodes => nodes.map(node => node.href)")
        assert len(targets) >= links
        for target in targets:
            path = target.removeprefix("file://").split("#")[0]
            assert os.path.exists(path), target  # noqa: PTH110 - as the browser sees it
    assert "UNREADABLE" in page.inner_text("body")
    page.close()


def test_the_pages_can_be_rebuilt(filled):
    """`paygate report --pages` writes every page across runs again, and changes no run."""
    pages = ("index.html", "go-no-go.html", "what-this-catches.html", "e2e/sessions.md")
    before = {name: (filled.root / name).read_text() for name in pages}
    for name in pages:
        (filled.root / name).write_text("old")
    code, output = filled.run("report", "--pages")
    assert (code, output.strip()) == (0, str(filled.root / "index.html"))
    assert {name: (filled.root / name).read_text() for name in pages[2:]} == {name: before[name] for name in pages[2:]}
    assert all((filled.root / name).read_text().startswith("<!doctype html>") for name in pages[:2])


def test_pages_of_no_folder_are_refused(filled):
    """Nothing is made where nothing is."""
    nowhere = filled.root / "nowhere"
    code, output = replace(filled, root=nowhere).run("report", "--pages")
    assert code == 1
    assert f"{nowhere}: no such folder. Name the one that holds the runs with --reports." in output
    assert not nowhere.exists()


def test_what_the_gates_catch_is_asked_on_the_front_page(browser, filled):
    """A release manager finds the page, and on it every planted fault with what says so."""
    page = browser.new_page()
    page.goto((filled.root / "index.html").as_uri())
    page.get_by_role("link", name="What would this have caught?").click()
    assert page.inner_text("h1") == "What this would have caught"
    kept = planted_faults.result()
    assert page.locator("tbody tr").count() == len(kept["faults"])
    assert f"{kept['figures']['caught']} of {kept['figures']['planted']}" in page.inner_text("dl")
    page.close()


def test_history_is_newest_first(filled):
    """The table lists every run, newest first, with a line of the durations; nothing that cannot be read is left out."""
    code, output = filled.run("history", "e2e")
    lines = output.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines[1:6]] == [later(day) for day in (4, 3, 2, 1, 0)]
    assert lines[1].split()[2:5] == ["prod", "LIVE", "PENDING"]
    assert "last 5: 1 PASS   duration" in lines[7]
    assert lines[-1].startswith(f"UNREADABLE e2e/{later(5)}: ")
    assert filled.run("history", "--env", "rehearsal", "--limit", "1")[1].splitlines()[1].split()[3] == "REHEARSAL"
    assert filled.run("history", "none")[1].startswith("No run yet.")


def test_history_for_machines(filled):
    """The same as CSV and JSON, parsed back."""
    rows = list(csv.DictReader(io.StringIO(filled.run("history", "--format", "csv")[1])))
    assert [row["verdict"] for row in rows] == ["PENDING", "PENDING", "FAIL", "ESCALATED", "PASS"]
    found = json.loads(filled.run("history", "--format", "json")[1])
    assert [one["run_id"] for one in found] == [row["run"] for row in rows]
    assert all(len(one["seal"]) == 64 for one in found)


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\ufeff=1", "%0A", "|x"]
)
def test_no_cell_becomes_a_formula(text):
    """What a spreadsheet would compute is quoted, whatever stands before it."""
    assert csv_cell(text).startswith("'")
    assert csv_cell("20261120T091402250Z") == "20261120T091402250Z"


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\rb", "\x9b31m", "\u202eabc", "x\u200by", "line\u2028two", "\x07", "\ue000"]
)
def test_a_terminal_is_told_text_only(text):
    """No control, format or line character of an outside text reaches the terminal."""
    assert all(char == " " or char.isprintable() for char in terminal_text(text))
    assert terminal_text("ord_1 · EUR 5.00 – ✓") == "ord_1 · EUR 5.00 – ✓"


def test_the_sparkline_has_a_bar_for_each():
    """The largest is full, the smallest still a bar, and nothing is nothing."""
    assert sparkline([1, 4, 8]) == "▂▅█"
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert sparkline([]) == ""


def test_the_front_page_shows_where_the_launch_stands(filled):
    """The front page names the launch decision and every session with its life."""
    text = (filled.root / "index.html").read_text(encoding="utf-8")
    assert '<strong class="NO-GO">NO-GO</strong>' in text
    assert text.count('<td data-label="Mode" class="mode">LIVE</td>') == 4
    assert text.count('<td data-label="Mode" class="mode">REHEARSAL</td>') == 1
    assert RUN_ID in text
