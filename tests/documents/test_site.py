"""The built site: it builds without a warning and without network, its links lead somewhere, and it says what is so."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

import pytest_paygate
from pytest_paygate.cli import COMMANDS, paygate
from pytest_paygate.core.environment import Settings
from pytest_paygate.core.events import Entry
from pytest_paygate.core.gate import Gate
from pytest_paygate.core.record import Record
from pytest_paygate.core.verdict import EXIT_CODES
from pytest_paygate.plugin.options import OPTIONS
from pytest_paygate.providers import PROVIDERS
from tests.browser import NAMES
from tests.documents.markdown import ROOT, anchors

if TYPE_CHECKING:
    from pathlib import Path

    from click import Command, Context

GOLDEN = ROOT / "tests" / "golden" / "files"
# One page of each kind: front, card, generated tables, generated text, signatures, wide tables, code.
LOOKED_AT = (
    "index.html",
    "how-to/operator-card.html",
    "reference/journal-events.html",
    "reference/command-line.html",
    "reference/python-api.html",
    "explanation/threat-model.html",
    "how-to/ci.html",
    "samples.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, as `make docs` builds it: every warning is an error, and no proxy leads anywhere."""
    folder = tmp_path_factory.mktemp("site")
    no_network = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "all")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"),
            *("-d", folder / "doctrees", "-b", "html", ROOT / "docs", folder / "html"),
        ],
        env={**os.environ, **no_network},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the base class's signature
        """Take note of ids, and of what a page leads to or loads."""
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif name in {"href", "src"}:
                self.links.append(value)


def text_of(page: Path) -> str:
    """What stands on a page, without tags; the spaces are those of one line."""
    article = re.search(r"<article.*?</article>", page.read_text(encoding="utf-8"), re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", article[0])).split())


def test_every_link_of_the_site_leads_somewhere(site):
    """A page, a file or an anchor that the site links to is in the site."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 40
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = unquote(link).partition("#")
            if re.match(r"[a-z]+:", target):
                assert target.startswith("https://"), f"{path.name}: {link}"
                continue
            if target and path.parent.name == "samples":
                continue  # to the other files of its run's folder, which are not published
            found = (path.parent / target.split("?")[0]).resolve() if target else path
            assert found.is_file(), f"{path.relative_to(site)}: {link}"
            if anchor and found.suffix == ".html":
                assert anchor in pages[found].ids, f"{path.relative_to(site)}: {link}"


def test_nothing_of_the_site_is_loaded_from_elsewhere(site):
    """No page asks another host for a script, a style, a font or an image."""
    for path in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"(https?:)?//", path.read_text(encoding="utf-8"))
        assert loaded == [], path.name


def test_the_sample_reports_are_the_golden_ones(site):
    """Each golden report is published as it is, and the front page leads to them."""
    published = {path.name: path.read_bytes() for path in (site / "samples").iterdir()}
    assert published == {path.name: path.read_bytes() for path in GOLDEN.glob("*.html")}
    listed = Page((site / "samples.html").read_text(encoding="utf-8")).links
    assert {f"samples/{name}" for name in published} <= set(listed)
    assert "samples.html" in Page((site / "index.html").read_text(encoding="utf-8")).links


def all_commands(command: Command, context: Context, words: tuple[str, ...] = ()):
    """Every command of `paygate` as it is typed."""
    yield words
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)
        yield from all_commands(inner, context, (*words, name))


def test_the_help_shown_is_the_help_printed(site, monkeypatch, capsys):
    """For every command, the site shows what `--help` prints on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = {
        html.unescape(re.sub(r"<[^>]+>", "", block)).strip()
        for block in re.findall(
            r"<pre[^>]*>(.*?)</pre>", (site / "reference" / "command-line.html").read_text(), re.DOTALL
        )
    }
    typed = list(all_commands(paygate, paygate.make_context("paygate", [], resilient_parsing=True)))
    assert {words[0] for words in typed if words} == set(COMMANDS)
    for words in typed:
        paygate.main([*words, "--help"], prog_name="paygate", standalone_mode=False)
        printed = capsys.readouterr().out
        assert f"$ {' '.join(('paygate', *words))} --help\n{printed.strip()}" in shown


def test_every_option_marker_and_fixture_is_documented(site):
    """What `pytest --help`, `--markers` and `--fixtures` show of the plugin stands in the reference."""

    def printed(*arguments: str) -> str:
        command = [sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    options = text_of(site / "reference" / "command-line.html")
    shown = set(re.findall(r"^ +(--paygate-[a-z-]+)", printed("--help"), re.MULTILINE))
    assert shown == {f"--{option.long}" for option in OPTIONS}
    assert all(option in options for option in shown)
    names = text_of(site / "reference" / "markers-and-fixtures.html")
    markers = re.findall(
        r"^@pytest\.mark\.((?:row|preflight|live_money|hitl_pause)\b.*)$", printed("--markers"), re.MULTILINE
    )
    assert len(markers) == 4
    assert all(" ".join(marker.replace(": ", " ", 1).split()) in names for marker in markers)
    listed = printed("--fixtures", "suites/e2e")
    fixtures = set(re.findall(r"^(\w+) -- .*pytest_paygate/plugin/fixtures\.py", listed, re.MULTILINE))
    assert {"run", "facts", "trace_id", "api", "provider", "operator", "poll", "db", "logs", "proofs"} <= fixtures
    assert all(re.search(rf"\b{name} ", names) for name in fixtures if not name.startswith("paygate_"))


def test_every_exit_code_is_documented_with_what_to_do(site):
    """Each code of pytest and of the verdict stands in the reference and has a section in the how-to."""
    reference = text_of(site / "reference" / "exit-codes.html")
    sections = anchors(ROOT / "docs" / "how-to" / "recover.md")
    for verdict, code in EXIT_CODES.items():
        assert f"{code} {verdict}" in reference
        assert f"{code}-{verdict.lower()}" in sections
    for code in pytest.ExitCode:
        assert any(section.startswith(f"{int(code)}-") for section in sections), code


@pytest.mark.parametrize(
    ("page", "model"),
    [("settings-keys", Settings), ("gate-keys", Gate), ("record", Record), ("journal-events", Entry)],
)
def test_every_key_of_a_model_is_documented(site, page, model):
    """Every table, key and choice of the schema stands on its page."""
    schema = model.model_json_schema()
    text = text_of(site / "reference" / f"{page}.html")
    for definition in [schema, *schema.get("$defs", {}).values()]:
        for key, value in definition.get("properties", {}).items():
            if key == "kind" and "const" in value:
                assert f"{value['const']}" in text
            else:
                assert re.search(rf"\b{key} ", text), f"{page}: {key}"
        assert all(str(choice) in text for choice in definition.get("enum", ()))


def test_every_public_name_and_provider_is_documented(site):
    """The Python API has every public name, and the settings' page every provider."""
    ids = Page((site / "reference" / "python-api.html").read_text(encoding="utf-8")).ids
    assert {f"pytest_paygate.{name}" for name in pytest_paygate.__all__ if not name.startswith("_")} <= ids
    settings = text_of(site / "reference" / "settings-keys.html")
    assert all(f"{name} {address}" in settings for name, (_, _, address) in PROVIDERS.items())


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_everybody_can_read_it(site, scheme, width):
    """axe-core finds nothing, pages do not scroll sideways, and nothing is asked for over a network."""
    path = next(found for found in map(shutil.which, NAMES) if found)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=arguments) as browser:
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name in LOOKED_AT:
            page.goto((site / name).as_uri())
            found = Axe().run(page).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], name
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) <= 0, name
        assert all(url.startswith("file:") for url in asked)
