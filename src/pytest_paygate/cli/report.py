"""`paygate report RUN`: renders any run again, from its journal alone; the same journal gives the same bytes.

`--pages` rebuilds the pages across runs, among them the one that tells what the gates are known to catch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import loaded
from pytest_paygate.renderers import record, session_report
from pytest_paygate.renderers.difference import difference
from pytest_paygate.reporting.index_writing import known_runs, write_indexes

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


_PAGES_HELP = "Rebuild the pages across runs instead: sessions, launch, front page, what the gates catch."


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
@click.option("--pages", is_flag=True, help=_PAGES_HELP)
@click.option("--out", default="", metavar="FILE", help="Write here instead of printing; never over a file.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def report(  # noqa: PLR0913 - one parameter for each option
    *, run: str, form: str, diff: tuple[str, str] | None, pages: bool, out: str, reports: str
) -> None:
    """Render a RUN's report, the difference of two, or the pages across all of them."""
    if pages:
        _rebuild(Path(reports))
        return
    if diff is not None:
        one, other = (loaded(name, reports) for name in diff)
        content = difference(one.state, other.state).encode()
    elif not run:
        raise click.UsageError("Name a RUN, or two with --diff, or ask for the pages across runs with --pages.")
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


def _rebuild(root: Path) -> None:
    if not root.is_dir():
        raise click.ClickException(f"{root}: no such folder. Name the one that holds the runs with --reports.")
    failure = write_indexes(root, known_runs(root).gates(), SystemClock().now())
    if failure:
        raise click.ClickException(f"The pages were not rebuilt: {failure}")
    click.echo(root / "index.html")
