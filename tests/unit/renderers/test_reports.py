"""Reports: the same bytes from the same journal, inert whatever the text, unmistakable about their life."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.renderers import session_report
from pytest_paygate.renderers.templating import escape_markdown
from pytest_paygate.renderers.view import BANNERS, view
from tests.properties.gates import SOURCE, folded, passing_row, started, whole_run

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "| a | b |",
    "[x](javascript:alert(1))",
    "`code` **bold** _it_",
    "</title></style>",
    "\u202ereversed",
    "\x1b[2Jgone",
    "line\nbreak",
]


def hostile_run(text, mode=Mode.SANDBOX):
    """A failed run whose gate title, row titles and reasons are hostile."""
    source = SOURCE.decode().replace('title = "Small"', f"title = {json.dumps(text)}", 1)
    source = source.replace('title = "One"', f"title = {json.dumps(text)}", 1)
    gate = read_gate(source.encode(), "gate.toml")
    begun = started(mode).model_copy(update={"gate": gate.model_dump(mode="json"), "commit": text, "target": text})
    failed = ev.RowFinished(row="one", status=ev.RowStatus.FAIL, reason=text, expected=text, observed=text)
    return folded(
        [
            begun,
            *passing_row("check"),
            ev.RowStarted(row="one"),
            ev.AnomalyRecorded(code="odd", detail=text),
            failed,
            ev.RunFinished(complete=False, reason=text),
        ]
    )


class Page(html.parser.HTMLParser):
    """What a browser would see: tags with attributes, and text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_html_stays_inert(text):
    """Hostile text adds no tag, no attribute and no link; the page has no script and nothing to fetch."""
    calm, page = (Page(session_report.as_html(view(hostile_run(one), "0" * 64))) for one in ("calm", text))
    assert [(tag, sorted(attributes)) for tag, attributes in page.tags] == [
        (tag, sorted(attributes)) for tag, attributes in calm.tags
    ]
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "link", "object", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert attributes.get("href", "#").startswith(("#", "session.log#:~:text=0"))


def test_the_policy_allows_the_one_style_and_nothing_else():
    """The content security policy names the hash of the stylesheet in the page."""
    source = session_report.as_html(view(folded(whole_run()), "0" * 64))
    (policy,) = (a["content"] for tag, a in Page(source).tags if a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_tables_keep_their_shape(text):
    """Hostile text neither breaks a table nor becomes a link, code or markup."""
    lines = session_report.as_markdown(view(hostile_run(text), "0" * 64)).splitlines()
    calm = session_report.as_markdown(view(hostile_run("calm"), "0" * 64)).splitlines()
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert columns == [len(re.findall(r"(?<!\\)\|", line)) for line in calm]
    body = "\n".join(lines)
    assert not re.search(r"(?<!\\)\]\(javascript", body)
    assert not re.search(r"(?<!\\)<", body)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_four_lives_cannot_be_mistaken(mode):
    """Each life has its own word in title, banner and Markdown head, and no other life's word in the banner."""
    report = view(folded(whole_run(mode)), "0" * 64)
    page = session_report.as_html(report)
    word = BANNERS[mode][0]
    assert f"<title>{word} · " in page
    assert f'<p class="mode">{word}</p>' in page
    assert f'class="banner {mode}"' in page
    assert session_report.as_markdown(report).startswith(f"# {word} — ")
    others = {other for one, (other, _) in BANNERS.items() if one is not mode}
    assert report.banner not in others


def test_only_a_live_run_shows_a_decision():
    """GO, NO-GO and PENDING as a launch decision appear on live reports only."""
    assert "FAIL · NO-GO" in session_report.as_html(view(hostile_run("x", Mode.LIVE), "0" * 64))
    assert "· NO-GO" not in session_report.as_html(view(hostile_run("x", Mode.STAGING), "0" * 64))
    assert "PASS · GO" not in session_report.as_html(view(folded(whole_run(Mode.SANDBOX)), "0" * 64))


def test_the_same_journal_gives_the_same_bytes():
    """Rendering reads no clock: twice the same run is twice the same page."""
    first, second = (session_report.as_html(view(folded(whole_run()), "0" * 64)) for _ in range(2))
    assert first == second


def test_markdown_escapes_are_reversible_by_a_reader():
    """Escaping adds backslashes only; letters, digits and plain punctuation stand as they are."""
    assert escape_markdown("EUR 5.00 at 09:15 (ord_1)") == "EUR 5.00 at 09:15 (ord\\_1)"
