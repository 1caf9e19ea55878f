"""The project's own documents keep their form: the changelog, the decisions, the promise of an address for security."""

from __future__ import annotations

import re

import pytest

from pytest_paygate.version import __version__
from tests.documents.markdown import ROOT, name

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def releases() -> list[tuple[str, str]]:
    """Each release of the changelog with its text, newest first."""
    parts = re.split(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_the_changelog_keeps_its_form():
    """Unreleased first, then releases with version and day, newest first; each has its kinds in order, with entries."""
    assert CHANGELOG.startswith("# Changelog\n")
    titles = [title for title, _ in releases()]
    assert titles[0] == "Unreleased"
    versions = []
    for title in titles[1:]:
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - \d{4}-\d{2}-\d{2}", title)
        assert match, f"CHANGELOG.md: {title!r} is no release"
        versions.append(tuple(int(part) for part in match.groups()))
    assert versions == sorted(set(versions), reverse=True)
    assert all(version <= tuple(int(part) for part in __version__.split(".")[:3]) for version in versions)
    for title, text in releases():
        kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
        assert kinds == sorted(set(kinds), key=KINDS.index), f"CHANGELOG.md: {title}: {kinds}"
        body = [line for line in text.splitlines() if line and not line.startswith("### ")]
        assert body, f"CHANGELOG.md: {title} is empty"
        for line in body:
            assert re.match(r"(- |  )\S", line), f"CHANGELOG.md: {title}: {line!r} is no entry"


def test_a_decision_has_its_own_number():
    """No two decisions share a number, and none is missing a title."""
    numbers = [path.name[:4] for path in DECISIONS]
    assert len(numbers) == len(set(numbers)), numbers
    assert len(numbers) >= 16


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_says_what_and_why(path):
    """A decision has a title, the situation it was taken in, and what came of it."""
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# \S.+\n\n", text)
    assert "**Context.**" in text
    assert re.search(r"\*\*(Outcome|Decision)\.\*\*", text)


def test_security_says_how_to_report():
    """SECURITY.md says where a vulnerability is reported, that it is private, and when an answer comes."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    first = text.split("\n\n")[1]
    assert all(word in first for word in ("privately", "security advisories", "not in a public issue", "working days"))
