"""What `paygate init` writes: which files, with which text, and how they come onto the disk.

Rules:
- an existing file is never opened for writing, but for `.gitignore`, which only grows;
- a gate that is there (its `gate.toml` is) is left alone as a whole; a new one gets its `gate.toml` last, so that a
  copy that was cut off is completed the next time;
- what is in the way is found before the first file is written.
"""

from __future__ import annotations

import json
import os
import tomllib
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pytest_paygate
from pytest_paygate.core.errors import ConfigurationError, configuration
from pytest_paygate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from pytest_paygate.cli.init_answers import Answers

PYTEST_INI = (
    "[pytest]\n# The clients of one run live on one event loop.\nasyncio_default_fixture_loop_scope = session\n"
)
GITIGNORE = ".gitignore"
_LEFT_OUT = {"__pycache__"}
# Microcharge stands behind a green e2e.
_GATES = {"e2e": ("e2e",), "microcharge": ("e2e", "microcharge")}
_CI = {"github": ".github/workflows/paygate.yml", "gitlab": ".gitlab-ci.yml"}
_FLEET_RUN = "pytest suites/microcharge --env=fleet_staging --refund"
# What staging's fleet refers to; the last two are staging's own where that is a local sandbox as well.
_FLEET_SECRETS = ("PAYGATE_LOCAL_FLEET_DATABASE", "PAYGATE_LOCAL_PASSWORD", "PAYGATE_LOCAL_STRIPE_KEY")


@dataclass(frozen=True, slots=True)
class Planned:
    """One file. `is_kept` says that it is there already and stays as it is; `text` is then empty.

    Args:
        place: relative to the project.
        text: the whole file, or for `.gitignore` what is added to it.
        generated: the text was made for this project; False for a file of a gate.
    """

    place: str
    text: str
    is_kept: bool = False
    generated: bool = True


class _Template(Template):
    """`%%{name}`: a form that neither TOML nor the YAML of a CI system uses."""

    delimiter = "%%"


def planned(root: Path, answers: Answers, today: date, *, settings_there: str) -> tuple[Planned, ...]:
    """Everything that would be written, in the order of writing.

    Args:
        root: the project's folder.
        answers: what the person wants.
        today: the day of the rehearsal's acknowledgement.
        settings_there: the file that holds settings already; empty where none does.
    """
    words = _words(answers, today)
    found: list[Planned] = []
    if settings_there:
        found.append(Planned(settings_there, "", is_kept=True))
    else:
        fleet = _filled("fleet.toml", words) if answers.gate == "microcharge" else ""
        found.append(_new(root, "paygate.toml", _filled("paygate.toml", words) + fleet))
    gates = {one.place: one for gate in _GATES[answers.gate] for one in _gate(root, gate)}
    found += gates.values()
    configured = _configures_pytest(root)
    found.append(Planned(configured, "", is_kept=True) if configured else _new(root, "pytest.ini", PYTEST_INI))
    for system in ("github", "gitlab"):
        if answers.ci in {system, "both"}:
            found.append(_new(root, _CI[system], _filled(f"{system}.yml", words)))
    added = _ignored(root)
    found.append(Planned(GITIGNORE, added, is_kept=not added))
    return tuple(found)


def write(root: Path, files: Sequence[Planned]) -> None:
    """Write every planned file that is not kept.

    Raises:
        ConfigurationError: when something is in the way; before anything is written where that can be told.
    """
    wanted = [one for one in files if not one.is_kept]
    for one in wanted:
        _check_way(root, one.place)
    for one in wanted:
        path = root / one.place
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if one.place == GITIGNORE:
                with path.open("a", encoding="utf-8") as file:
                    file.write(one.text)
                continue
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(one.text)
        except OSError as error:
            raise _in_the_way(one.place, error.strerror or type(error).__name__) from None


def suites_folder() -> Path:
    """Where the gates that ship with the package lie: in the wheel, or in the checkout it is installed from.

    Raises:
        ConfigurationError: when they are in neither.
    """
    package = Path(pytest_paygate.__file__).parent
    for place in (package / "suites", package.parents[1] / "suites"):
        if all((place / gate / "gate.toml").is_file() for gate in _GATES["microcharge"]):
            return place
    raise configuration(
        "paygate init",
        "finds no gate to copy",
        expected=f"the gates {', '.join(_GATES['microcharge'])} inside the installed package",
        observed=f"none in {package}",
        next_step="Install the package again: pip install --force-reinstall pytest-paygate.",
    )


