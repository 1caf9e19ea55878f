"""The HTML pages as a browser sees them: no script, no request, and nothing from a gate but text."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.project import Project

ATTACKS = (
    "<script>window.owned=1</script>",
    "<img src=http://127.0.0.1:9/x onerror=window.owned=1>",
    "'><svg onload=window.owned=1>",
    "{{ 7*7 }} {% raw %}",
)


@pytest.fixture
def pages(project: Project) -> tuple[Path, Path]:
    """The session report and the go/no-go page of a gate whose every text is an attack."""
    for place, attack in zip(
        ("Demo launch", "The target answers", "Order placed", "release manager"), ATTACKS, strict=True
    ):
        project.change("gate.toml", place, attack)
    with (project.gate / "gate.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[[risks]]\nid = "risk"\ntext = "{ATTACKS[0]}"\n')
    project.body("payment", "assert False")
    project.run_here()
    (folder,) = project.folders()
    return folder / "report.html", project.path / "reports" / "go-no-go.html"


def test_pages_hold_no_script_and_a_strict_policy(pages: tuple[Path, Path]) -> None:
    """Both pages carry a policy that allows nothing but their own stylesheet, and every attack stands escaped."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
        assert policy is not None
        assert policy[1].replace("&#39;", "'").startswith("default-src 'none'; style-src 'sha256-")
        assert not re.search(r"<(script|img|svg|iframe|object|link|base|form)\b", text, re.IGNORECASE)
        assert not re.search(r"<[^>]*\s(on\w+|src|srcset|style)\s*=", text, re.IGNORECASE)
    assert "&lt;script&gt;window.owned=1&lt;/script&gt;" in pages[0].read_text(encoding="utf-8")


def test_markdown_report_holds_no_markup(project: Project, pages: tuple[Path, Path]) -> None:
    """The Markdown pages escape the same attacks."""
    for text in (page.with_suffix(".md").read_text(encoding="utf-8") for page in pages):
        assert not re.search(r"(?<!\\)<(script|img|svg)", text)


def test_pages_open_in_a_browser_without_any_request(pages: tuple[Path, Path]) -> None:
    """Chromium shows both pages styled, runs nothing, asks nobody for anything and complains of nothing."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    browser_path = next((path for path in map(shutil.which, names) if path), None)
    assert browser_path, "install chromium (apt-get install chromium) to run the browser tests"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
        for page in pages:
            tab = browser.new_page()
            requests: list[str] = []
            complaints: list[str] = []
            tab.on("request", lambda request, seen=requests: seen.append(request.url))
            tab.on("console", lambda message, seen=complaints: seen.append(message.text))
            tab.on("pageerror", lambda error, seen=complaints: seen.append(str(error)))
            tab.goto(page.as_uri())
            text = tab.inner_text("body")

            assert requests == [page.as_uri()]
            assert complaints == []
            assert tab.evaluate("window.owned") is None
            assert tab.evaluate("document.styleSheets.length") == 1
            assert ATTACKS[0] in text
            tab.close()
        browser.close()
