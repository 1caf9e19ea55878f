"""Reference text from the code: options, commands, markers, fixtures, exit codes, the public names, sample reports.

Owns the way from our own tables to Markdown; knows nothing of Sphinx. Nothing here repeats what the code or README says
in other words: it is read from them when the site is built.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

import pytest_paygate
from pytest_paygate import cli, providers
from pytest_paygate.plugin import MARKERS, fixtures
from pytest_paygate.plugin.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "files"
# What click leaves of a terminal of 80 columns.
HELP_WIDTH = 78

# What each of the golden reports is there to show.
SAMPLES = {
    "go": "A live run that passed: every row with its evidence, money that adds up, GO.",
    "pending": "A live run that waits for a person to sign: PENDING, neither GO nor NO-GO.",
    "no-go": "A live run with a red row: what was expected, what was observed, what to do. NO-GO.",
    "escalated": "Money is outstanding: which charge, how much, since when, and the command to give it back. NO-GO.",
    "rehearsal": "The operator's whole path without funds; marked REHEARSAL, and never GO.",
}


def pytest_options() -> str:
    """Every option of the pytest plugin."""
    lines = ["| option | short, where free | value | meaning |", "| --- | --- | --- | --- |"]
    for option in OPTIONS:
        short = f"`--{option.short}`" if option.short else "none"
        value = f"`{option.arguments['metavar']}`" if "metavar" in option.arguments else "none"
        again = " May stand again." if option.arguments.get("action") == "append" else ""
        lines.append(f"| `--{option.long}` | {short} | {value} | {option.arguments['help']}.{again} |")
    return "\n".join(lines)


def commands() -> str:
    """`paygate` and each of its commands, as `--help` prints them."""
    return "\n".join(
        f"## {name}\n\n```console\n$ {name} --help\n{text}\n```\n" for name, text in command_help().items()
    )


def command_help() -> dict[str, str]:
    """Name of each command, groups' own commands after their group, with the help it prints."""
    return dict(_help(cli.paygate, None, "paygate"))


def _help(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    words = name.rsplit(" ", 1)[-1]
    context = click.Context(
        command, info_name=words, parent=parent, terminal_width=HELP_WIDTH, **_inherited(command, parent)
    )
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                yield from _help(found, context, f"{name} {inner}")


def _inherited(command: click.Command, parent: click.Context | None) -> dict[str, list[str]]:
    """The names of the help option: a child takes them from its group, the group from its own settings."""
    if parent is not None:
        return {"help_option_names": parent.help_option_names}
    return {key: value for key, value in command.context_settings.items() if key == "help_option_names"}


def markers() -> str:
    """Every marker, with the sentence that `pytest --markers` prints."""
    lines = ["| marker | meaning |", "| --- | --- |"]
    for marker in MARKERS:
        name, _, meaning = marker.partition(": ")
        lines.append(f"| `@pytest.mark.{name}` | {meaning} |")
    return "\n".join(lines)


def fixture_table() -> str:
    """Every fixture a suite may ask for."""
    lines = ["| fixture | gives | meaning |", "| --- | --- | --- |"]
    for name, gives, meaning in public_fixtures():
        told = " ".join(meaning.split())
        lines.append(f"| `{name}` | `{gives.replace('|', chr(92) + '|')}` | {told} |")
    return "\n".join(lines)


def public_fixtures() -> Iterator[tuple[str, str, str]]:
    """Name, type and docstring of every fixture; those named `paygate_…` are the plugin's own."""
    for node in ast.parse(inspect.getsource(fixtures)).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("paygate_"):
            continue
        if any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list):
            gives = ast.unparse(node.returns) if node.returns else ""
            yield node.name, gives, ast.get_docstring(node) or ""


def exit_codes() -> str:
    """README's table of exit codes, which a test holds to the verdict's own."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## Exit codes\n\n((?:\|.*\n)+)", text, re.MULTILINE)
    if found is None:
        raise LookupError("README.md: no table under '## Exit codes'")
    return found[1]


def provider_table() -> str:
    """The providers an environment can name, and the address each is asked at."""
    lines = ["| name | address |", "| --- | --- |"]
    lines += [f"| `{name}` | <{address}> |" for name, (_, _, address) in providers.PROVIDERS.items()]
    return "\n".join(lines)


def public_names() -> str:
    """Every public name, documented from its docstrings."""
    parts = []
    for name in pytest_paygate.__all__:
        if name.startswith("__"):
            continue
        value = getattr(pytest_paygate, name)
        what = "autoclass" if inspect.isclass(value) else "autofunction"
        members = "   :members:\n" if inspect.isclass(value) else ""
        parts.append(f"```{{eval-rst}}\n.. {what}:: pytest_paygate.{name}\n{members}```\n")
    return "\n".join(parts)


def tutorial() -> str:
    """The tutorial's entry in the table of contents, where the tutorial is."""
    found = "tutorial" if (ROOT / "docs" / "tutorial.md").is_file() else ""
    return f"```{{toctree}}\n:hidden:\n:caption: Tutorial\n\n{found}\n```"


def samples() -> str:
    """The sample reports, each with what it shows; the pages are copied beside this one's site."""
    found = sorted(path.stem for path in GOLDEN.glob("*.html"))
    if found != sorted(SAMPLES):
        raise LookupError(f"sample reports are {found}, described are {sorted(SAMPLES)}: say what each shows")
    return "\n".join(
        f'- <a class="reference" href="samples/{name}.html">{name}.html</a>: {told}' for name, told in SAMPLES.items()
    )
