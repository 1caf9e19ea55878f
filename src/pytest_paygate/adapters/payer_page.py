"""Reads a hosted payment page the way a browser does: its state, its words, its forms.

Pure: text in, facts out. Fields are found by their `autocomplete` tokens, so that the page may name them as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_SUBMITTING_BUTTONS = frozenset({"submit", ""})


@dataclass(slots=True)
class Form:
    """One form of a page: where it goes, what it sends anyway, which field takes which card detail, its buttons."""

    action: str
    method: str
    hidden: dict[str, str] = field(default_factory=dict)
    names_by_autocomplete: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def takes_card(self) -> bool:
        """Whether a card number can be typed into it."""
        return "cc-number" in self.names_by_autocomplete

    @property
    def is_challenge(self) -> bool:
        """Whether it is a 3-D Secure challenge with its two answers."""
        return any(name == "outcome" for name, _value in self.buttons)


@dataclass(slots=True)
class HostedPage:
    """What a payer needs to know of a page. `state` is empty when the page does not declare one."""

    state: str = ""
    alert: str = ""
    forms: list[Form] = field(default_factory=list)

    def card_form(self) -> Form | None:
        """The first form that takes a card."""
        return next((form for form in self.forms if form.takes_card), None)

    def challenge_form(self) -> Form | None:
        """The first form that asks for a 3-D Secure answer."""
        return next((form for form in self.forms if form.is_challenge), None)


def read_page(html: str) -> HostedPage:
    """Find state, alert text and forms in a page; markup it does not know is passed over."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.alert = " ".join(" ".join(reader.alert_parts).split())
    return reader.page


class _Reader(HTMLParser):
    """Collects a page's facts in one pass."""

    _VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "wbr", "source", "col", "area", "base", "embed"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = HostedPage()
        self.alert_parts: list[str] = []
        self._alert_depth = 0
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "main":
            self.page.state = values.get("data-state", "")
        elif tag == "form":
            self._form = Form(values.get("action", ""), values.get("method", "get").lower())
            self.page.forms.append(self._form)
        elif tag == "input" and self._form is not None:
            self._input(self._form, values)
        elif tag == "button" and self._form is not None and values.get("type", "") in _SUBMITTING_BUTTONS:
            self._form.buttons.append((values.get("name", ""), values.get("value", "")))
        if tag not in self._VOID and (self._alert_depth or values.get("role") == "alert"):
            self._alert_depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if self._alert_depth and tag not in self._VOID:
            self._alert_depth -= 1

    def handle_data(self, data: str) -> None:
        if self._alert_depth:
            self.alert_parts.append(data)

    @staticmethod
    def _input(form: Form, values: dict[str, str]) -> None:
        name, kind = values.get("name", ""), values.get("type", "text").lower()
        if not name:
            return
        if kind == "hidden":
            form.hidden[name] = values.get("value", "")
        elif kind == "submit":
            form.buttons.append((name, values.get("value", "")))
        # An autocomplete attribute may hold several tokens, such as `billing cc-name`.
        for token in values.get("autocomplete", "").split():
            if token.startswith("cc-"):
                form.names_by_autocomplete[token] = name
