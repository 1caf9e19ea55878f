"""Where a hostile text may end up, and how each place is read back by whoever would be harmed.

A sink renders one text as it comes from one origin, twice: a calm one and the hostile one. A reader of that form
compares the two; whatever the hostile text added that acts is a finding. A new sink is one more line in `SINKS`.
"""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from pytest_paygate.cli.history import as_csv, as_table
from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Entry, Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.history import HistoryLine, line_of
from pytest_paygate.core.inert import terminal_text
from pytest_paygate.core.journal import GENESIS, encode
from pytest_paygate.core.launch import GoLive, GoLiveItem, Launch, LaunchRun, launch
from pytest_paygate.core.proof import ProofStatus
from pytest_paygate.core.run import RunState, apply
from pytest_paygate.core.sign_offs import SignOff
from pytest_paygate.plugin import allure_guest, html_guest
from pytest_paygate.plugin.mirrors import RowRecord
from pytest_paygate.renderers import incident, index_pages, record, session_log, session_report
from pytest_paygate.renderers.difference import difference
from pytest_paygate.renderers.view import view
from pytest_paygate.reporting.run_reports import Outcome
from tests.properties.gates import SOURCE, folded, legal_prefix, passing_row, started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_paygate.core.record import Record
    from pytest_paygate.renderers.view import ReportView

CALM = "calm"
# What must not stand in any text for a terminal: everything that is not printable, but for the end of a line.
_ACTING = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_COMMAND = re.compile(r"^\s*::[\w-]+|##(vso|teamcity)?\[", re.MULTILINE)
# What GitHub links in Markdown's source, and what it finds in the text afterwards: addresses there, mentions here.
_ADDRESS = re.compile(r"(?:https?|ftp)://\S{0,40}|(?<![\w\\])www\.\S{0,40}", re.IGNORECASE)
_MENTION = re.compile(r"@\w")


def from_gate(text: str) -> list[ev.EventBody]:
    """A gate whose every free text is hostile."""
    source = SOURCE.decode()
    for title in ("Small", "Check", "One", "Two", "Whole", "Fast"):
        source = source.replace(f'title = "{title}"', f"title = {_toml(text)}", 1)
    source = source.replace('owner = "me"', f"owner = {_toml(text)}")
    source += f'[[risks]]\nid = "r"\ntext = {_toml(text)}\n[[housekeeping]]\nid = "h"\ntext = {_toml(text)}\n'
    gate = read_gate(source.encode(), "gate.toml")
    return [_started(gate=gate.model_dump(mode="json")), *passing_row("check"), *_failed(CALM), _ended(CALM)]


def from_target(text: str) -> list[ev.EventBody]:
    """A target whose answers, address and release say hostile things."""
    exchange = ev.ExchangeRecorded(
        party=text,
        method=text,
        path=text,
        status=200,
        elapsed_ms=1,
        request_id=text,
        fields={"status": text, "x": text},
    )
    poll = ev.PollRead(poll=text, attempt=1, waited_ms=1, value=text)
    query = ev.QueryRecorded(statement=text, row_count=1, elapsed_ms=1, fields={"x": text})
    return [
        _started(target=text, commit=text),
        *passing_row("check"),
        *_failed(CALM, exchange, poll, query),
        _ended(CALM),
    ]


def from_provider(text: str) -> list[ev.EventBody]:
    """A provider whose errors become reasons, anomalies and proofs."""
    proof = ev.ProofRecorded(name=text, source=text, status=ProofStatus.CONTRADICTS, detail=text)
    odd = ev.AnomalyRecorded(code=text, detail=text)
    escalated = ev.RunEscalated(charge=text, amount=text, reason=text)
    return [_started(), *passing_row("check"), *_failed(text, odd, proof), escalated, _ended(CALM)]


def from_operator(text: str) -> list[ev.EventBody]:
    """An operator's name and notes."""
    hold = ev.HoldOpened(hold_id=text, title=text, deadline_seconds=1, attended=True)
    closed = ev.HoldClosed(hold_id=text, answered=True, by=text, waited_seconds=1)
    stopped = ev.RunStopped(guard=text, threshold=text, observed=text)
    return [_started(operator=text), *passing_row("check"), *_failed(CALM, hold, closed), stopped, _ended(text)]


