"""SSH keys, a policy that knows some of them, and runs sealed with them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.reporting.sealing import seal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Team:
    """People with keys in one folder: `ops`, `ann` and `bob` are in the policy's file, `eve` is not."""

    folder: Path

    def key(self, name: str) -> Path:
        """Somebody's private key."""
        return self.folder / name

    def policy(self, text: str = "", *, required: int = 1) -> Path:
        """A policy that believes the three, asks for signatures in every mode, and says more if told to."""
        path = self.folder / "policy.toml"
        signers = ", ".join(f'"{name}@example.test"' for name in ("ops", "ann", "bob"))
        path.write_text(
            f'allowed_signers = "allowed"\nsigners = [{signers}]\nunsigned = []\nrequired = {required}\n{text}'
        )
        return path


def team(folder: Path) -> Team:
    """Make the keys."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in ("ops", "ann", "bob", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        if name != "eve":
            public = (folder / f"{name}.pub").read_text()
            lines.append(f'{name}@example.test namespaces="paygate-seal-v1" {public}')
    (folder / "allowed").write_text("".join(lines))
    return Team(folder)


def sealed_again(run: Path, root: Path, *, key: Path | None = None, principal: str = "") -> Path:
    """A copy of a run below another reports folder, sealed there, with a key if one is given."""
    target = root / run.parent.name / run.name
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("manifest*.json", "attestation*.json", "counter*"))
    seal(RunDirectory(root, run.parent.name, run.name), 0, key=key, principal=principal)
    return target
