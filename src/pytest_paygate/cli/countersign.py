"""`paygate countersign RUN`: an approver signs what a run's seal says, after it was checked, beside the seal."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.adapters.ssh_signatures import sign_bytes
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import folder_of
from pytest_paygate.cli.verify import facts, look
from pytest_paygate.core.bundle import Believed, next_countersignature
from pytest_paygate.core.envelope import SIGNATURE_NAMESPACE, Signature, encode_countersignature
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal


@click.command()
@click.argument("run")
@click.option("--by", "who", required=True, metavar="NAME", help="Whose key it is, as in the allowed-signers file.")
@click.option("--key", required=True, metavar="FILE", type=click.Path(path_type=Path), help="SSH key to sign with.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def countersign(*, run: str, who: str, key: Path, reports: str) -> None:
    """Sign what a RUN's seal says, with your own key. The bundle is checked first, and what it says is shown."""
    folder = folder_of(run, Path(reports)).resolve()
    examined = look(folder, None)
    if examined.bundle is None:
        raise _refused(
            f"run {folder.name} is not countersigned",
            "a sealed run that can be believed",
            examined.lines[0],
            "Find out what changed it; `paygate verify` says the same.",
        )
    bundle = examined.bundle
    _check_first(bundle, who)
    click.echo(f"{who} countersigns: gate {bundle.told['gate']}, run {bundle.told['run_id']}: {bundle.verdict}")
    for line in facts(bundle, [f"{one.keyid} (not checked here)" for one in bundle.signatures]):
        click.echo(line)
    signature = Signature(who, sign_bytes(bundle.envelope.pae, key, namespace=SIGNATURE_NAMESPACE))
    name = next_countersignature(read_folder(folder))
    directory = RunDirectory(folder.parent.parent, folder.parent.name, folder.name)
    path = directory.write_new(name, encode_countersignature(signature, bundle.seal))
    click.echo(f"countersigned: {path}")


def _check_first(bundle: Believed, who: str) -> None:
    """One person counts once, and a second signature of theirs would leave every verifier undecided."""
    if who in {one.keyid for one in bundle.signatures}:
        raise _refused(
            f"{who} has signed this seal already",
            "people who have not signed it",
            f"signatures of {', '.join(one.keyid for one in bundle.signatures)}",
            "Ask somebody else; one person counts once.",
        )


def _refused(refused: str, expected: str, observed: str, next_step: str) -> ApprovalError:
    return ApprovalError(
        Refusal(refused=refused, expected=expected, observed=observed, money=NOTHING_MOVED, next_step=next_step)
    )
