"""Reading `paygate.toml` (or `[tool.paygate]`) and resolving the secret references in it.

Owns the search for the file and the three ways to a secret. The file's meaning is checked in `core.environment`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from typing import TYPE_CHECKING

from pytest_paygate.core.environment import (
    DeclaredMode,
    Environment,
    EnvironmentSettings,
    ProviderAccess,
    Settings,
    read_settings,
)
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.events import Mode
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

COMMAND_TIMEOUT_SECONDS = 30
FILE = "paygate.toml"


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
    if (root / "pyproject.toml").is_file():
        table = _toml(root / "pyproject.toml").get("tool", {}).get("paygate")
        if table is not None:
            return read_settings(table, "pyproject.toml [tool.paygate]"), "pyproject.toml"
    return Settings(), FILE


def resolve(name: str, declared: EnvironmentSettings, file: str) -> Environment:
    """Turn a declared environment into one that can be talked to.

    Raises:
        ConfigurationError: when a secret cannot be had; the message names the reference, never the value.
    """
    where = f"{file}: env.{name}"
    mode = {DeclaredMode.SANDBOX: Mode.SANDBOX, DeclaredMode.STAGING: Mode.STAGING, DeclaredMode.LIVE: Mode.LIVE}
    return Environment(
        name=name,
        mode=mode[declared.mode],
        base_url=declared.base_url.rstrip("/"),
        payer=declared.payer,
        database=_secret(f"{where}.database", declared.database) if declared.database else None,
        log_url=declared.log_url,
        ca_file=declared.ca_file,
        providers={
            provider: ProviderAccess(
                name=provider,
                key=_secret(f"{where}.providers.{provider}.key", access.key),
                base_url=access.base_url.rstrip("/"),
                account=access.account,
                dashboard_url=access.dashboard_url,
            )
            for provider, access in declared.providers.items()
        },
        values=declared.values,
        secrets={key: _secret(f"{where}.secrets.{key}", value) for key, value in declared.secrets.items()},
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise configuration(
            str(path.name),
            "cannot be read",
            expected="a readable UTF-8 TOML file",
            observed=str(error)[:160],
            next_step="Correct the file or its path.",
        ) from None


def _secret(where: str, reference: str) -> Secret:
    scheme, _, rest = reference.partition(":")
    value = {"env": _from_environment, "keyring": _from_keyring, "cmd": _from_command}[scheme](where, rest)
    if not value:
        raise _unresolved(where, reference, "an empty value")
    return Secret(value, reference)


def _from_environment(where: str, name: str) -> str:
    if name not in os.environ:
        raise _unresolved(where, f"env:{name}", "the environment variable is not set")
    return os.environ[name]


def _from_keyring(where: str, rest: str) -> str:
    try:
        import keyring
    except ImportError:
        raise _unresolved(where, f"keyring:{rest}", "the package `keyring` is not installed") from None
    service, _, user = rest.partition("/")
    return keyring.get_password(service, user) or ""


def _from_command(where: str, command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the project's own settings file names the command
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_TIMEOUT_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # The command's output may hold the secret or a hint of it, so only the class of the failure is told.
        raise _unresolved(where, f"cmd:{shlex.split(command)[0]} …", type(error).__name__) from None
    return done.stdout.strip()


def _unresolved(where: str, reference: str, observed: str) -> Exception:
    return configuration(
        where,
        f"cannot be resolved from {reference}",
        expected="a secret behind the reference",
        observed=observed,
        next_step="Set it where the reference points, then run again.",
    )
