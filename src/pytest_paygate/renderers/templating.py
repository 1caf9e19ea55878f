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

if TYPE_CHECKING:
    from collections.abc import Mapping

# Parentheses and colons act in Markdown only after a bracket or a scheme, and brackets are escaped.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#+!|~@$&])")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def html(template: str, values: Mapping[str, Any]) -> str:
    """Render an HTML template; its stylesheet is inlined and allowed by hash, nothing else is."""
    environment = _html()
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    # Our own stylesheet, hashed above; values from a run never reach this call.
    return environment.get_template(template).render(**values, style=Markup(style), policy=policy)  # noqa: S704 - see above


def markdown(template: str, values: Mapping[str, Any]) -> str:
    """Render a Markdown template with every value escaped."""
    return _markdown().get_template(template).render(**values)


def escape_markdown(value: object) -> object:
    """Make a value plain text in Markdown, also inside a table cell."""
    if isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(r"\\\1", _INVISIBLE.sub(" ", str(value)))


@cache
def _html() -> Environment:
    return Environment(
        loader=PackageLoader("pytest_paygate.renderers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else _INVISIBLE.sub(" ", str(value)),
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
