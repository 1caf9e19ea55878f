"""Environments as data: what `paygate.toml` may say of a target, and what a run knows of the one it talks to.

Rules:
- a secret is a reference (`env:NAME`, `keyring:service/name`, `cmd:…`), never a literal;
- the environment `sandbox` is always there and is the embedded world;
- an environment says its mode itself; nothing here guesses it from a URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.core.events import Mode
from pytest_paygate.core.model import Field, Model, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pytest_paygate.core.secret import Secret

SANDBOX = "sandbox"
_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^/]+/.+|cmd:.+)")
_FIX = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."


class Payer(StrEnum):
    """Who pays on the hosted page."""

    HTTP = "http"
    BROWSER = "browser"
    PERSON = "person"


class DeclaredMode(StrEnum):
    """The modes an environment may declare."""

    SANDBOX = "sandbox"
    STAGING = "staging"
    LIVE = "live"


class ProviderSettings(Model):
    """How to reach one provider. `key` is a reference; `account` pins the account the key must belong to."""

    key: str
    base_url: str = ""
    account: str = ""
    dashboard_url: str = ""


class EnvironmentSettings(Model):
    """One `[env.NAME]` table."""

    mode: DeclaredMode
    base_url: str
    payer: Payer = Payer.PERSON
    database: str = ""
    log_url: str = ""
    ca_file: str = ""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)


class Settings(Model):
    """A whole `paygate.toml`, or `[tool.paygate]`."""

    default_gate: str = ""
    live_env: str = ""
    env: dict[str, EnvironmentSettings] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """A provider with its secret resolved."""

    name: str
    key: Secret
    base_url: str
    account: str
    dashboard_url: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A target ready to be talked to. `base_url` has no trailing slash."""

    name: str
    mode: Mode
    base_url: str
    payer: Payer
    database: Secret | None = None
    log_url: str = ""
    ca_file: str = ""
    providers: Mapping[str, ProviderAccess] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port of the target, for display."""
        return urlsplit(self.base_url).netloc


def read_settings(document: Mapping[str, Any], file: str) -> Settings:
    """Read and check a settings table.

    Raises:
        ConfigurationError: for unknown keys, wrong types, literal secrets, bad URLs.
    """
    settings = parse(Settings, document, file=file, next_step=_FIX)
    for name, environment in settings.env.items():
        where = f"{file}: env.{name}"
        _check_name(where, name)
        _check_url(f"{where}.base_url", environment.base_url)
        references = {
            f"{where}.database": environment.database,
            **{f"{where}.secrets.{key}": value for key, value in environment.secrets.items()},
            **{f"{where}.providers.{key}.key": value.key for key, value in environment.providers.items()},
        }
        for key, reference in references.items():
            _check_reference(key, reference)
    return settings


def choose(settings: Settings, name: str, file: str) -> EnvironmentSettings:
    """Return one declared environment.

    Raises:
        ConfigurationError: when it is not declared, naming the nearest one.
    """
    if name in settings.env:
        return settings.env[name]
    known = [SANDBOX, *settings.env]
    raise configuration(
        f"--env={name}",
        "is not a known environment",
        expected=f"one of: {', '.join(known)}.{nearest(name, known)}",
        observed=repr(name),
        next_step=f"Declare [env.{name}] in {file}, or use one of the known ones.",
    )


def _check_name(where: str, name: str) -> None:
    if name == SANDBOX or not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name):
        raise configuration(
            where,
            "cannot have this name",
            expected="a lower-case word other than 'sandbox', which is the embedded world",
            observed=repr(name),
            next_step=_FIX,
        )


def _check_url(where: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise configuration(
            where,
            "is not a base URL",
            expected="http(s)://host[:port][/path] without user, query or fragment",
            observed="something else" if parts.username else repr(url[:80]),
            next_step=_FIX,
        )


def _check_reference(where: str, reference: str) -> None:
    if reference and not _REFERENCE.fullmatch(reference):
        raise configuration(
            where,
            "holds a literal secret",
            expected="a reference: env:NAME, keyring:service/name or cmd:command",
            observed=f"{len(reference)} characters that are not shown",
            next_step="Move the secret out of the file, treat it as leaked, and rotate it.",
        )
