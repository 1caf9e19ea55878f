"""The operator's page as HTML: the question with its form, what was said, the waits, every row. Pure.

Every text on it comes from a suite, a target or a person and is escaped; the only address that becomes a link is an
http(s) one. It asks with plain forms, so that it works without its script, which only looks again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import segno

from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.inert import inert
from pytest_paygate.core.page import GateTable, RowLine
from pytest_paygate.core.seats import Word
from pytest_paygate.renderers import templating
from pytest_paygate.renderers.view import BANNERS
from pytest_paygate.renderers.view import SIGNS as VERDICT_SIGNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.gate import Gate, Row
    from pytest_paygate.core.page import PageView
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.seats import Card

# A sign beside each word, so that a status is never told by colour alone.
SIGNS = {
    RowStatus.PASS: "✓",
    RowStatus.FAIL: "✗",
    RowStatus.BLOCKED: "⊘",
    RowStatus.NOT_RUN: "○",
    RowStatus.SKIPPED: "–",
    RowStatus.INCONCLUSIVE: "?",
    RowStatus.PENDING: "…",
    RowStatus.WAIVED: "!",
}
RUNNING = "RUNNING"
_PARTS = ("head", "question", "told", "waits", "gates")
_QR_CHARACTERS_MAX = 1_200


def gate_table(gate: Gate, environment: str, state: RunState | None) -> GateTable:
    """One gate with the status of each row.

    Args:
        gate: the gate.
        environment: what it runs against.
        state: its run so far; None while its first row has not begun.
    """
    started = None if state is None else state.started

    def line(row: Row) -> RowLine:
        known = None if state is None else state.rows.get(row.id)
        status = RowStatus.NOT_RUN if known is None else known.status
        if state is not None and state.open_row == row.id:
            return RowLine(gate.number(row.id), row.title, RUNNING, "▶")
        return RowLine(gate.number(row.id), row.title, status.value, SIGNS[status])

    return GateTable(
        gate_id=gate.id,
        title=gate.title,
        mode="" if started is None else started.mode.value,
        environment=environment,
        run_id="" if started is None else started.run_id,
        preflight=[line(row) for row in gate.preflight],
        rows=[line(row) for row in gate.rows],
    )


def page(view: PageView) -> str:
    """The whole page."""
    values = _values(view)
    drawn = {f"part_{name}": _part(name, view, values) for name in _PARTS}
    return templating.part("operator_page.html", values, drawn)


def parts(view: PageView) -> dict[str, Any]:
    """What the page's script needs to bring it up to date: each part's HTML, and what has changed about the form."""
    values = _values(view)
    asked = view.question
    return {
        "key": values["key"],
        "title": values["title"],
        "form": "" if asked is None else asked.form,
        "left": None if asked is None else round(asked.left_seconds, 1),
        "over": view.is_over,
        "parts": {name: _part(name, view, values) for name in _PARTS},
    }


def refusal(title: str, sentence: str) -> str:
    """A page that says why there is nothing to see."""
    return templating.part("operator_refusal.html", {"title": title, "sentence": sentence})


def style() -> str:
    """The page's stylesheet: the report's, and what a page with forms needs besides."""
    return templating.source("style.css") + templating.source("operator_page.css")


def script() -> str:
    """The page's script."""
    return templating.source("operator_page.js")


def _part(name: str, view: PageView, values: Mapping[str, Any]) -> str:
    asked = view.question
    drawn = {"qr": _qr(asked.card.url)} if name == "question" and asked is not None else {}
    return templating.part(f"operator_{name}.html", values, drawn)


def _values(view: PageView) -> dict[str, Any]:
    begun = [gate for gate in view.gates if gate.mode]
    current = begun[-1] if begun else None
    badge = _badge(current.mode) if current is not None else "NOT BEGUN"
    asked = view.question
    return {
        "view": view,
        "current": current,
        "badge": badge,
        "mode": "" if current is None else current.mode,
        "title": _title(view, badge),
        "endings": [(one.verdict.value, VERDICT_SIGNS[one.verdict], one.headline) for one in view.endings],
        "key": _key(view),
        "left": "" if asked is None else f"{int(asked.left_seconds) // 60}:{int(asked.left_seconds) % 60:02}",
        "link": "" if asked is None else _link(asked.card.url),
        "deciding": [] if asked is None else _words(asked.card, (Word.DONE, Word.ABORT)),
        "noting": [] if asked is None else _words(asked.card, (Word.NOTE, Word.TODO)),
    }


def _badge(mode: str) -> str:
    return next((banner for known, (banner, _) in BANNERS.items() if known.value == mode), mode.upper())


def _title(view: PageView, badge: str) -> str:
    if view.is_over:
        return view.endings[-1].headline if view.endings else "The session has ended"
    gates = ", ".join(gate.gate_id for gate in view.gates)
    if view.question is not None:
        return f"● You are asked: {inert(view.question.card.title)} · {badge} · {gates}"
    return f"Nothing is asked · {badge} · {gates}"


def _key(view: PageView) -> str:
    """Changes exactly when the form must be drawn anew; not while a person types into it."""
    if view.question is None:
        return f"none/{view.last}/{view.is_over}"
    return f"{view.question.number}/{'open' if view.question.form else 'sent'}"


def _words(card: Card, wanted: Sequence[Word]) -> list[tuple[str, str]]:
    return [(word.value, card.words[word]) for word in wanted if word in card.words]


def _link(url: str) -> str:
    """An address that may be followed; anything but http(s) is shown as text only."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and has_host and url.isprintable() and " " not in url else ""


def _qr(url: str) -> str:
    """The address as a picture for a phone's camera; nothing for what is no address, or too long for one."""
    if not _link(url) or len(url) > _QR_CHARACTERS_MAX:
        return ""
    code = segno.make(url, error="l", micro=False)
    return str(code.svg_inline(border=4, light="#fff", dark="#000", omitsize=True, svgclass="qr", lineclass=None))
