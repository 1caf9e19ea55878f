"""The guardian: a process of its own that refunds when the test process dies without having settled.

It holds one end of a pipe and does nothing until the other end is gone. "released" before that means that nothing is
open; an end without it means that the test process is dead, and the guardian settles the run within seconds.

Rules:
- it lives in a session of its own, so that what ends the test process and its group does not end it;
- secrets reach it through the pipe, never through arguments, environment or files;
- it keeps the environment's lock for as long as it works.
It does not survive the end of the machine or of its container: for that there is `paygate recover`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_paygate.core.errors import NOTHING_MOVED, InterlockError, Refusal
from pytest_paygate.core.redaction import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.core.environment import Environment

READY_SECONDS = 20.0
RELEASED = b"released\n"
READY = b"ready\n"
LOG = "guardian.log"


@dataclass(frozen=True, slots=True)
class Duty:
    """What the guardian must know. `environment` carries revealed secrets and exists only in memory and in the pipe."""

    reports: str
    gate_id: str
    run_id: str
    environment: Mapping[str, Any]

    def encoded(self) -> bytes:
        """One line of JSON."""
        return (
            json.dumps(
                {
                    "reports": self.reports,
                    "gate_id": self.gate_id,
                    "run_id": self.run_id,
                    "environment": dict(self.environment),
                }
            ).encode()
            + b"\n"
        )


def duty_of(environment: Environment, *, reports: Path, gate_id: str, run_id: str, store_dsn: str = "") -> Duty:
    """The duty of one run. The guardian is given the restricted keys, where there are any."""
    return Duty(
        reports=str(reports.resolve()),
        gate_id=gate_id,
        run_id=run_id,
        environment={
            "name": environment.name,
            "mode": environment.mode.value,
            "base_url": environment.base_url,
            "ca_file": str(Path(environment.ca_file).resolve()) if environment.ca_file else "",
            "store_dsn": store_dsn,
            "late_charge_seconds": environment.live.late_charge_seconds,
            "providers": {
                name: {
                    "key": (access.refund_key or access.key).reveal(),
                    "base_url": access.base_url,
                    "account": access.account,
                    "dashboard_url": access.dashboard_url,
                }
                for name, access in environment.providers.items()
            },
        },
    )


class Guardian:
    """The test process's end of the pipe.

    Args:
        duty: what is to be guarded.
        folder: the run's folder; the guardian's own messages go into a file there.
        lock_fd: the environment's lock file, which the guardian keeps held too; None where a database holds the lock.
    """

    def __init__(self, duty: Duty, *, folder: Path, lock_fd: int | None) -> None:
        with (folder / LOG).open("xb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest_paygate.exposure.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                pass_fds=() if lock_fd is None else (lock_fd,),
                cwd="/",
            )
        self.pid = self._process.pid
        try:
            self._pipe.write(duty.encoded())
            self._pipe.flush()
        except OSError:
            # It has died already; `wait_ready` says so.
            pass

    async def wait_ready(self) -> None:
        """Wait until the guardian watches.

        Raises:
            InterlockError: when it does not come up in time.
        """
        answers = self._process.stdout
        if answers is None:
            raise RuntimeError("the guardian was started with a pipe")
        try:
            said = await asyncio.wait_for(asyncio.to_thread(answers.readline), READY_SECONDS)
        except TimeoutError:
            said = b""
        if said != READY:
            self._process.kill()
            raise InterlockError(
                ("guardian_ready",),
                Refusal(
                    refused="interlock: no money moves, because of guardian_ready",
                    expected=f"a guardian that reports within {READY_SECONDS:.0f} s",
                    observed=plain(said.decode("utf-8", "replace").strip()) if said else "it ended, or said nothing",
                    money=NOTHING_MOVED,
                    next_step=f"Read {LOG} in the run's folder, and start again.",
                ),
            )

    def release(self) -> None:
        """Tell the guardian that nothing is open; it ends without doing anything."""
        try:
            self._pipe.write(RELEASED)
            self._pipe.close()
        except OSError:
            # It is gone; nothing is open, so nothing is lost.
            return
        self._process.wait(timeout=READY_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def is_alive(self) -> bool:
        """Whether it still watches."""
        return self._process.poll() is None

    @property
    def _pipe(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise RuntimeError("the guardian was started with a pipe")
        return self._process.stdin


def main() -> int:
    """Watch the pipe on standard input; settle when it ends without a release."""
    # Neither a core dump nor a file of its own may hold the keys it was given.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0
    duty = json.loads(line)
    # Imported before the duty begins: when it is called upon, every second counts.
    from pytest_paygate.exposure import guarding

    problem = guarding.prepare(duty)
    if problem:
        sys.stdout.buffer.write(" ".join(problem.split()).encode() + b"\n")
        return 1
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    if sys.stdin.buffer.read() == RELEASED:
        return 0
    return guarding.settle_now(duty)


if __name__ == "__main__":
    sys.exit(main())
