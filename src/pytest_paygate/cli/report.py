"""`paygate report RUN`: renders any run again, from its journal alone; the same journal gives the same bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import loaded
from pytest_paygate.renderers import record, session_report
from pytest_paygate.renderers.difference import difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.reporting.reading import LoadedRun

FORMS: dict[str, Callable[[LoadedRun], str]] = {
    "md": lambda run: session_report.as_markdown(run.view()),
    "html": lambda run: session_report.as_html(run.view()),
    "json": lambda run: record.as_json(record.record(run.state, run.view())),
    "ctrf": lambda run: record.as_ctrf(record.record(run.state, run.view())),
    "summary": lambda run: session_report.as_summary(run.view(), str(run.folder / "report.html")),
}


@click.command()
@click.argument("run", required=False, default="")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS, "pdf"]),
    default="md",
    show_default=True,
    help="Which form; pdf needs the extra `pdf` and --out.",
)
@click.option("--diff", nargs=2, default=None, metavar="A B", help="Show what differs between two runs instead.")
@click.option("--out", default="", metavar="FILE", help="Write here instead of printing; never over a file.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def report(*, run: str, form: str, diff: tuple[str, str] | None, out: str, reports: str) -> None:
    """Render a RUN's report, or the difference of two."""
    if diff is not None:
        one, other = (loaded(name, reports) for name in diff)
        content = difference(one.state, other.state).encode()
    elif not run:
        raise click.UsageError("Name a RUN, or two with --diff.")
    elif form == "pdf":
        if not out:
            raise click.UsageError("A PDF is not printed: say where with --out FILE.")
        from pytest_paygate.adapters.pdf import as_pdf

        known = loaded(run, reports)
        content = as_pdf(FORMS["html"](known), FORMS["json"](known), known.view().started_at)
    else:
        content = FORMS[form](loaded(run, reports)).encode()
    if not out:
        sys.stdout.write(content.decode())
        return
    try:
        with Path(out).open("xb") as file:
            file.write(content)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
    click.echo(out)
