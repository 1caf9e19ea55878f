"""pytest-html as a host: the verdict above, the rows in their columns, the evidence inside, and nothing that acts."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.browser import Seen, look_at
from tests.plugin.test_quarantine import run_with_reporters

if TYPE_CHECKING:
    from tests.plugin.project import Project

ATTACK = "<img src=x onerror=window.owned=1>"
# A neighbour whose id, and a CI variable whose value, pytest-html puts into its page as they are.
NEIGHBOUR = f"""
import pytest

@pytest.mark.parametrize("n", [1], ids=["{ATTACK}"])
def test_other(n):
    pass
"""


class Page(HTMLParser):
    """The parts of pytest-html's page: its header cells, its data, and the links of the verdict block."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.columns: list[str] = []
        self.links: list[str] = []
        self.data: dict = {}
        self._in = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self._in = tag
        if tag == "a":
            self.links.append(values.get("href", ""))
        if values.get("id") == "data-container":
            self.data = json.loads(values["data-jsonblob"])

    def handle_data(self, data):
        if self._in == "th" and data.strip():
            self.columns.append(data.strip())

    def lines(self) -> list[list[str]]:
        """The text of every cell of every line."""
        tests = [test for found in self.data["tests"].values() for test in found]
        return [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in test["resultsTableRow"]] for test in tests]


def page_of(project: Project) -> Page:
    """What pytest-html wrote."""
    return Page((project.path / "out" / "report.html").read_text(encoding="utf-8"))


def shown(project: Project) -> Seen:
    """What Chromium makes of it."""
    (seen,) = look_at([project.path / "out" / "report.html"])
    return seen


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_verdict_and_the_rows_stand_in_its_page(project: Project, arguments: tuple[str, ...]) -> None:
    """Verdict with a link that leads to our report, columns Row and Proof, one <details> for each row."""
    assert run_with_reporters(project, *arguments).ret == 0
    page = page_of(project)
    assert page.columns == ["Result", "Row", "Test", "Duration", "Proof", "Links"]
    rows = {line[1]: (line[0], line[4]) for line in page.lines()}
    assert set(rows) == {"P1", "1", "2", "3"}
    assert rows["2"][0] == "Passed"
    assert re.fullmatch(r"paid EUR 19\.99 · session\.log L\d+", rows["2"][1])
    (link,) = [link for link in page.links if link.endswith("report.html")]
    assert (project.path / "out" / link).resolve() == project.folders()[0] / "report.html"
    text = shown(project)
    assert "gate demo: PASS" in text.body
    assert text.details == 4
    assert text.requests == [(project.path / "out" / "report.html").as_uri()]


def test_original_order_stays_the_gate_s(project: Project) -> None:
    """With `initial_sort=original` the rows stand in the gate's order, failed ones too."""
    project.body("payment", "assert False")
    run_with_reporters(project, "-o", "initial_sort=original")
    seen = shown(project)
    assert [line[1] for line in seen.table] == ["P1", "1", "2", "3"]
    assert [line[0] for line in seen.table] == ["Passed", "Passed", "Failed", "Skipped"]


def test_a_row_that_did_not_run_says_why_inside(project: Project) -> None:
    """A blocked row has its record too: its status and its reason."""
    project.body("order", "assert False")
    run_with_reporters(project)
    tests = [test for found in page_of(project).data["tests"].values() for test in found]
    blocks = "".join(extra["content"] for test in tests for extra in test["extras"])
    assert "<tr><th>status</th><td>BLOCKED</td></tr><tr><th>reason</th>" in blocks


def test_nobody_forges_a_verdict_beside_ours(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile titles, ids of other tests and CI variables reach the page as text: nothing runs, nothing is fetched."""
    monkeypatch.setenv("BUILD_TAG", ATTACK)
    project.write("test_other.py", NEIGHBOUR)
    project.change("gate.toml", "Order placed", ATTACK)
    project.change("gate.toml", "Demo launch", ATTACK)
    run_with_reporters(project, ".")
    seen = shown(project)
    assert not seen.owned
    assert seen.requests == [(project.path / "out" / "report.html").as_uri()]
    assert ATTACK in seen.body
    assert [line[1] for line in page_of(project).lines() if "test_other" in line[2]] == [""]


def test_a_secret_in_a_ci_variable_is_not_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment table, which knows CI variables by name only, does not show one that holds a secret."""
    monkeypatch.setenv("PAYGATE_TEST_TOKEN", "tok-5c1f0e9d7b3a")
    monkeypatch.setenv("GIT_URL", "https://x:tok-5c1f0e9d7b3a@git.example.test/shop")
    with (project.path / "paygate.toml").open("a", encoding="utf-8") as file:
        file.write('\n[env.demo.secrets]\ntoken = "env:PAYGATE_TEST_TOKEN"\n')
    assert run_with_reporters(project).ret == 0
    assert page_of(project).data["environment"]["GIT_URL"] == "holds a secret, not shown"


def test_a_project_without_a_gate_keeps_its_page(project: Project) -> None:
    """Without a gate in what was typed, pytest-html's page is its own."""
    project.write("elsewhere/test_other.py", NEIGHBOUR.replace(ATTACK, "one"))
    assert run_with_reporters(project, "elsewhere").ret == 0
    assert page_of(project).columns == ["Result", "Test", "Duration", "Links"]