def from_exception(text: str) -> list[ev.EventBody]:
    """What an exception says, as far as a row's status would carry it."""
    return [_started(), *passing_row("check"), *_failed(text), _ended(text)]


ORIGINS: dict[str, Callable[[str], list[ev.EventBody]]] = {
    "gate text": from_gate,
    "target answer": from_target,
    "provider error": from_provider,
    "operator note": from_operator,
    "exception": from_exception,
}


@dataclass(frozen=True, slots=True)
class Sink:
    """One place: how it is rendered from a run's events and the text itself, and how it is read."""

    render: Callable[[list[ev.EventBody], str], str]
    read: Callable[[str, str], list[str]]


def _view(events: list[ev.EventBody]) -> ReportView:
    return view(_state(events), "0" * 64, 0, _entries(events))


def _form(form: Callable[[ReportView], str]) -> Callable[[list[ev.EventBody], str], str]:
    return lambda events, _text: form(_view(events))


def _recorded(events: list[ev.EventBody]) -> Record:
    return record.record(_state(events), _view(events))


def _go_no_go(events: list[ev.EventBody], text: str, form: Callable[..., str]) -> str:
    rehearsed = index_pages.Rehearsed(_line(events, text), _view(events).criteria)
    broken = index_pages.UnreadableRun("small", "r9", text, "QUARANTINED", Mode.LIVE)
    return form(index_pages.Checklist(_launch(events, text), (rehearsed,), (broken,)))


def _launch(events: list[ev.EventBody], text: str) -> Launch:
    """A live run, an item and a sign-off of which every free text is hostile."""
    live = [
        event.model_copy(update={"mode": Mode.LIVE}) if isinstance(event, ev.RunStarted) else event for event in events
    ]
    items = tuple(GoLiveItem(id=name, title=text[:160], owner=text[:120]) for name in ("vat", "legal"))
    word = SignOff(
        item="vat",
        by=text[:120],
        at="2026-01-01T00:00:00Z",
        evidence=text[:255],
        evidence_sha256="0" * 64,
        seals={},
        refused=True,
        note=text[:400],
        previous="",
    )
    runs = {"small": LaunchRun(_state(live), "1" * 64, text)}
    return launch(runs, GoLive(items=items), [word], datetime(2026, 1, 2, tzinfo=UTC))


def _line(events: list[ev.EventBody], text: str) -> HistoryLine:
    return line_of(_state(events), 1.0).model_copy(
        update={"environment": text, "gate_title": text, "commit": text, "started_at": text}
    )


def _sessions(events: list[ev.EventBody], text: str) -> str:
    return index_pages.sessions("small", [_line(events, text)], [index_pages.UnreadableRun("small", "r0", text)])


def _front_page(events: list[ev.EventBody], text: str) -> str:
    broken = [index_pages.UnreadableRun("small", "r0", text)]
    return index_pages.front_page(_launch(events, text), [_line(events, text)], broken)


def _difference(events: list[ev.EventBody], _text: str) -> str:
    return difference(_state(ORIGINS["exception"](CALM)), _state(events))


def _entries(events: list[ev.EventBody]) -> list[Entry]:
    return [
        Entry.model_validate_json(encode(seq, GENESIS, datetime(2026, 1, 1, tzinfo=UTC), 0.0, body))
        for seq, body in enumerate(legal_prefix(events))
    ]


def _session_log(events: list[ev.EventBody], _text: str) -> str:
    state, lines = RunState(), []
    for entry in _entries(events):
        state = apply(state, entry.event, entry.seq, entry.at)
        lines.append(session_log.line(entry, state))
    return "\n".join(lines)


def _terminal(events: list[ev.EventBody], text: str) -> str:
    report = view(_state(events), "0" * 64)
    said = [report.sentence, *report.reasons, text, f"  {text}"]
    # A line feed in a text is a line of its own by the time the terminal sees it, and must not act there either.
    return "\n".join(terminal_text(line) for line in said)


