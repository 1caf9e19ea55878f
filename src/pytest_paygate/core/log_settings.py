"""`[env.NAME.log]` as data: which kind of log a target has, how it is reached, and what its entries call things.

Owns the keys, which of them a kind needs and takes, and their shapes. Secrets are references here, as everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.model import Field, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.secret import Secret

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_FIELD = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]{0,62}")
# A label selector and nothing after it: no filter or metric of the file's own may hide lines.
_SELECTOR = re.compile(
    r'\{\s*[a-zA-Z_]\w*\s*(=|=~|!=|!~)\s*"[^"\\\n]*"(\s*,\s*[a-zA-Z_]\w*\s*(=|=~|!=|!~)\s*"[^"\\\n]*")*\s*\}'
)
_TENANT = re.compile(r"[A-Za-z0-9_.|-]{1,150}")
_FIX = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."


class LogKind(StrEnum):
    """Where an application keeps its log."""

    FILE = "file"
    HTTP = "http"
    POSTGRES = "postgres"
    LOKI = "loki"


# What each kind needs, and what it takes besides. The names of the three fields and the deadline go with every kind.
_NEEDS = {
    LogKind.FILE: ("path",),
    LogKind.HTTP: ("url",),
    LogKind.POSTGRES: ("dsn", "table"),
    LogKind.LOKI: ("url", "selector"),
}
_TAKES = {
    LogKind.FILE: (),
    LogKind.HTTP: ("token",),
    LogKind.POSTGRES: (),
    LogKind.LOKI: ("token", "user", "tenant", "lookback_seconds"),
}
_OF_A_KIND = ("path", "url", "dsn", "table", "selector", "token", "user", "tenant", "lookback_seconds")


class LogSettings(Model):
    """One `[env.NAME.log]` table. `dsn`, `token` are references; `event`, `at`, `trace_id` name fields or columns."""

    kind: LogKind
    url: str = ""
    path: str = ""
    dsn: str = ""
    table: str = ""
    selector: str = ""
    tenant: str = ""
    user: str = Field(default="", max_length=100)
    token: str = ""
    event: str = "event"
    at: str = "at"
    trace_id: str = "trace_id"
    lookback_seconds: float = Field(default=86_400.0, ge=60, le=2_592_000)
    deadline_seconds: float = Field(default=10.0, gt=0, le=60)


@dataclass(frozen=True, slots=True)
class LogFields:
    """Under which names a log keeps event, time and trace id."""

    event: str = "event"
    at: str = "at"
    trace_id: str = "trace_id"


@dataclass(frozen=True, slots=True)
class LogAccess:
    """A log with its secrets resolved; what its kind has no use for is empty."""

    kind: LogKind
    names: LogFields = LogFields()
    url: str = ""
    path: str = ""
    dsn: Secret | None = None
    table: str = ""
    selector: str = ""
    tenant: str = ""
    user: str = ""
    token: Secret | None = None
    lookback_seconds: float = 86_400.0
    deadline_seconds: float = 10.0

    def secrets(self) -> tuple[Secret, ...]:
        """What no file may hold."""
        return tuple(secret for secret in (self.dsn, self.token) if secret is not None)


def references(where: str, settings: LogSettings) -> Iterator[tuple[str, str]]:
    """The place and the text of each reference to a secret."""
    yield f"{where}.dsn", settings.dsn
    yield f"{where}.token", settings.token


def check(where: str, settings: LogSettings) -> None:
    """Check that a table has the keys of its kind, each in its shape.

    Raises:
        ConfigurationError: for a key too many, one too few, or one in another shape.
    """
    given = [key for key in _OF_A_KIND if key in settings.model_fields_set]
    needs, takes = _NEEDS[settings.kind], _TAKES[settings.kind]
    for key in needs:
        if not getattr(settings, key):
            raise _refused(f"{where}.{key}", f"is missing for kind {settings.kind}", ", ".join(needs), given)
    for key in given:
        if key not in {*needs, *takes}:
            raise _refused(f"{where}.{key}", f"has no use for kind {settings.kind}", ", ".join((*needs, *takes)), given)
    field = _IDENTIFIER if settings.kind is LogKind.POSTGRES else _FIELD
    table = re.compile(rf"{_IDENTIFIER.pattern}(\.{_IDENTIFIER.pattern})?")
    for key, shape, told in (
        ("table", table, "a table, or schema.table, of letters, digits and _"),
        ("selector", _SELECTOR, 'a label selector alone, like {app="a5"}'),
        ("tenant", _TENANT, "a tenant's id"),
        ("event", field, "the name of one field or column"),
        ("at", field, "the name of one field or column"),
        ("trace_id", field, "the name of one field or column"),
    ):
        value = getattr(settings, key)
        if value and not shape.fullmatch(value):
            raise configuration(
                f"{where}.{key}", "cannot be used", expected=told, observed=repr(value[:80]), next_step=_FIX
            )
    if settings.user and not settings.token:
        raise _refused(f"{where}.token", "is missing beside user", "user and token, or neither", given)


def _refused(where: str, what: str, expected: str, given: list[str]) -> Exception:
    return configuration(where, what, expected=expected, observed=", ".join(given) or "none of them", next_step=_FIX)
