"""Runs the shipped e2e gate as a process of its own, the way an operator or CI would, and reads what it left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
GATE = ROOT / "suites" / "e2e"
# Plugins of the development environment that would act on every inner run.
QUIET = ("-p", "no:randomly", "-p", "no:sugar", "-p", "no:rerunfailures", "-p", "no:cacheprovider")
INI = "[pytest]\nasyncio_default_fixture_loop_scope = session\naddopts = --import-mode=importlib\n"


@dataclass(frozen=True)
class GateRunResult:
    """One finished run: exit code, output, and the folder it wrote (None when it wrote none)."""

    exit_code: int
    output: str
    folder: Path | None

    @property
    def evidence(self) -> dict[str, Any]:
        """The evidence file."""
        assert self.folder is not None, self.output
        return json.loads((self.folder / "evidence.json").read_text())

    @property
    def statuses(self) -> dict[str, str]:
        """Status of every row by id."""
        return {row["id"]: row["status"] for row in self.evidence["rows"]}

    def red_rows(self) -> list[str]:
        """The rows that failed by themselves, without those that were only held back."""
        return [name for name, status in self.statuses.items() if status not in {"PASS", "BLOCKED"}]


def copy_gate(folder: Path, gate: str = "e2e", **thresholds: float) -> Path:
    """Copy a gate into a project of its own, with other thresholds where a test must not wait minutes."""
    target = folder / "suites" / gate
    shutil.copytree(GATE.parent / gate, target, ignore=shutil.ignore_patterns("__pycache__"))
    source = (target / "gate.toml").read_text()
    for name, value in thresholds.items():
        before = next(line for line in source.splitlines() if line.startswith(f"{name} = "))
        source = source.replace(before, f"{name} = {value}")
    (target / "gate.toml").write_text(source)
    (folder / "pytest.ini").write_text(INI)
    return target


def run_gate(
    folder: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    prefix: tuple[str, ...] = (),
    python: str = sys.executable,
    measured: bool = False,
) -> GateRunResult:
    """Run pytest in a project folder, behind a command prefix if given, and find the run it wrote.

    Coverage follows into the process only when asked: it would double the time of every run.
    """
    surroundings = {**os.environ, **(env or {})}
    if not measured:
        surroundings.pop("COVERAGE_PROCESS_CONFIG", None)
    done = subprocess.run(
        [*prefix, python, "-m", "pytest", *QUIET, *arguments],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    runs = sorted(path.parent for path in (folder / "reports").glob("*/*/journal.jsonl"))
    return GateRunResult(done.returncode, done.stdout + done.stderr, runs[-1] if runs else None)
