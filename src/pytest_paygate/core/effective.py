"""Every value of a project's settings that is in effect, and where it came from. Pure.

Rules:
- a secret is shown as its reference and whether it can be had, never its value, nor its length;
- a plain value that looks like a secret is not shown either;
- what the command line may say instead is named beside the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.inert import inert
from pytest_paygate.core.model import Model
from pytest_paygate.core.references import references
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_paygate.core.environment import Settings

HIDDEN = "not shown: it looks like a secret"
# Key -> what on pytest's command line says it instead.
_FLAGS = {"default_gate": "a path on the command line", "live_env": "--env", "payer": "--payer"}
# Fields that are defaults of the code where an environment leaves them out, and that would tell nothing when empty.
_EMPTY: tuple[object, ...] = ("", None, {}, ())


@dataclass(frozen=True, slots=True)
class Value:
    """One value in effect.

    Args:
        key: such as `env.staging.base_url`.
        shown: the value as a person may see it.
        origin: `file:line`, or `default`.
        secret: the reference stands for a secret.
        instead: what on the command line would win; empty where nothing can.
    """

    key: str
    shown: str
    origin: str
    secret: bool = False
    instead: str = ""


def effective(
    settings: Settings, lines: Mapping[tuple[str, ...], int], file: str, *, standing: Callable[[str], str]
) -> tuple[Value, ...]:
    """Every value in effect, those of the file's top first, then each environment's.

    Args:
        settings: as read.
        lines: where each key stands, below the settings table.
        file: the file's name.
        standing: of a reference, whether what it points at can be had, without having it.
    """
    held = {key for name, one in settings.env.items() for key, _ in references(f"env.{name}", one)}
    held |= {"store.dsn", "notify.secret"}

    def value(path: tuple[str, ...], found: object) -> Value:
        key = ".".join(path)
        line = lines.get(path)
        origin = "default" if line is None else f"{file}:{line}"
        instead = _FLAGS.get(path[-1], "") if len(path) in {1, 3} else ""
        if key in held:
            return Value(key, f"{told_reference(str(found))}, {standing(str(found))}", origin, secret=True)
        shown = _shown(found)
        return Value(key, HIDDEN if looks_secret(shown) else shown, origin, instead=instead)

    return tuple(value(path, found) for path, found in _leaves((), settings))


def _leaves(path: tuple[str, ...], model: Model) -> Iterator[tuple[tuple[str, ...], object]]:
    for name in type(model).model_fields:
        yield from _below((*path, name), getattr(model, name))


def _below(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Model):
        yield from _leaves(path, value)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _below((*path, str(name)), one)
    elif value not in _EMPTY:
        yield path, value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    return inert(str(value))


def told_reference(reference: str) -> str:
    """A reference as it may be shown: of a command only the program, because its words may lead to the secret."""
    scheme, _, rest = reference.partition(":")
    return f"cmd:{inert(rest).partition(' ')[0]} …" if scheme == "cmd" else inert(reference)
