"""`paygate init`: settings, a gate to adapt, CI files and `.gitignore` lines, so that the first run works at once."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.settings import load, source_of
from pytest_paygate.cli.init_answers import CI, GATES, LOCAL_STAGING, Answers, answers
from pytest_paygate.cli.init_files import GITIGNORE, Planned, planned, write
from pytest_paygate.cli.refusals import told

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


@click.command()
@click.option("--gate", metavar="GATE", help=f"Gate to copy and adapt: {' or '.join(GATES)}.  [default: e2e]")
@click.option("--ci", metavar="SYSTEM", help=f"CI files for {', '.join(CI[:-1])} or {CI[-1]}.  [default: both]")
@click.option("--staging-url", metavar="URL", help=f"Your API in test mode.  [default: {LOCAL_STAGING}]")
@click.option("--production-url", metavar="URL", help="Your API with live keys.")
@click.option("--account", metavar="ACCT", help="Stripe account of production.")
@click.option("--buyer-email", metavar="ADDRESS", help="The buyer's account in your system.")
@click.option("--product-id", metavar="ID", help="What the gate buys.")
@click.option("--defaults", is_flag=True, help="Ask nothing: what no option says has its default.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@told
def init(*, defaults: bool, dry_run: bool, **given: str | None) -> None:
    """Set a project up in this folder: settings, a gate to adapt, CI files, .gitignore lines.

    Asks at a terminal what no option says; without one it asks nothing. Never overwrites: a file that is there is
    left as it is and named. What it writes works at once, on the embedded sandbox.
    """
    root = Path.cwd()
    there = _settings_there(root)
    asks = not defaults and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        chosen = answers(given, asks=asks)
    except click.Abort:
        click.echo("\nended by the person; nothing was written", err=True)
        sys.exit(INTERRUPTED)
    files = planned(root, chosen, datetime.now(UTC).date(), settings_there=there)
    if not dry_run:
        write(root, files)
    for line in _told(files, dry_run=dry_run):
        click.echo(line)
    if not dry_run:
        click.echo(_next(chosen))


def _settings_there(root: Path) -> str:
    """The file that holds settings already, after it was read: one that is wrong is a refusal, not something to add to.

    Raises:
        ConfigurationError: naming file, key and value.
    """
    load(root)
    source = source_of(root)
    return "" if source is None else source.name


def _told(files: Sequence[Planned], *, dry_run: bool) -> Sequence[str]:
    lines = []
    for one in files:
        if one.is_kept:
            lines.append(f"  left as it is  {one.place}")
            continue
        grows = one.place == GITIGNORE
        verb = ("would add to" if grows else "would write") if dry_run else ("added to" if grows else "written")
        lines.append(f"  {verb:<13}  {one.place}")
        if dry_run and one.generated:
            lines += ["", *(f"    | {line}" for line in one.text.splitlines()), ""]
    return lines


def _next(chosen: Answers) -> str:
    return f"""
next:
  paygate doctor --env sandbox      is everything here that a run needs?
  pytest suites/{chosen.gate:<19} the gate on the embedded sandbox: seconds, no keys, no network
  paygate config --explain          each value in effect, and where it came from
then read suites/{chosen.gate}/RUNBOOK.md, and make the gate yours."""
