"""`paygate config`: the settings in effect and where each value came from. Opens no secret, and sends nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.settings import load, source_of
from pytest_paygate.cli.refusals import told
from pytest_paygate.core.effective import effective
from pytest_paygate.core.environment import SANDBOX, choose
from pytest_paygate.core.inert import terminal_text
from pytest_paygate.core.origins import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.effective import Value

_SANDBOX = "env.sandbox is the embedded world: it needs no settings, no keys and no network."
_UNTOUCHED = {"keyring": "not opened here", "cmd": "not run here", "sandbox": "published by the running sandbox"}


@click.command()
@click.option("--explain", is_flag=True, help="Say of each value where it came from.")
@click.option("--env", "environment_name", default="", metavar="NAME", help="Only this environment.")
@click.option("--config", "file", default="", metavar="FILE", help="Settings file; default: paygate.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def config(*, explain: bool, environment_name: str, file: str, as_json: bool) -> None:
    """Show the settings in effect; with --explain, where each value came from.

    The command line wins over the file, the file over the defaults; no environment variable changes a setting. Secrets
    are shown as their references, never as values.
    """
    values = _chosen(Path.cwd(), Path(file) if file else None, environment_name)
    if as_json:
        keys = ("key", "shown", "origin", "secret", "instead")
        click.echo(json.dumps([{key: getattr(value, key) for key in keys} for value in values], indent=2))
        return
    if environment_name in {"", SANDBOX}:
        click.echo(_SANDBOX)
    for line in _lines(values, explain=explain):
        click.echo(terminal_text(line))


def _chosen(root: Path, explicit: Path | None, environment_name: str) -> Sequence[Value]:
    settings, name = load(root, explicit)
    values = effective(settings, _places(root, explicit), name, standing=_standing)
    if environment_name == SANDBOX:
        return [value for value in values if not value.key.startswith("env.")]
    if environment_name:
        choose(settings, environment_name, name)
    mine = f"env.{environment_name}."
    return [one for one in values if not environment_name or not one.key.startswith("env.") or one.key.startswith(mine)]


def _places(root: Path, explicit: Path | None) -> Mapping[tuple[str, ...], int]:
    source = source_of(root, explicit)
    if source is None:
        return {}
    lines = lines_of(source.read_text(encoding="utf-8"))
    if explicit is not None or source.name != "pyproject.toml":
        return lines
    home = ("tool", "paygate")
    return {path[2:]: line for path, line in lines.items() if path[:2] == home}


def _standing(reference: str) -> str:
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        return "set" if os.environ.get(rest) else "not set"
    return _UNTOUCHED[scheme]


def _lines(values: Sequence[Value], *, explain: bool) -> Sequence[str]:
    if not values:
        return ["no settings file: every value is a default"]
    keys = max(len(value.key) for value in values)
    if not explain:
        return [f"{value.key:<{keys}}  {value.shown}" for value in values]
    width = max((len(value.shown) for value in values if len(value.shown) <= 60), default=0)
    return [
        f"{value.key:<{keys}}  {value.shown:<{width}}  {value.origin}"
        + (f"  ({value.instead} wins over it)" if value.instead else "")
        for value in values
    ]
