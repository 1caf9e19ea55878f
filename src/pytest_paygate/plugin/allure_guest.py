"""Allure as a host: each row under its number and title, with labels, steps and attachments made from our record.

Everything is published after the row, from the journal; nothing of the row's code is instrumented, because Allure nests
concurrent steps wrongly and shows live objects. The status is ours: a pass without evidence is no pass here either.
`environment.properties` and `categories.json` are written at the end of a session, never over a user's own.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from pytest_paygate.plugin.mirrors import RowRecord

STEPS_MAX = 60
LINES_MAX = 2_000
_MARK = "# written by pytest-paygate; a file without this line is left alone"
_STATUS = {RowStatus.PASS: "passed", RowStatus.FAIL: "failed", RowStatus.INCONCLUSIVE: "broken"}
CATEGORIES = (
    {"name": "Row failed", "matchedStatuses": ["failed"]},
    {"name": "Row passed without its evidence", "matchedStatuses": ["broken"], "messageRegex": "(?s)INCONCLUSIVE.*"},
    {"name": "Row waits for a person", "matchedStatuses": ["skipped"], "messageRegex": "(?s)PENDING.*"},
    {"name": "Row held back", "matchedStatuses": ["skipped"], "messageRegex": "(?s)BLOCKED.*"},
)


def publish(config: pytest.Config, record: RowRecord, lines: Sequence[str]) -> None:
    """Publish a row that has ended.

    Args:
        config: pytest's configuration.
        record: the row.
        lines: its lines of the session log.
    """
    import allure
    from allure_commons.model2 import StatusDetails

    listener: Any = config.pluginmanager.get_plugin("allure_listener")
    result = listener.allure_logger.get_test(None)
    if result is None:
        return
    allure.dynamic.title(record.heading)
    allure.dynamic.epic("payment gate")
    allure.dynamic.feature(f"{record.environment} ({record.mode})")
    allure.dynamic.story(f"{record.number} {record.row_id}")
    allure.dynamic.severity(_severity(record))
    allure.dynamic.id(f"{record.gate_id}.{record.row_id}")
    for name, value in record.facts.items():
        allure.dynamic.parameter(name, value, excluded=True)
    for told in _steps(lines):
        with allure.step(told):
            pass
    allure.attach(_json(record), name="row record", attachment_type=allure.attachment_type.JSON)
    if lines:
        text = "\n".join(inert(line) for line in lines[:LINES_MAX])
        allure.attach(text, name="session log of the row", attachment_type=allure.attachment_type.TEXT)
    result.status = _STATUS.get(record.status, "skipped")
    told = " — ".join(part for part in (str(record.status), record.reason) if part)
    seen = f"expected  {record.expected}\nobserved  {record.observed}" if record.expected or record.observed else ""
    result.statusDetails = None if record.status is RowStatus.PASS else StatusDetails(message=told, trace=seen)


def write_context(folder: Path, runs: Sequence[dict[str, str]]) -> None:
    """Write what the whole session was against, and how Allure may sort its failures.

    Args:
        folder: Allure's results.
        runs: for each run, its facts by name; the gate's id is under `gate`.
    """
    lines = [
        f"{_property(run['gate'])}.{_property(name)}={_property(value)}"
        for run in runs
        for name, value in run.items()
        if name != "gate"
    ]
    path = folder / "environment.properties"
    # A broken results folder is Allure's to complain of; it does not change a verdict.
    with contextlib.suppress(OSError):
        if not path.exists() or path.read_text(encoding="latin-1").startswith(_MARK):
            path.write_text("\n".join([_MARK, *lines]) + "\n", encoding="ascii")
    with contextlib.suppress(OSError), (folder / "categories.json").open("x", encoding="utf-8") as file:
        json.dump(CATEGORIES, file, indent=2)


def _severity(record: RowRecord) -> str:
    if record.is_money:
        return "blocker"
    return "critical" if record.is_preflight else "normal"


def _steps(lines: Sequence[str]) -> Iterator[str]:
    """What happened, line by line, without number and time; one line of a poll stands for all its reads."""
    told = [line.split(None, 4)[-1] for line in lines if line.strip()]
    steps = [inert(line) for line in told if not line.startswith("poll ") or " read " not in line]
    yield from steps[:STEPS_MAX]
    if len(steps) > STEPS_MAX:
        yield f"{len(steps) - STEPS_MAX} more lines in the session log"


def _json(record: RowRecord) -> str:
    return json.dumps(asdict(record), indent=2, ensure_ascii=False)


def _property(text: str) -> str:
    """A key or value of a Java properties file: ASCII, one line, nothing that separates or continues."""
    return "".join(f"\\{char}" if char in "\\:=#! " else "".join(_units(char)) for char in inert(text))


def _units(char: str) -> Iterator[str]:
    if char.isascii():
        yield char
        return
    units = char.encode("utf-16-be")
    yield from (f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
