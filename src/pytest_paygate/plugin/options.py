"""The command-line options: one table, long spellings always, short ones only where free.

Owns option names, defaults and help. A default is always None, so that "not typed" can be told from any value.
Imports nothing but the standard library and pytest: this runs in every project that has the plugin installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_paygate.plugin.stash import SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its long spelling without dashes, the short one that is tried, and argparse's keywords."""

    long: str
    short: str
    arguments: dict[str, Any]


OPTIONS = (
    Option(
        "paygate-env",
        "env",
        {
            "metavar": "NAME",
            "dest": "paygate_env",
            "help": "environment to run the gate against: sandbox (embedded, default) or one from paygate.toml",
        },
    ),
    Option(
        "paygate-live",
        "live",
        {"action": "store_true", "dest": "paygate_live", "help": "ask for a run with real money; alone it moves none"},
    ),
    Option(
        "paygate-confirm",
        "confirm",
        {"action": "store_true", "dest": "paygate_confirm", "help": "with --live: the operator's run"},
    ),
    Option(
        "paygate-refund",
        "refund",
        {
            "action": "store_true",
            "dest": "paygate_refund",
            "help": "run the refund rows on a dry run too (default in sandbox; always on in live)",
        },
    ),
    Option(
        "paygate-no-refund",
        "no-refund",
        {"action": "store_false", "dest": "paygate_refund", "help": "leave the refund rows out of a dry run"},
    ),
    Option(
        "paygate-payer",
        "payer",
        {
            "metavar": "WHO",
            "dest": "paygate_payer",
            "help": "who pays on the hosted page: http (default in sandbox), browser (headless Chromium) or person",
        },
    ),
    Option(
        "paygate-operator",
        "operator",
        {
            "metavar": "WHERE",
            "dest": "paygate_operator",
            "help": "where the operator is asked: terminal (default), or web for a page in their browser beside it",
        },
    ),
    Option(
        "paygate-plain",
        "",
        {
            "action": "store_true",
            "dest": "paygate_plain",
            "help": "talk to the operator in plain lines, without colour or redraw (also with TERM=dumb and in CI)",
        },
    ),
    Option(
        "paygate-resume",
        "resume",
        {
            "metavar": "RUN",
            "dest": "paygate_resume",
            "help": "carry a run on at its next unproven row; it never buys, and is CONDITIONAL at best",
        },
    ),
    Option(
        "paygate-config",
        "",
        {"metavar": "FILE", "dest": "paygate_config", "help": "settings file (default: paygate.toml in the rootdir)"},
    ),
    Option(
        "paygate-reports",
        "",
        {"metavar": "DIR", "dest": "paygate_reports", "help": "where runs are written (default: reports/)"},
    ),
    Option(
        "paygate-fault",
        "",
        {
            "metavar": "NAME",
            "dest": "paygate_fault",
            "action": "append",
            "help": "switch a named fault of the embedded sandbox on; `paygate sandbox --list-faults` names them",
        },
    ),
)


# Where the operator can be asked; the page always stands beside the terminal, if there is one.
TERMINAL, WEB = "terminal", "web"


def wants_page(config: pytest.Config) -> bool:
    """Whether the operator is to be asked on a page too."""
    return bool(config.getoption("paygate_operator", None) == WEB)


def add_long(parser: pytest.Parser) -> None:
    """Register the long spellings, which are ours alone."""
    group = parser.getgroup("paygate", "payment gates")
    for option in OPTIONS:
        group.addoption(f"--{option.long}", default=None, **option.arguments)


def add_short(config: pytest.Config, parser: pytest.Parser) -> None:
    """Register the short spellings that nobody owns; called after the user's conftests have registered theirs."""
    taken = set(_registered(parser))
    group = parser.getgroup("paygate")
    active = []
    for option in OPTIONS:
        short = f"--{option.short}"
        if option.short and short not in taken:
            group.addoption(short, default=None, **{**option.arguments, "help": f"same as --{option.long}"})
            active.append(short)
    config.stash[SPELLINGS] = tuple(active)


def spelling_line(config: pytest.Config) -> str:
    """The header line that says which spellings work in this session, and which belong to somebody else."""
    active = config.stash.get(SPELLINGS, ())
    ours = [f"--{option.short}" for option in OPTIONS if option.short]
    foreign = [short for short in ours if short not in active]
    told = f"paygate: options {' '.join(active)}" if active else "paygate: only the long options --paygate-*"
    return f"{told}; not ours here: {' '.join(foreign)} (use --paygate-…)" if foreign else told


def _registered(parser: pytest.Parser) -> Iterable[str]:
    # pytest has no public way to ask which options exist. Where its inside has changed, every short spelling counts as
    # taken: a missing convenience is better than a crash in somebody's unrelated project.
    groups = [*getattr(parser, "_groups", ()), getattr(parser, "_anonymous", None)]
    if None in groups:
        yield from (f"--{option.short}" for option in OPTIONS)
        return
    for group in groups:
        for option in group.options:
            yield from option.names()
