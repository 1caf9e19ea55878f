"""Reading `paygate.toml` (or `[tool.paygate]`) and resolving the secret references in it.

Owns the search for the file and the ways to a secret. The file's meaning is checked in `core.environment`.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.core.capacity_rules import rules_of
from pytest_paygate.core.effective import told_reference
from pytest_paygate.core.environment import (
    LOOPBACK,
    Environment,
    EnvironmentSettings,
    LiveRules,
    ProviderAccess,
    Settings,
    cap_amounts,
    mode_of,
    read_settings,
)
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.log_settings import LogAccess, LogFields
from pytest_paygate.core.samples import is_base_url
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pytest_paygate.core.log_settings import LogSettings

COMMAND_TIMEOUT_SECONDS = 30
SANDBOX_TIMEOUT_SECONDS = 5
DESCRIPTION_BYTES_MAX = 65_536
FILE = "paygate.toml"
PYPROJECT = "pyproject.toml"


def load(root: Path, explicit: Path | None = None) -> tuple[Settings, str]:
    """Find and read the settings.

    Args:
        root: the project folder; `paygate.toml` there wins over `[tool.paygate]` in `pyproject.toml`.
        explicit: a file given on the command line; it must exist.

    Returns:
        The settings (empty when no file declares any) and the name of the file, for messages.

    Raises:
        ConfigurationError: when a file cannot be read or holds something wrong.
    """
    if explicit is not None:
        return read_settings(_toml(explicit), explicit.name), explicit.name
    if (root / FILE).is_file():
        return read_settings(_toml(root / FILE), FILE), FILE
    table = _tool_table(root)
    if table is None:
        return Settings(), FILE
    return read_settings(table, f"{PYPROJECT} [tool.paygate]"), PYPROJECT


def resolve(name: str, declared: EnvironmentSettings, file: str) -> Environment:
    """Turn a declared environment into one that can be talked to.

    Raises:
        ConfigurationError: when a secret cannot be had; the message names the reference, never the value.
    """
    where = f"{file}: env.{name}"
    reveal = _Secrets(declared.sandbox)
    providers = {
        provider: ProviderAccess(
            name=provider,
            key=reveal(f"{where}.providers.{provider}.key", access.key),
            base_url=reveal.address(f"{where}.providers.{provider}.base_url", access.base_url),
            account=access.account,
            dashboard_url=access.dashboard_url,
            refund_key=(
                reveal(f"{where}.providers.{provider}.refund_key", access.refund_key) if access.refund_key else None
            ),
        )
        for provider, access in declared.providers.items()
    }
    return Environment(
        name=name,
        mode=mode_of(declared.mode, [access.key for access in providers.values()]),
        base_url=reveal.address(f"{where}.base_url", declared.base_url),
        payer=declared.payer,
        database=reveal(f"{where}.database", declared.database) if declared.database else None,
        log_url=reveal.address(f"{where}.log_url", declared.log_url),
        log=None if declared.log is None else _log(f"{where}.log", declared.log, reveal),
        webhook_url=declared.webhook_url,
        ca_file=declared.ca_file,
        services={key: reveal.address(f"{where}.services.{key}", url) for key, url in declared.services.items()},
        providers=providers,
        values=declared.values,
        secrets={key: reveal(f"{where}.secrets.{key}", value) for key, value in declared.secrets.items()},
        live=LiveRules(
            policy=declared.live_policy,
            acknowledgement=declared.acknowledgement,
            caps=cap_amounts(f"{where}.caps", declared.caps),
            approval=declared.approval,
            capacity=rules_of(declared.capacity),
            late_charge_seconds=declared.late_charge_seconds,
        ),
        samples=declared.samples,
        samples_token=reveal(f"{where}.samples.token", declared.samples.token) if declared.samples.token else None,
    )


def _log(where: str, declared: LogSettings, reveal: _Secrets) -> LogAccess:
    return LogAccess(
        kind=declared.kind,
        names=LogFields(declared.event, declared.at, declared.trace_id),
        url=declared.url.rstrip("/"),
        path=declared.path,
        dsn=reveal(f"{where}.dsn", declared.dsn) if declared.dsn else None,
        table=declared.table,
        selector=declared.selector,
        tenant=declared.tenant,
        user=declared.user,
        token=reveal(f"{where}.token", declared.token) if declared.token else None,
        lookback_seconds=declared.lookback_seconds,
        deadline_seconds=declared.deadline_seconds,
    )


def store_dsn(settings: Settings, file: str) -> Secret | None:
    """The database where live runs of several machines meet, or None for a folder below the reports.

    Raises:
        ConfigurationError: when its reference cannot be resolved.
    """
    return _Secrets()(f"{file}: store.dsn", settings.store.dsn) if settings.store.dsn else None


def source_of(root: Path, explicit: Path | None = None) -> Path | None:
    """The file from which `load` reads the settings, or None when there is none."""
    if explicit is not None:
        return explicit
    if (root / FILE).is_file():
        return root / FILE
    return root / PYPROJECT if _tool_table(root) is not None else None


def notify_secret(settings: Settings, file: str) -> Secret | None:
    """The key that notices are signed with, or None where none are sent.

    Raises:
        ConfigurationError: when its reference cannot be resolved.
    """
    return _Secrets()(f"{file}: notify.secret", settings.notify.secret) if settings.notify.secret else None


def _tool_table(root: Path) -> Any | None:
    """`[tool.paygate]` of a project, whatever stands there; None where nothing does."""
    pyproject = root / PYPROJECT
    tool = _toml(pyproject).get("tool") if pyproject.is_file() else None
    return tool.get("paygate") if isinstance(tool, dict) else None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise configuration(
            path.name,
            "cannot be read",
            expected="a readable UTF-8 TOML file",
            observed=str(error)[:160],
            next_step="Correct the file or its path.",
        ) from None


class _Secrets:
    """Resolves references. A running sandbox is asked once, and only when a reference names it.

    Args:
        sandbox: address of its control surface; empty when the environment has none.
    """

    def __init__(self, sandbox: str = "") -> None:
        self._sandbox = sandbox
        self._described: dict[str, object] | None = None

    def __call__(self, where: str, reference: str) -> Secret:
        scheme, _, rest = reference.partition(":")
        ways = {"env": _from_environment, "keyring": _from_keyring, "cmd": _from_command, "sandbox": self._published}
        value = ways[scheme](where, rest)
        if not value:
            raise _unresolved(where, told_reference(reference), "an empty value")
        return Secret(value, reference)

    def address(self, where: str, url: str) -> str:
        """A URL without its trailing slash: the one written, or the one a running sandbox publishes.

        Raises:
            ConfigurationError: when no sandbox answers, or what it publishes is no base URL.
        """
        if url.startswith("sandbox:"):
            reference, url = url, self._published(where, url.removeprefix("sandbox:"))
            if not is_base_url(url):
                # What was published instead could be a secret, and is not repeated.
                observed = "the sandbox publishes something else under that name"
                raise _unresolved(where, reference, observed, "a base URL behind the reference")
        return url.rstrip("/")

    def _published(self, where: str, name: str) -> str:
        if self._described is None:
            self._described = _described(where, self._sandbox)
        value = self._described.get(name)
        if not isinstance(value, str):
            raise _unresolved(where, f"sandbox:{name}", "the sandbox publishes nothing of that name")
        return value


def _described(where: str, address: str) -> dict[str, object]:
    place = _on_loopback(address)
    if place is None:
        observed = "`sandbox` is not an http address on loopback" if address else "no `sandbox` is named here"
        raise _unresolved(where, "a running sandbox", observed)
    connection = http.client.HTTPConnection(*place, timeout=SANDBOX_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/_sandbox/description")
        found = json.loads(connection.getresponse().read(DESCRIPTION_BYTES_MAX))
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
        raise configuration(
            where,
            "cannot be resolved: no sandbox answers",
            expected=f"a running sandbox at {address}",
            observed=type(error).__name__,
            next_step="Start it in another terminal: paygate sandbox --environment live",
        ) from None
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}


def _on_loopback(address: str) -> tuple[str, int] | None:
    """Host and port of an http address on this machine; None for any other."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port or 80) if parts.scheme == "http" and host in LOOPBACK else None