def _gate(root: Path, gate: str) -> Iterator[Planned]:
    if (root / "suites" / gate / "gate.toml").exists():
        yield Planned(f"suites/{gate}", "", is_kept=True)
        return
    source = suites_folder()
    marker = source / "__init__.py"
    yield _new(root, "suites/__init__.py", marker.read_text(encoding="utf-8"), generated=False)
    paths = [path for path in source.joinpath(gate).rglob("*") if path.is_file() and not _LEFT_OUT & set(path.parts)]
    for path in sorted(paths, key=lambda one: (one.name == "gate.toml", one)):
        place = f"suites/{path.relative_to(source).as_posix()}"
        yield _new(root, place, path.read_text(encoding="utf-8"), generated=False)


def _new(root: Path, place: str, text: str, *, generated: bool = True) -> Planned:
    if os.path.lexists(root / place):
        return Planned(place, "", is_kept=True, generated=generated)
    return Planned(place, text, generated=generated)


def _filled(name: str, words: Mapping[str, str]) -> str:
    source = resources.files("pytest_paygate.cli").joinpath("templates", name)
    return _Template(source.read_text(encoding="utf-8")).substitute(words)


def _words(answers: Answers, today: date) -> Mapping[str, str]:
    local, fleet = answers.is_staging_local, answers.gate == "microcharge"
    secrets = () if not fleet else _FLEET_SECRETS[:1] if local else _FLEET_SECRETS
    unpinned = '# account = "acct_…"  # pin it: without it no live run starts'
    return {
        "version": __version__,
        "gate": answers.gate,
        "gate_folders": " ".join(f"suites/{gate}" for gate in _GATES[answers.gate]),
        "github_fleet": f"      - run: {_FLEET_RUN}\n" if fleet else "",
        "gitlab_fleet": f"    - {_FLEET_RUN}\n" if fleet else "",
        "github_fleet_secret": "".join(f"      {name}: ${{{{ secrets.{name} }}}}\n" for name in secrets),
        "staging_url": _toml(answers.staging_url.rstrip("/")),
        "staging_prefix": "PAYGATE_LOCAL" if local else "PAYGATE_STAGING",
        "staging_log": 'log_url = "http://127.0.0.1:8463/_sandbox/log"\n' if local else "",
        "staging_hyperswitch": 'base_url = "http://127.0.0.1:8461"\n' if local else "",
        "staging_stripe": 'base_url = "http://127.0.0.1:8462"\n' if local else "",
        "staging_account": 'account = "acct_1PaygateSandbox00"\n' if local else '# account = "acct_…"  # pin it\n',
        "production_url": _toml(answers.production_url.rstrip("/")),
        "production_account": f"account = {_toml(answers.account)}" if answers.account else unpinned,
        "buyer_email": _toml(answers.buyer_email),
        "product_id": _toml(answers.product_id),
        "today": today.isoformat(),
        "in_ten_years": (today + timedelta(days=3652)).isoformat(),
        "in_ninety_days": (today + timedelta(days=90)).isoformat(),
    }


def _toml(text: str) -> str:
    """A text as TOML writes it: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _ignored(root: Path) -> str:
    """What `.gitignore` lacks, under its heading; nothing when it lacks nothing."""
    path = root / GITIGNORE
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise _in_the_way(GITIGNORE, "it cannot be read as UTF-8") from None
    have = {line.strip() for line in before.splitlines()}
    wanted = resources.files("pytest_paygate.cli").joinpath("templates", "gitignore").read_text(encoding="utf-8")
    lacking = [line for line in wanted.splitlines() if line not in have]
    if not any(not line.startswith("#") for line in lacking):
        return ""
    return ("\n" if before and not before.endswith("\n") else "") + "\n".join(lacking) + "\n"


def _configures_pytest(root: Path) -> str:
    """The file here that tells pytest anything, or nothing; a second one would shadow it or be shadowed."""
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"):
        if os.path.lexists(root / name):
            return name
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(root / name, encoding="utf-8")
        except (IniError, UnicodeDecodeError):
            return name
        if parser.has_section(section):
            return name
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return "pyproject.toml"
    return "pyproject.toml" if "pytest" in project.get("tool", {}) else ""


def _check_way(root: Path, place: str) -> None:
    for folder in reversed((root / place).relative_to(root).parents):
        path = root / folder
        if os.path.lexists(path) and not path.is_dir():
            raise _in_the_way(place, f"{folder.as_posix()} is there and is no folder")
    nearest_folder = next(path for path in (root / place).parents if path.is_dir())
    if not os.access(nearest_folder, os.W_OK):
        raise _in_the_way(place, f"{nearest_folder} cannot be written to")


def _in_the_way(place: str, observed: str) -> ConfigurationError:
    return configuration(
        f"paygate init: {place}",
        "cannot be written",
        expected="a folder that can be written to, with nothing in the way",
        observed=observed,
        next_step="Clear the way and run `paygate init` again; files that are there stay as they are.",
    )