def _pytest_html(events: list[ev.EventBody], text: str) -> str:
    record = _record(events, text)
    outcome = Outcome(view(_state(events), "0" * 64).verdict, text, [text])
    report = type(
        "Report", (), {"nodeid": f"t.py::t[{text}]", "when": "call", "user_properties": [("paygate_proof", text)]}
    )()
    cells = [f'<td class="col-testId">{report.nodeid}</td>', "<td></td>"]
    guest = html_guest.HtmlGuest.__new__(html_guest.HtmlGuest)
    guest._has_columns = True
    guest.pytest_html_results_table_row(report, cells)
    return html_guest._details(record) + html_guest._verdict(outcome, None) + "".join(cells)


def _allure(events: list[ev.EventBody], text: str) -> str:
    record = _record(events, text)
    steps = list(allure_guest._steps(_session_log(events, text).splitlines()))
    return json.dumps({"record": json.loads(allure_guest._json(record)), "steps": steps, "title": record.heading})


def _properties(_events: list[ev.EventBody], text: str) -> str:
    return f"{allure_guest._property('demo.' + text)}={allure_guest._property(text)}\nlast=1\n"


def read_html(calm: str, hostile: str) -> list[str]:
    """Another tag, attribute, comment or declaration than in the calm page acts; so does any handler or address."""
    one, other = _Page(calm), _Page(hostile)
    found = [] if one.shape == other.shape else ["the page has another shape"]
    found += [
        f"attribute {name}" for name in other.attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}
    ]
    found += [
        f"link {target[:40]}" for target in other.targets if target not in one.targets and not target.startswith("#")
    ]
    return found


def read_markdown(calm: str, hostile: str) -> list[str]:
    """Another block, cell, link, code or HTML than in the calm document acts; so does what GitHub would link."""
    one, other = _Document(calm), _Document(hostile)
    found = [] if one.shape == other.shape else [f"the document has another shape: {_first(one.shape, other.shape)}"]
    found += [f"linked {match[0]!r}" for match in _ADDRESS.finditer(hostile) if match[0] not in calm]
    found += [f"mention {match[0]!r}" for match in _MENTION.finditer(other.text)]
    return found + [f"character {match[0]!r}" for match in _ACTING.finditer(other.text.replace("@\u200b", "@"))]


def read_lines(_calm: str, hostile: str) -> list[str]:
    """A control, bidi or zero-width character acts, and so does a line that a CI system takes for a command."""
    found = [f"character {match[0]!r}" for match in _ACTING.finditer(hostile)]
    return found + [f"command {match[0]!r}" for match in _COMMAND.finditer(hostile)]


def read_log(calm: str, hostile: str) -> list[str]:
    """One line for one event, whatever it says."""
    calm, hostile = calm.removesuffix("\n"), hostile.removesuffix("\n")
    same = len(calm.split("\n")) == len(hostile.split("\n")) == len(hostile.splitlines())
    acting = [f"character {match[0]!r}" for match in _ACTING.finditer(hostile)]
    return acting + ([] if same else ["a forged line"])


def read_json(calm: str, hostile: str) -> list[str]:
    """Another structure than the calm document's is a forgery."""
    return (
        [] if _skeleton(json.loads(calm)) == _skeleton(json.loads(hostile)) else ["the document has another structure"]
    )


def read_properties(calm: str, hostile: str) -> list[str]:
    """One property for one line."""
    return [] if len(calm.splitlines()) == len(hostile.splitlines()) and hostile.isascii() else ["a forged property"]


def read_csv(calm: str, hostile: str) -> list[str]:
    """For a sink of comma-separated values: the same cells, and none that a spreadsheet would calculate."""
    one, other = (list(csv.reader(io.StringIO(text))) for text in (calm, hostile))
    found = [] if [len(row) for row in one] == [len(row) for row in other] else ["other cells"]
    return found + [f"formula {cell[:20]!r}" for row in other for cell in row if cell[:1] in set("=+-@\t\r")]


