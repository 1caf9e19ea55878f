"""`paygate completion SHELL`: the script with which a shell completes `paygate`; printed, never installed."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(*, shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    root = click.get_current_context().find_root().command
    click.echo(SHELLS[shell](root, {}, "paygate", "_PAYGATE_COMPLETE").source())
