"""Pages as Chromium shows them: what ran, what was asked for, what stands there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass(frozen=True, slots=True)
class Seen:
    """One page: its text, its requests, complaints on its console, and whether an attack's mark was set."""

    body: str
    requests: list[str]
    complaints: list[str]
    owned: bool
    dialogs: int
    details: int
    table: list[list[str]]


def look_at(pages: Sequence[Path]) -> list[Seen]:
    """Open files one after another, click nothing, and tell what happened."""
    path = next((found for found in map(shutil.which, NAMES) if found), None)
    assert path, "install chromium (apt-get install chromium) to run the browser tests"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            return [_look(browser, page) for page in pages]
        finally:
            browser.close()


def _look(browser, page: Path) -> Seen:
    tab = browser.new_page()
    requests, complaints, dialogs = [], [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(page.as_uri())
    seen = Seen(
        body=tab.inner_text("body"),
        requests=requests,
        complaints=complaints,
        owned=tab.evaluate("window.owned !== undefined"),
        dialogs=len(dialogs),
        details=tab.evaluate("document.querySelectorAll('details').length"),
        table=tab.evaluate(
            "[...document.querySelectorAll('#results-table .collapsible')].map(r => [...r.cells].map(c => c.innerText))"
        ),
    )
    tab.close()
    return seen
