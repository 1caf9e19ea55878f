"""`paygate archive RUN`: a sealed run as one file that can be kept for a year and verified as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from pytest_paygate.adapters.archive_file import store
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import folder_of
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.strict import BundleError


@click.command()
@click.argument("run")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def archive(*, run: str, reports: str) -> None:
    """Put a sealed RUN into the archive below the reports; the run itself stays where it is."""
    folder = folder_of(run, Path(reports))
    try:
        files = read_folder(folder)
        bundle = believe(files)
    except (BundleError, OSError) as error:
        raise JournalError(
            Refusal(
                refused=f"run {folder.name} is not archived",
                expected="a sealed run that can be believed",
                observed=str(error),
                money="Archiving moves no money; what the run moved stands in its journal.",
                next_step="`paygate recover` settles and seals a run that was cut off; keep a changed one as it is.",
            )
        ) from None
    kept = store(Path(reports), files, bundle, datetime.now(UTC))
    click.echo(f"archived {bundle.told['run_id']} ({bundle.verdict}), keep until {kept.keep_until}")
    click.echo(f"  {kept.path}")
    click.echo(f"  sha256 {kept.sha256}")
