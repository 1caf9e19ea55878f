"""The `paygate` command. Each subcommand lives in its own module and is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from pytest_paygate.cli.help_texts import HELP, described
from pytest_paygate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

# Name on the command line -> module and attribute, and one line of help that needs no import.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "approve": ("pytest_paygate.cli.approve:approve", "Approve a plan: read what it does, type its amount, sign."),
    "archive": ("pytest_paygate.cli.archive:archive", "Put a sealed run into the archive, as one file."),
    "capacity": ("pytest_paygate.cli.capacity:capacity", "Show, grant and override how many charges may be taken."),
    "completion": ("pytest_paygate.cli.completion:completion", "Print the script that completes commands in a shell."),
    "config": ("pytest_paygate.cli.config:config", "Show the settings in effect, and where each value came from."),
    "countersign": ("pytest_paygate.cli.countersign:countersign", "Sign what a run's seal says, with your own key."),
    "doctor": ("pytest_paygate.cli.doctor:doctor", "Check everything a run needs, each line with its fix."),
    "explain": ("pytest_paygate.cli.explain:explain", "Say why a row has its status, and what to do next."),
    "gate": ("pytest_paygate.cli.gate:gate", "Exit 0 only for a verified GO, so that a pipeline can wait for it."),
    "history": ("pytest_paygate.cli.history:history", "Show the runs there have been."),
    "init": ("pytest_paygate.cli.init:init", "Set a project up: settings, a gate to adapt, CI files."),
    "orphans": ("pytest_paygate.cli.orphans:orphans", "Find our charges that nobody gave back, from the ledger alone."),
    "plan": ("pytest_paygate.cli.plan:plan", "Write down what a live run would do, for others to approve."),
    "recover": ("pytest_paygate.cli.recover:recover", "Refund and close whatever runs have left open."),
    "verify": ("pytest_paygate.cli.verify:verify", "Believe a run's bundle, or say why not."),
    "report": ("pytest_paygate.cli.report:report", "Render any run again, from its journal alone."),
    "sign-off": ("pytest_paygate.cli.sign_off:sign_off", "Sign a line of the launch checklist, with evidence."),
    "watch": ("pytest_paygate.cli.watch:watch", "Look at every service again and again, and keep what was seen."),
    "sandbox": ("pytest_paygate.cli.sandbox:sandbox", "Start the emulated world and keep it running."),
}


class LazyGroup(click.Group):
    """A group that knows its subcommands by name and imports one when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand's name."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module_name, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            message = f"{COMMANDS[cmd_name][0]} is not a click command"
            raise TypeError(message)
        return described(command, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the subcommands' names without importing them, and the options."""
        known = [CompletionItem(name, help=told) for name, (_, told) in sorted(COMMANDS.items())]
        found = [item for item in known if str(item.value).startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands for `--help` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx) if name in COMMANDS])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=HELP[""].epilog())
@click.version_option(__version__, prog_name="paygate")
def paygate() -> None:
    """Decide whether a team may take real money: one purchase, one payment, one refund, proved."""


def main() -> None:
    """Entry point of the console script."""
    paygate(prog_name="paygate")
