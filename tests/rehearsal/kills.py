"""Killing the operator's run for real, at every point between the purchase and its settlement, and looking at the books.

Run by hand: `python -m tests.rehearsal.kills --size full`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.rehearsal.project import LIVE, UNMEASURED, LiveSandbox, Project

HERE = Path(__file__).parent
# Between the purchase and the settlement a rehearsal writes some seventy lines.
POINTS = {
    "smoke": ("0:before:one", "0:after:group", "2:after:both", "answered:POST /api/v1/orders:one", "24:after:group"),
    "full": (
        *(f"{line}:{'before' if line % 2 else 'after'}:{'one' if line % 3 else 'group'}" for line in range(44)),
        *(f"{line}:after:both" for line in (0, 1, 2, 11, 24, 33)),
        *(f"answered:POST {path}:one" for path in ("/api/v1/orders", "/api/v1/orders/ord")),
        *(f"answered:GET {path}:group" for path in ("/v1/charges", "/api/v1/orders/", "/payments/list")),
    ),
}


@dataclass
class KillResult:
    """What the books said after every kill. `unkilled` are points that the run never came to."""

    kills: int = 0
    open: int = 0
    double: int = 0
    passed: int = 0
    unkilled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def kill(project: Project, point: str, result: KillResult) -> None:
    """Run, die at one point, let guardian or `paygate recover` settle, and read the books."""
    before = project.sandbox.money()
    project.approve()
    session = project.start(*LIVE, env={"PAYGATE_TEST_DIE": point, **UNMEASURED})
    status = session.wait()
    if status != -9:
        result.unkilled.append(f"{point}: ended with {status}")
    result.kills += status == -9
    result.passed += status == 0
    if point.endswith(":both"):
        _recover(project, point, result)
    money = project.settled(before)
    if money.open_minor or money.payable:
        result.open += 1
        result.problems.append(f"{point}: {money}")
    if money.charges > 1:
        result.double += 1
        result.problems.append(f"{point}: {money.charges} charges")
    # The lock is free once the guardian has ended; the next run needs it.
    project.quiet()


def _recover(project: Project, point: str, result: KillResult) -> None:
    """Both processes are dead: the next start refuses, `recover` settles, and a second `recover` writes nothing."""
    project.approve()
    refused = project.start(*LIVE)
    if refused.wait() != 22 or "no_exposure_open" not in refused.output:
        result.problems.append(f"{point}: a new run was not refused:\n{refused.output[-1500:]}")
    done = project.command("recover")
    if done.returncode != 0:
        result.problems.append(f"{point}: recover ended with {done.returncode}: {done.stdout}{done.stderr}")
    files = project.files()
    again = project.command("recover")
    if again.returncode != 0 or project.files() != files:
        result.problems.append(f"{point}: the second recover wrote {set(project.files()) ^ set(files)}")


def run(size: str) -> KillResult:
    """Kill at every point of a size."""
    result = KillResult()
    folder = Path(tempfile.mkdtemp(prefix="paygate-kills-"))
    sandbox = LiveSandbox()
    try:
        project = Project(folder / "project", sandbox)
        shutil.copy(HERE / "dying.py", project.folder / "conftest.py")
        for point in POINTS[size]:
            kill(project, point, result)
    finally:
        sandbox.stop()
        shutil.rmtree(folder)
    return result


def main() -> None:
    """Print what the books said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=sorted(POINTS), default="smoke")
    print(run(parser.parse_args().size))


if __name__ == "__main__":
    main()
