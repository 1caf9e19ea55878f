"""Reports folders with real, sealed runs in them, for the commands that decide from such folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from pytest_paygate.cli import paygate
from pytest_paygate.reporting.run_reports import Outcome, Signing, write
from tests.golden import scenes
from tests.golden.scenes import RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.golden.scenes import Scene

SIGNER = "gate@example.test"


@dataclass
class Reports:
    """A reports folder, the key its bundles are sealed with, and a policy that believes that key."""

    root: Path
    key: Path
    policy: Path

    def add(self, scene: Scene, run_id: str = RUN_ID, *, signed: bool = True) -> Outcome:
        """Lay a run down and write its reports as the end of a session does."""
        self.lay(scene, run_id)
        (outcome,) = write(self.root, run_id, [scene.gate.id], signing=Signing(self.key, SIGNER) if signed else None)
        return outcome

    def lay(self, scene: Scene, run_id: str = RUN_ID) -> Path:
        """Lay a run down as its process would have left it."""
        folder = self.root / scene.gate.id / run_id
        folder.mkdir(parents=True)
        lines = retold(scene.lines, run_id)
        (folder / "journal.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        (folder / "gate.toml").write_bytes(scene.source)
        (folder / "session.log").write_text("told\n")
        return folder

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run `paygate …` on this folder; returns exit code and output."""
        done = CliRunner().invoke(paygate, [*arguments, "--reports", str(self.root)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done.exit_code, done.output

    def evidence(self, content: str = "EUR 5.00 back on the statement\n") -> str:
        """A file that somebody signs with."""
        path = self.root.parent / "statement.pdf"
        path.write_text(content)
        return str(path)


def retold(lines: Iterable[bytes], run_id: str) -> list[bytes]:
    """The same journal of a run with another id, chained anew."""
    import json

    from pytest_paygate.core.journal import GENESIS, line_hash

    head, told = GENESIS, []
    for line in lines:
        entry = json.loads(line.replace(RUN_ID.encode(), run_id.encode()))
        entry["prev"] = head
        if entry["event"]["kind"] == "refund_intended":
            from pytest_paygate.core.exposure import refund_key

            entry["event"]["idempotency_key"] = refund_key(run_id, entry["event"]["charge_id"])
        told.append(json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        head = line_hash(told[-1])
    return told


def later(days: int) -> str:
    """The id of a run some days after the golden one."""
    return f"202611{20 + days:02d}T091402250Z-5eed5eed"


__all__ = ["SIGNER", "Reports", "later", "retold", "scenes"]
