"""References to secrets: their form, and every place of an environment where one may stand. Pure.

A secret in a settings file is one of `env:NAME`, `keyring:service/name`, `cmd:…` and `sandbox:name`, never a literal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.log_settings import references as log_references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.environment import EnvironmentSettings

_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^/]+/.+|cmd:.+|sandbox:[a-z][a-z0-9_]*)")


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference."""
    return _REFERENCE.fullmatch(text) is not None


def plain_references(where: str, environment: EnvironmentSettings) -> Iterator[tuple[str, str]]:
    """Every place where an environment refers to a secret, but for its log's; the reference is empty where none stands.

    Args:
        where: put before each key.
        environment: as declared.
    """
    yield f"{where}.database", environment.database
    yield f"{where}.samples.token", environment.samples.token
    yield from ((f"{where}.secrets.{key}", value) for key, value in environment.secrets.items())
    for key, access in environment.providers.items():
        yield f"{where}.providers.{key}.key", access.key
        yield f"{where}.providers.{key}.refund_key", access.refund_key


def references(where: str, environment: EnvironmentSettings) -> tuple[tuple[str, str], ...]:
    """Every place where an environment really refers to a secret, with the reference, in a fixed order."""
    log = () if environment.log is None else log_references(f"{where}.log", environment.log)
    return tuple((key, reference) for key, reference in (*plain_references(where, environment), *log) if reference)


def check_reference(where: str, reference: str) -> None:
    """Refuse what stands in the place of a reference and is none; nothing at all is accepted.

    Raises:
        ConfigurationError: with the length of what stands there, never the text.
    """
    if reference and not _REFERENCE.fullmatch(reference):
        raise configuration(
            where,
            "holds a literal secret",
            expected="a reference: env:NAME, keyring:service/name, cmd:command or, for a rehearsal, sandbox:name",
            observed=f"{len(reference)} characters that are not shown",
            next_step="Move the secret out of the file, treat it as leaked, and rotate it.",
        )