def _from_environment(where: str, name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise _unresolved(where, f"env:{name}", "the environment variable is not set")
    return value


def _from_keyring(where: str, rest: str) -> str | None:
    try:
        from keyring import errors, get_password
    except ImportError:
        raise _unresolved(where, f"keyring:{rest}", "the package `keyring` is not installed") from None
    service, _, user = rest.partition("/")
    try:
        found: str | None = get_password(service, user)
    except errors.KeyringError as error:
        # Without a desktop session there is none; one that is locked is none either.
        raise _unresolved(where, f"keyring:{rest}", type(error).__name__) from None
    return found


def _from_command(where: str, command: str) -> str:
    try:
        program, *rest = shlex.split(command)
    except ValueError:
        raise _unresolved(where, "cmd:…", "what stands there is no command") from None
    try:
        done = subprocess.run(  # noqa: S603 - the project's own settings file names the command
            [program, *rest], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # The command's output may hold the secret or a hint of it, so only the class of the failure is told.
        raise _unresolved(where, f"cmd:{program} …", type(error).__name__) from None
    return done.stdout.strip()


def _unresolved(
    where: str, reference: str, observed: str, expected: str = "a secret behind the reference"
) -> Exception:
    return configuration(
        where,
        f"cannot be resolved from {reference}",
        expected=expected,
        observed=observed,
        next_step="Set it where the reference points, then run again.",
    )
