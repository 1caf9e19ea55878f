"""Notices: what a run tells somebody who is not looking, and what `[notify]` may say of where they go.

Owns the three occasions, the shape that leaves the process, and the settings' rules. A notice is small, says what
happened in one line, and holds no secret, no address that can pay and no way to the operator's page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.inert import inert
from pytest_paygate.core.model import Field, Model

if TYPE_CHECKING:
    from datetime import datetime

# Changes when a field of the payload changes its meaning or goes; one that comes does not change it.
SCHEMA_VERSION = 1
TEXT_LENGTH = 200
_ADDRESS = re.compile(r"\S*://\S*")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_FIX = "Correct [notify]; its keys are listed in docs/reference/notices.md."


class Occasion(StrEnum):
    """When somebody is told."""

    OPERATOR_NEEDED = "operator_needed"
    REFUND_OVERDUE = "refund_overdue"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, as the hook `pytest_paygate_notify` gets it and as it is sent.

    Args:
        occasion: why it is sent.
        event_id: unique; the same for every try to deliver it.
        at: when it happened, in UTC.
        gate: the gate's id.
        environment: what the gate runs against.
        mode: `sandbox`, `staging`, `rehearsal` or `live`.
        run_id: the run.
        text: what happened, in one line.
        row: the row that is running, where one is.
        deadline_seconds: how long the operator has, where one is needed.
        verdict: the run's verdict, at its end.
        exit_code: the session's exit code, at its end.
        report: the run's report, relative to the project's root, at its end.
    """

    occasion: Occasion
    event_id: str
    at: datetime
    gate: str
    environment: str
    mode: str
    run_id: str
    text: str
    row: str = ""
    deadline_seconds: float | None = None
    verdict: str = ""
    exit_code: int | None = None
    report: str = ""

    def payload(self) -> dict[str, Any]:
        """What is sent: type, time, and the rest as data; what does not apply is left out."""
        values = {
            "schema_version": SCHEMA_VERSION,
            "event_id": self.event_id,
            "gate": self.gate,
            "environment": self.environment,
            "mode": self.mode,
            "run_id": self.run_id,
            "text": self.text,
            "row": self.row or None,
            "deadline_seconds": self.deadline_seconds,
            "verdict": self.verdict or None,
            "exit_code": self.exit_code,
            "report": self.report or None,
        }
        return {
            "type": f"paygate.{self.occasion}",
            "timestamp": self.at.isoformat().replace("+00:00", "Z"),
            "data": {name: value for name, value in values.items() if value is not None},
        }


def line(text: str) -> str:
    """A text for a notice: one printable line of bounded length, without any address."""
    return _ADDRESS.sub("(an address, left out)", " ".join(inert(text).split()))[:TEXT_LENGTH]


class NotifySettings(Model):
    """The `[notify]` table. `secret` is a reference to the key that notices are signed with."""

    webhook: str = ""
    secret: str = ""
    on: tuple[Occasion, ...] = Field(default=tuple(Occasion), min_length=1)


def check(where: str, settings: NotifySettings) -> None:
    """Refuse settings that no notice could be sent with, or not safely.

    Args:
        where: file and table.
        settings: what stands there.

    Raises:
        ConfigurationError: for an address that is not https (http on this machine), one that carries a user or a
            query, and for a webhook without a secret or the other way round.
    """
    if bool(settings.webhook) is not bool(settings.secret):
        missing, given = ("secret", "webhook") if settings.webhook else ("webhook", "secret")
        raise configuration(
            f"{where}.{missing}",
            f"is missing beside {given}",
            expected="webhook and secret, or neither: an unsigned notice could be anybody's",
            observed=f"{given} alone",
            next_step=_FIX,
        )
    if settings.webhook and not _is_fit(settings.webhook):
        raise configuration(
            f"{where}.webhook",
            "is no address that notices can be sent to",
            expected="https://host[:port][/path] without user, query or fragment; http only on this machine",
            observed="something else" if "@" in settings.webhook or "?" in settings.webhook else _shown(settings),
            next_step=_FIX,
        )


def _shown(settings: NotifySettings) -> str:
    return repr(settings.webhook[:80])


def _is_fit(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return plain and secure and port_is_one and bool(parts.hostname) and url.isprintable() and " " not in url
