"""The one module that knows Jinja2: strict, autoescaped HTML; Markdown with every special character escaped.

Templates are package data. Everything shown goes through an escape of its sink: HTML by autoescape, Markdown by the
filter `md`, which no template may leave out (the finalizer applies it).
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_paygate.core.inert import inert

if TYPE_CHECKING:
    from collections.abc import Mapping

# Parentheses act in Markdown only after a bracket, which is escaped; colons and dots where an address would be linked.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#+!|~@$&]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
# At the start of a value, which may be that of a list item: another list, a rule, an underline of a heading.
_OPENING = re.compile(r"^(\d{0,9})(?=-(?:\s|-|$)|=|[.)](?:\s|$))")
# A mention or a mail address is found after escapes are undone; only a character between keeps it text.
_MENTION = re.compile(r"\\@(?=\w)")


def html(template: str, values: Mapping[str, Any]) -> str:
    """Render an HTML template; its stylesheet is inlined and allowed by hash, nothing else is."""
    environment = _html()
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    # Our own stylesheet, hashed above; values from a run never reach this call.
    return environment.get_template(template).render(**values, style=Markup(style), policy=policy)  # noqa: S704 - see above


def part(template: str, values: Mapping[str, Any], drawn: Mapping[str, str] | None = None) -> str:
    """Render an HTML template as it is, for a page whose stylesheet and policy are served beside it.

    Args:
        template: its name.
        values: what it shows, escaped.
        drawn: markup of our own making by name, such as a picture; never a value from a run.
    """
    ours = {name: Markup(markup) for name, markup in (drawn or {}).items()}  # noqa: S704 - see the argument
    return _html().get_template(template).render(**values, **ours)


def source(name: str) -> str:
    """A file of the templates that is served as it is: a stylesheet, a script."""
    loader = _html().loader
    if loader is None:
        raise RuntimeError("the environment was made with a loader")
    return loader.get_source(_html(), name)[0]


def markdown(template: str, values: Mapping[str, Any]) -> str:
    """Render a Markdown template with every value escaped."""
    return _markdown().get_template(template).render(**values)


def escape_markdown(value: object) -> object:
    """Make a value plain text in Markdown, also inside a table cell."""
    if isinstance(value, Markup):
        return value
    shown = inert(str(value)).strip()
    if not shown and str(value).strip():
        # An item or a cell with nothing in it would change the shape of what is around it.
        return "(not printable)"
    text = _MARKDOWN.sub(r"\\\1", shown)
    return _MENTION.sub(r"\\@&#8203;", _OPENING.sub(r"\1\\", text))


@cache
def _html() -> Environment:
    return Environment(
        loader=PackageLoader("pytest_paygate.renderers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else inert(str(value)),
    )


@cache
def _markdown() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_paygate.renderers"),
        autoescape=False,  # noqa: S701 - Markdown, escaped by the finalizer; HTML has its own environment
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_markdown,
    )
    environment.filters["raw_link"] = Markup
    # For markup that stands in a template itself; never for a value.
    environment.filters["ours"] = Markup
    environment.filters["brief"] = lambda text, length: text if len(text) <= length else f"{text[: length - 1]}…"
    return environment
