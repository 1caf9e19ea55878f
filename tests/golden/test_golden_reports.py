"""The reports of five whole runs, byte by byte, and as a browser shows them: light, dark, printed, narrow."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

from pytest_paygate.adapters.pdf import as_pdf
from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Mode
from pytest_paygate.renderers import record, session_report
from pytest_paygate.renderers.view import view
from tests.golden.reports import FILES, rendered, shown
from tests.golden.scenes import FOLDER, RUN_ID, SCENES, begun, bought, ended, polled, preflight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NARROW, WIDE = 320, 1200


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


def opened(browser: Browser, name: str, *, width: int = WIDE, **context: Any) -> Page:
    """The golden page of a scene in a tab of its own."""
    page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
    page.goto((FOLDER / f"{name}.html").as_uri())
    return page


@pytest.mark.parametrize("name", SCENES)
def test_reports_are_as_they_were_looked_at(name):
    """A report changes only when somebody looked at the change: `python -m tests.golden` writes the files anew."""
    for suffix, text in zip(FILES, rendered(name), strict=True):
        assert text == (FOLDER / f"{name}.{suffix}").read_text(encoding="utf-8"), f"{name}.{suffix}"


@pytest.mark.parametrize(
    ("name", "verdict", "decision"),
    [
        ("go", "PASS", "GO"),
        ("no-go", "FAIL", "NO-GO"),
        ("pending", "PENDING", "PENDING"),
        ("escalated", "ESCALATED", "NO-GO"),
        ("rehearsal", "PENDING", "PENDING"),
    ],
)
def test_what_the_scenes_come_to(name, verdict, decision):
    """Each scene has the verdict it is named for, and a decision stands on live pages only."""
    report = shown(name)
    assert (report.verdict, report.decision) == (verdict, decision)
    assert (f"</span> {verdict} · {decision}</p>" in rendered(name)[0]) is (name not in {"rehearsal", "pending"})


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize(
    ("width", "context"),
    [
        (WIDE, {"color_scheme": "light"}),
        (WIDE, {"color_scheme": "dark"}),
        (NARROW, {"color_scheme": "light"}),
        (NARROW, {"color_scheme": "dark"}),
        (WIDE, {"media": "print"}),
    ],
    ids=["light", "dark", "narrow", "narrow-dark", "print"],
)
def test_axe_finds_nothing(browser, name, width, context):
    """axe-core, with every rule but its experimental ones, finds no violation in any form of the page."""
    settings = dict(context)
    media = settings.pop("media", None)
    page = opened(browser, name, width=width, bypass_csp=True, **settings)
    if media:
        page.emulate_media(media=media)
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 15
    page.context.close()


@pytest.mark.parametrize("name", SCENES)
def test_nothing_leaves_the_page(browser, name):
    """The page is one request, runs no script, complains of nothing, and says everything without JavaScript."""
    page = browser.new_context(java_script_enabled=False).new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    address = (FOLDER / f"{name}.html").as_uri()
    page.goto(address)
    text = page.locator("body").inner_text()
    assert requests == [address]
    assert complaints == []
    for row in shown(name).rows:
        assert row.title in text
        assert row.observed in text
    page.context.close()


def test_the_policy_is_by_hash_alone(browser):
    """The content security policy names the stylesheet by its hash and allows nothing else; the page is styled."""
    source = (FOLDER / "go.html").read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', source)[1].replace("&#39;", "'")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = opened(browser, "go")
    assert page.evaluate("getComputedStyle(document.querySelector('.banner')).borderTopStyle") == "solid"
    page.context.close()


def test_a_row_can_be_linked_to(browser):
    """`#row-5`, `#c-…` and `#m-…` lead to a row, a criterion and an amount, which are then marked."""
    page = opened(browser, "no-go")
    for place in ("row-5", "row-P2", "c-licence_attributed", "m-outstanding"):
        page.goto(f"{(FOLDER / 'no-go.html').as_uri()}#{place}")
        assert page.evaluate("document.querySelector(':target').id") == place
        assert page.evaluate("getComputedStyle(document.querySelector(':target')).outlineStyle") == "solid"
    page.context.close()


def test_ids_are_copied_whole(browser):
    """One click selects the whole of an id."""
    page = opened(browser, "go")
    page.locator("dd.id").first.click()
    assert page.evaluate("getSelection().toString()") == RUN_ID
    page.context.close()


def test_the_keyboard_reaches_the_rows_first(browser):
    """The first stop of the Tab key skips to the rows; scrolling regions can be reached too."""
    page = opened(browser, "go")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#rows"
    assert page.locator(".scroll").count() == page.locator(".scroll[tabindex='0']").count()
    page.context.close()


def test_no_page_scrolls_sideways_on_a_phone(browser):
    """At 320 pixels only the charts' own regions scroll."""
    for name in SCENES:
        page = opened(browser, name, width=NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        page.context.close()


def test_every_printed_page_names_its_life(browser, tmp_path):
    """Printed from a browser, each page carries the word of its life, and the folded facts are open."""
    page = opened(browser, "rehearsal")
    path = tmp_path / "printed.pdf"
    page.pdf(path=str(path), prefer_css_page_size=True)
    pages = [one.extract_text() for one in PdfReader(path).pages]
    assert len(pages) > 2
    assert all("REHEARSAL" in text for text in pages)
    assert "licence_rights" in " ".join(pages)
    page.context.close()


@pytest.mark.parametrize("name", ["go", "rehearsal"])
def test_the_pdf_is_tagged_and_carries_the_record(name):
    """The PDF is tagged, an archive form, names its life on each page, and its attachment is the record itself."""
    scene = SCENES[name]()
    report = shown(name)
    told = record.as_json(record.record(scene.state, report))
    content = as_pdf(rendered(name)[0], told, report.started_at)
    found = PdfReader(io.BytesIO(content))
    root = found.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    assert b"pdfaid" in root["/Metadata"].get_object().get_data()
    assert found.attachments == {"evidence.json": [told.encode()]}
    assert all(report.banner in page.extract_text() for page in found.pages)


@pytest.mark.parametrize(
    "value",
    [lambda _: "pending", lambda n: f"value {n}", lambda n: "pending" if n % 2 else "503"],
    ids=["one", "many", "two"],
)
def test_two_thousand_polls_stay_small(value):
    """With 2,000 reads of a poll the page stays below 100 KB and still names their number."""
    scene = bought(preflight(begun(Mode.LIVE)))
    scene.tell(ev.RowStarted(row="completed"))
    polled(scene, "completed", "target", [value(number) for number in range(2000)], 290.0)
    ended(scene.facts("completed").passed("completed", took=290.0))
    journal = scene.journal()
    page = session_report.as_html(view(scene.state, journal.head, 0, journal.entries))
    assert len(page.encode()) <= 100_000
    assert "2000 reads" in page
