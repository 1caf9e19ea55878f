"""What every money command of `paygate` needs to know of a project: its settings, one environment, its gates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.settings import load, resolve, store_dsn
from pytest_paygate.core.environment import choose
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.gate import check_evidence, read_gate, sha256

if TYPE_CHECKING:
    from pytest_paygate.core.environment import Environment, Settings
    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Project:
    """A project as its settings tell: `root` is the folder of `paygate.toml`."""

    root: Path
    settings: Settings
    settings_file: str
    reports: Path

    def environment(self, name: str) -> Environment:
        """One environment with its secrets; the live one of the settings when no name is given.

        Raises:
            ConfigurationError: when it is not declared, or a secret cannot be had.
        """
        chosen = name or self.settings.live_env
        if not chosen:
            raise configuration(
                f"{self.settings_file}: live_env",
                "is missing",
                expected="--env NAME, or live_env in the settings",
                observed="neither",
                next_step="Name the environment.",
            )
        return resolve(chosen, choose(self.settings, chosen, self.settings_file), self.settings_file)

    def store_dsn(self) -> Secret | None:
        """The shared database, or None."""
        return store_dsn(self.settings, self.settings_file)

    def gate(self, folder: str) -> tuple[Path, Gate, str]:
        """A gate's folder, its contents and its hash; the default gate when none is given.

        Raises:
            ConfigurationError: when there is none, or it cannot be read.
        """
        chosen = folder or self.settings.default_gate
        path = self.root / chosen
        if not chosen or not (path / "gate.toml").is_file():
            raise configuration(
                f"gate {chosen!r}",
                "is not there",
                expected="a folder with a gate.toml, or default_gate in the settings",
                observed=str(path),
                next_step="Name it with --gate.",
            )
        source = (path / "gate.toml").read_bytes()
        gate = read_gate(source, f"{path.name}/gate.toml")
        check_evidence(gate, f"{path.name}/gate.toml")
        return path, gate, sha256(source)


def open_project(root: str = ".", reports: str = "") -> Project:
    """Read the settings of the project in a folder.

    Raises:
        ConfigurationError: when they cannot be read.
    """
    folder = Path(root).resolve()
    settings, file = load(folder)
    return Project(folder, settings, file, Path(reports).resolve() if reports else folder / "reports")
