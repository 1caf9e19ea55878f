"""Every command's help is worth reading: what it does, how it is typed, what its exit codes mean."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from pytest_paygate.cli import COMMANDS, paygate
from pytest_paygate.cli.help_texts import HELP
from pytest_paygate.core.verdict import EXIT_CODES, Verdict


def commands():
    """Every command and subcommand by its words."""
    context = click.Context(paygate)
    for name in ("", *COMMANDS):
        command = paygate.get_command(context, name) if name else paygate
        yield name
        if name:
            yield from (f"{name} {below}" for below in getattr(command, "commands", {}))


NAMES = sorted(commands())


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name or "paygate")
def test_help_tells_what_how_and_with_which_codes(name):
    """A command's help begins with a sentence, has an example that names it, and ends with its exit codes."""
    done = CliRunner().invoke(paygate, [*name.split(), "--help"], prog_name="paygate")
    assert done.exit_code == 0
    usage, summary, *_ = [line for line in done.output.splitlines() if line.strip()]
    assert usage.startswith(f"Usage: paygate {name}".rstrip())
    assert re.match(r"  [A-Z]", summary)
    examples, codes = done.output.split("Examples:")[1].split("Exit codes:")
    assert re.search(rf"^    paygate {name}".rstrip(), examples, re.MULTILINE)
    assert {"0", "2"} <= set(re.findall(r"^    (\d+) ", codes, re.MULTILINE))
    assert done.output.rstrip().endswith(codes.rstrip())


def test_no_text_is_for_a_command_that_is_not_there():
    """The texts are those of the commands, each of them and no other."""
    assert set(HELP) == set(NAMES)


def options_of(name):
    """The options a command takes."""
    command = paygate
    for word in name.split():
        command = command.get_command(click.Context(command), word)
    return {spelling for parameter in command.params for spelling in parameter.opts} | {"--help"}


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_examples_use_options_that_are_there(name):
    """An example that could not be typed teaches nothing."""
    for example in HELP[name].examples:
        typed = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", example.split(" > ", 1)[0]))
        # What follows `$(` is another program's.
        assert typed - {"--verify"} <= options_of(name), example


def test_money_outstanding_has_the_same_code_everywhere():
    """Whoever looks for money tells with the verdict's own code that there is some."""
    for name in ("orphans", "recover"):
        assert EXIT_CODES[Verdict.ESCALATED] in HELP[name].codes
