"""Sealed runs on disk, and the people whose keys count: what the tests of verification start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters.archive_format import pack
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.adapters.ssh_signatures import sign_bytes
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.envelope import SIGNATURE_NAMESPACE, Signature, encode_countersignature
from pytest_paygate.reporting.sealing import seal
from tests.golden.scenes import RUN_ID, go
from tests.unit.core.bundles import FILES, files_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPS, ANN, BOB, EVE = (f"{name}@example.test" for name in ("ops", "ann", "bob", "eve"))
# A live run in which everything holds, and one that was held back at its first row.
PASSED: Mapping[str, bytes] = files_of(go())
HELD_BACK: Mapping[str, bytes] = FILES
TOLD = (
    "  environment  prod (live) at shop.example.test",
    "  account      acct_1ExampleAccount",
    "  amount       500 minor units EUR",
    "  commit       0fb1e5a3c2d4478f9a6b0c1d2e3f405162738495",
    "  time         2026-11-20T09:14:02.250Z to 2026-11-20T09:15:37.208Z",
)
TOLD_HELD_BACK = (
    TOLD[0],
    "  account      not recorded",
    "  amount       no purchase planned",
    TOLD[3],
    "  time         2026-11-20T09:14:02.250Z to 2026-11-20T09:14:02.262Z",
)
NOBODY = "  signed by    nobody: UNSIGNED"


def sealed(
    reports: Path, files: Mapping[str, bytes] = PASSED, *, run_id: str = RUN_ID, key: Path | None = None, by: str = ""
) -> Path:
    """The folder of a run with these files, sealed below a reports folder, with a key if one is given."""
    directory = RunDirectory(reports, "e2e", run_id)
    directory.create()
    for name, content in files.items():
        directory.write_new(name, content)
    seal(directory, 0, key=key, principal=by)
    return directory.path


def archived(run: Path) -> Path:
    """The run as one file, where archives lie."""
    path = run.parents[1] / "archive" / run.parent.name / f"{run.name}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(read_folder(run)))
    return path


def countersigned(run: Path, key: Path, by: str, number: int = 1) -> None:
    """Put somebody's countersignature beside a run's seal, past the command."""
    bundle = believe(read_folder(run))
    signature = Signature(by, sign_bytes(bundle.envelope.pae, key, namespace=SIGNATURE_NAMESPACE))
    (run / f"countersignature-{number}.json").write_bytes(encode_countersignature(signature, bundle.seal))