SINKS: dict[str, Sink] = {
    "report.html": Sink(_form(session_report.as_html), read_html),
    "report.md": Sink(_form(session_report.as_markdown), read_markdown),
    "job summary": Sink(_form(lambda one: session_report.as_summary(one, "report.html")), read_markdown),
    "difference": Sink(_difference, read_markdown),
    "index.html": Sink(_front_page, read_html),
    "history.csv": Sink(lambda events, text: as_csv([_line(events, text)]), read_csv),
    "history": Sink(lambda events, text: "\n".join(as_table([_line(events, text)], [])), read_lines),
    "go-no-go.html": Sink(lambda events, text: _go_no_go(events, text, index_pages.go_no_go_html), read_html),
    "go-no-go.md": Sink(lambda events, text: _go_no_go(events, text, index_pages.go_no_go_markdown), read_markdown),
    "sessions.md": Sink(_sessions, read_markdown),
    "incident.md": Sink(lambda events, _text: incident.incident(_state(events)), read_markdown),
    "evidence.json": Sink(lambda events, _text: record.as_json(_recorded(events)), read_json),
    "ctrf": Sink(lambda events, _text: record.as_ctrf(_recorded(events)), read_json),
    "session.log": Sink(_session_log, read_log),
    "terminal": Sink(_terminal, read_lines),
    "pytest-html": Sink(_pytest_html, read_html),
    "allure": Sink(_allure, read_json),
    "environment.properties": Sink(_properties, read_properties),
}


class _Page(html.parser.HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, ...]] = []
        self.attributes: set[str] = set()
        self.targets: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.shape.append((tag, *sorted(name for name, _ in attrs)))
        self.attributes |= {name for name, _ in attrs}
        self.targets += [value or "" for name, value in attrs if name in {"href", "action", "formaction"}]

    def handle_endtag(self, tag):
        self.shape.append((f"/{tag}",))

    def handle_comment(self, _data):
        self.shape.append(("comment",))

    def handle_decl(self, _declaration):
        self.shape.append(("declaration",))

    def unknown_decl(self, _data):
        self.shape.append(("declaration",))


class _Document:
    def __init__(self, source: str) -> None:
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        self.shape: list[str] = []
        self.text = ""
        for token in parser.parse(source):
            if token.type in {"fence", "code_block"}:
                self.shape.append(token.type)
            for one in token.children or [token]:
                if one.type in {"text", "text_special"}:
                    self.text += one.content
                elif one.type != "inline":
                    self.shape.append(one.type)
            self.text += "\n" if token.type == "inline" else ""


def _first(one: Sequence[str], other: Sequence[str]) -> str:
    pairs = zip([*one, "nothing"], [*other, "nothing"], strict=False)
    return next((f"{a} became {b}" for a, b in pairs if a != b), "longer")


def _skeleton(node: object) -> object:
    if isinstance(node, dict):
        return {key: _skeleton(value) for key, value in node.items()}
    return [_skeleton(value) for value in node] if isinstance(node, list) else type(node).__name__


def _record(events: list[ev.EventBody], text: str) -> RowRecord:
    from types import SimpleNamespace

    from pytest_paygate.plugin.mirrors import record_of
    from pytest_paygate.plugin.protocol import Outcome as RowOutcome

    state = _state(events)
    run = SimpleNamespace(
        gate=state.gate,
        state=state,
        runs=SimpleNamespace(identity="r1"),
        environment=SimpleNamespace(name=text),
        mode=Mode.SANDBOX,
        trace_id="SMALL-1700000000-abcd1234",
    )
    return record_of(run, "one", RowOutcome(ev.RowStatus.FAIL, text, text, text))


def _state(events: list[ev.EventBody]) -> RunState:
    return folded(legal_prefix(events))


def _started(**changed: object) -> ev.RunStarted:
    return started().model_copy(update=changed)


def _failed(text: str, *during: ev.EventBody) -> list[ev.EventBody]:
    finished = ev.RowFinished(row="one", status=ev.RowStatus.FAIL, reason=text, expected=text, observed=text)
    return [ev.RowStarted(row="one"), *during, finished]


def _ended(reason: str) -> ev.RunFinished:
    return ev.RunFinished(complete=False, reason=reason)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
