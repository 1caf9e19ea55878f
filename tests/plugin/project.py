"""A project with the demo gate in it, run by an inner pytest."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Loaded here so that an inner run in this process finds them: pytester forgets what an inner run imports, and a
# compiled module cannot be imported twice.
import pytest_paygate.plugin.active
import pytest_paygate.plugin.embedded
import pytest_paygate.reporting.run_reports  # noqa: F401 - see above
from pytest_paygate.core.journal import read
from pytest_paygate.core.run import RunState, fold
from pytest_paygate.core.verdict import Judgement, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.events import Entry

EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Project:
    """The demo gate in a folder of its own. `run` is a process of its own, `run_here` stays in this one."""

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        """The root of the project."""
        return self.pytester.path

    @property
    def gate(self) -> Path:
        """The gate's folder."""
        return self.path / "demo_gate"

    def run(self, *arguments: str, environment: str = "demo", refund: bool = True) -> pytest.RunResult:
        """The inner pytest as a process of its own."""
        return self.pytester.runpytest_subprocess(*self._arguments(arguments, environment, refund=refund), timeout=170)

    def run_here(self, *arguments: str, environment: str = "demo", refund: bool = True) -> pytest.RunResult:
        """The inner pytest in this process: faster, for what is refused or decided before any row."""
        return self.pytester.runpytest_inprocess(*self._arguments(arguments, environment, refund=refund))

    def change(self, file: str, old: str, new: str) -> None:
        """Replace one piece of a file of the gate; it must be there."""
        path = self.gate / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def body(self, row: str, code: str) -> None:
        """Replace what the body of a row does after it has left its trace; `code` is one line or several."""
        path = self.gate / "test_demo.py"
        head, _, tail = path.read_text(encoding="utf-8").partition(f'    ran("{row}")\n')
        rest = tail.partition("\n\n\n")[2]
        lines = "".join(f"    {line}\n" for line in code.splitlines())
        path.write_text(f'{head}    ran("{row}")\n{lines}\n\n{rest}', encoding="utf-8")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def bodies(self) -> list[str]:
        """The rows whose bodies ran, in order, over all runs."""
        path = self.path / "bodies.txt"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def folders(self) -> list[Path]:
        """The run folders, oldest first."""
        return sorted(path.parent for path in (self.path / "reports").glob("demo/*/journal.jsonl"))

    def entries(self) -> Sequence[Entry]:
        """The only run's journal; its hash chain has been checked."""
        (folder,) = self.folders()
        return read((folder / "journal.jsonl").read_bytes(), "journal.jsonl").entries

    def state(self) -> RunState:
        """The only run, folded from its journal."""
        return fold(self.entries())

    def judgement(self) -> Judgement:
        """The only run's verdict, from its journal and nothing else."""
        return judge(self.state())

    def statuses(self) -> dict[str, str]:
        """The status of each row of the only run."""
        return {row.row_id: str(row.status) for row in self.state().rows.values()}

    def evidence(self) -> dict[str, Any]:
        """The only run's evidence file."""
        (folder,) = self.folders()
        return dict(json.loads((folder / "evidence.json").read_text(encoding="utf-8")))

    def _arguments(self, arguments: Sequence[str], environment: str, *, refund: bool) -> list[str]:
        chosen = [f"--paygate-env={environment}"] if environment else []
        return [*chosen, *(["--paygate-refund"] if refund else []), *arguments]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A fresh project with the demo gate, `paygate.toml` and an ini."""
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(variable, raising=False)
    shutil.copytree(EXAMPLES, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(pytester)
