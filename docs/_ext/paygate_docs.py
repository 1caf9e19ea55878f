"""The Sphinx extension of this project's documentation: fills pages from the code, and publishes the sample reports.

A page holds a line `<!-- generated: NAME -->` or `<!-- document: PATH -->`. When the site is built it is replaced by
what the code says, or by a document that lies elsewhere in the repository. No generated text is written into the tree.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reference_models
import reference_text
import repository_documents
from docutils import nodes

import pytest_paygate

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

GENERATED = {
    "pytest-options": reference_text.pytest_options,
    "commands": reference_text.commands,
    "markers": reference_text.markers,
    "fixtures": reference_text.fixture_table,
    "exit-codes": reference_text.exit_codes,
    "providers": reference_text.provider_table,
    "public-names": reference_text.public_names,
    "tutorial": reference_text.tutorial,
    "samples": reference_text.samples,
    "settings": reference_models.settings_tables,
    "gate": reference_models.gate_tables,
    "policy": reference_models.policy_tables,
    "journal-events": reference_models.journal_events,
    "record": reference_models.record_tables,
}
_PLACE = re.compile(r"^<!-- (?:generated: (?P<name>[a-z-]+)|document: (?P<path>[\w/.-]+)) -->$", re.MULTILINE)
_API = "reference/python-api"


def fill(_app: Sphinx, page: str, source: list[str]) -> None:
    """Replace each marked line of a page by what the code or a document says; an unknown name stops the build."""

    def text(match: re.Match[str]) -> str:
        return GENERATED[match["name"]]() if match["name"] else repository_documents.text(match["path"], page)

    source[0] = _PLACE.sub(text, source[0])


def generated_pages(app: Sphinx, env: BuildEnvironment, *_sets: set[str]) -> list[str]:
    """Read the pages with generated text anew in every build: the code may have changed where they have not."""
    return [page for page in env.found_docs if _PLACE.search(Path(app.env.doc2path(page)).read_text(encoding="utf-8"))]


def to_public_name(
    _app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Node | None:
    """Link a type of a signature to its public name, and leave one that is not public as text.

    Signatures name types as their home modules import them, while only the public names are documented. A reference
    that a person wrote elsewhere and that leads nowhere stays an error.
    """
    if node.get("refdomain") != "py" or node.get("refdoc") != _API:
        return None
    name = node["reftarget"].rsplit(".", 1)[-1]
    if name in pytest_paygate.__all__:
        domain: Any = env.domains.python_domain
        if f"pytest_paygate.{name}" in domain.objects:
            address = env.app.builder.get_relative_uri(_API, _API) + f"#pytest_paygate.{name}"
            return nodes.reference("", "", shown, internal=True, refuri=address)
    return shown


def publish_samples(app: Sphinx, error: Exception | None) -> None:
    """Put the golden reports beside the site's pages, as they are."""
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / "samples"
        folder.mkdir(exist_ok=True)
        for page in sorted(reference_text.GOLDEN.glob("*.html")):
            shutil.copyfile(page, folder / page.name)


# What the theme leaves to be desired for readers who use a keyboard or a screen reader, found by axe-core.
_REACHABLE = (
    ('role="heading">', 'role="heading" aria-level="2">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="On this page" class="toc-drawer'),
    ("<pre>", '<pre tabindex="0">'),
    ('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
)


def make_reachable(app: Sphinx, error: Exception | None) -> None:
    """Name the page's landmarks, and let a keyboard reach what scrolls."""
    if error is not None or app.builder.format != "html":
        return
    for page in sorted(Path(app.outdir).rglob("*.html")):
        if page.parent.name == "samples":
            continue
        text = page.read_text(encoding="utf-8")
        made = text
        for found, better in _REACHABLE:
            made = made.replace(found, better)
        if made != text:
            page.write_text(made, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", fill)
    app.connect("env-get-outdated", generated_pages)
    app.connect("missing-reference", to_public_name)
    app.connect("build-finished", publish_samples)
    app.connect("build-finished", make_reachable)
    return {"version": pytest_paygate.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
