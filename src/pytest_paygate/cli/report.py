"""`paygate report RUN`: renders any run again, from its journal alone; the same journal gives the same bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import folder_of
from pytest_paygate.core.run import fold
from pytest_paygate.renderers import session_report
from pytest_paygate.renderers.view import view


@click.command()
@click.argument("run")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True, help="Which form."
)
@click.option("--out", default="", metavar="FILE", help="Write here instead of printing; never over a file.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def report(*, run: str, form: str, out: str, reports: str) -> None:
    """Render a RUN's report."""
    read = read_run(folder_of(run, Path(reports)))
    state = fold(read.journal.entries)
    shown = view(state, read.journal.head, read.journal.torn_bytes)
    text = {
        "md": lambda: session_report.as_markdown(shown),
        "html": lambda: session_report.as_html(shown),
        "json": lambda: session_report.as_evidence(state, read.journal.head),
    }[form]()
    if not out:
        sys.stdout.write(text)
        return
    try:
        with Path(out).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
    click.echo(out)
