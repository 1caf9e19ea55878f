"""The named ways the emulated world can lie or break. Each is off until somebody sets it by name.

Owns the registry and the switches; the code that misbehaves stands in the system it belongs to and asks `active`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break: its name, the layer that breaks, what it does, the row it must turn red, and whose row.

    Every fault takes the parameter `times`: it acts that often, and is over then; a fault can bring a number of its
    own. Where a fault takes `seconds` and is not given them, it lasts.
    """

    name: str
    layer: str
    summary: str
    row: str
    gate: str = "e2e"
    times: int | None = None


REGISTRY: dict[str, Fault] = {}
_SECONDS_MAX = 3600


class UnknownFaultError(KeyError):
    """A fault was asked for by a name that is not in the registry."""


class Faults:
    """Which faults are on in one running sandbox, with their parameters, and how often each has acted."""

    def __init__(self) -> None:
        self._active: dict[str, dict[str, object]] = {}
        self._fired: dict[str, int] = {}
        # What each had fired when it was last switched on: `times` counts from there.
        self._fired_before: dict[str, int] = {}

    def set(self, name: str, parameters: Mapping[str, object] | None = None) -> None:
        """Switch one fault on.

        Raises:
            UnknownFaultError: when the registry does not hold `name`.
        """
        if name not in REGISTRY:
            raise UnknownFaultError(name)
        self._active[name] = dict(parameters or {})
        self._fired_before[name] = self._fired.get(name, 0)

    def clear(self) -> None:
        """Switch every fault off; the counts of what has fired stay."""
        self._active.clear()

    def active(self, name: str) -> bool:
        """Say whether a fault is on, and count that it was met: call it only where the fault then acts."""
        if not self.is_set(name):
            return False
        self._fired[name] = self._fired.get(name, 0) + 1
        return True

    def is_set(self, name: str) -> bool:
        """Say whether a fault is on, without counting it: for code that finds out later whether it acts."""
        if name not in self._active:
            return False
        times = self._active[name].get("times", REGISTRY[name].times)
        over = isinstance(times, int) and self._fired.get(name, 0) - self._fired_before[name] >= times
        return not over

    def parameter(self, name: str, key: str, default: object) -> object:
        """A parameter of an active fault."""
        return self._active.get(name, {}).get(key, default)

    def seconds(self, name: str, default: float | None = None) -> float | None:
        """The parameter `seconds` of an active fault, 0 to 3600; `default` where it has none, or no such number."""
        value = self.parameter(name, "seconds", default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SECONDS_MAX:
            return default
        return float(value)

    def report(self) -> dict[str, dict[str, object]]:
        """Active faults with parameters and fired counts, for the control endpoint."""
        names = self._active.keys() | self._fired.keys()
        return {
            name: {"active": name in self._active, "fired": self._fired.get(name, 0), **self._active.get(name, {})}
            for name in sorted(names)
        }
