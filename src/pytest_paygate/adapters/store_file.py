"""What live runs share on one machine: for each environment a folder with lock, used approvals and exposures.

Rules:
- nothing here is ever deleted or rewritten, but for the text of the lock file, which only its holder writes;
- whatever cannot be read counts against the run: a file cut short by a crash is a refusal, never an empty answer;
- the lock is the operating system's (it dies with its holder) and a lease (whoever slept past it has lost it).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.capacity_file import FileCapacity
from pytest_paygate.adapters.run_directory import sync_folder
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, StoreError
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord, Lease
from pytest_paygate.core.money import Money, MoneyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NETWORK = ("nfs", "cifs", "smb", "sshfs", "fuse.sshfs", "9p", "afs")
_MOUNTS = Path("/proc/mounts")


class FileStore:
    """The local store. Implements `core.ports.LiveStore`.

    Args:
        folder: made when it is missing; one folder below it for each environment.
    """

    kind = "file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.capacity = FileCapacity(folder)
        self.lock_fd: int | None = None

    async def take_lock(self, environment: str, holder: str, lease_seconds: float) -> Lease:
        """Take the lock. Its file descriptor is `lock_fd`: whoever inherits it keeps the lock held.

        Raises:
            StoreError: when somebody else holds it, or the folder cannot be used.
        """
        home = self._home(environment)
        self._check_local(home)
        try:
            handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(home / "lock", error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            told = _lock_text(home / "lock", handle)
            os.close(handle)
            raise _held(environment, str(told.get("holder", "somebody who has not said who"))) from None
        try:
            fence = int(_lock_text(home / "lock", handle).get("fence", 0)) + 1
            lease = Lease(environment, holder, fence, lease_seconds)
            _write_lock(handle, lease)
            sync_folder(home)
        except OSError as error:
            os.close(handle)
            raise _unusable(home / "lock", error) from None
        except StoreError:
            os.close(handle)
            raise
        self.lock_fd = handle
        return lease

    async def renew(self, lease: Lease) -> bool:
        """Prolong the lease, unless it has lapsed."""
        if self.lock_fd is None or not await self.holds(lease):
            return False
        try:
            _write_lock(self.lock_fd, lease)
        except OSError as error:
            raise _unusable(self._home(lease.environment) / "lock", error) from None
        return True

    async def holds(self, lease: Lease) -> bool:
        """Whether the lock file still names this lease, and it has not lapsed."""
        if self.lock_fd is None:
            return False
        told = _lock_text(self._home(lease.environment) / "lock", self.lock_fd)
        same = (told.get("fence"), told.get("boot")) == (lease.fence, _boot_id())
        return same and float(told.get("until", 0.0)) > _seconds()

    async def release(self, lease: Lease) -> None:
        """Give the lock back; a process that inherited it keeps it."""
        del lease
        self._close()

    async def consume(self, use: ApprovalUse) -> bool:
        """Use an approval up: the file of its nonce can be made only once."""
        document = {
            "nonce": use.nonce,
            "environment": use.environment,
            "gate_id": use.gate_id,
            "commit": use.commit,
            "run_id": use.run_id,
            "used_at": use.used_at.isoformat(),
        }
        return _write_once(self._home(use.environment) / f"approval-{_safe(use.nonce)}.json", document)

    async def uses(self, environment: str, gate_id: str, commit: str) -> Sequence[ApprovalUse]:
        """Every approval used so far for one gate at one commit, oldest first."""
        found = [
            ApprovalUse(
                nonce=_text(document, "nonce", path),
                environment=_text(document, "environment", path),
                gate_id=_text(document, "gate_id", path),
                commit=_text(document, "commit", path),
                run_id=_text(document, "run_id", path),
                used_at=_moment(document, "used_at", path),
            )
            for path, document in self._documents(environment, "approval-*.json")
        ]
        mine = [use for use in found if (use.gate_id, use.commit) == (gate_id, commit)]
        return sorted(mine, key=lambda use: use.used_at)

    async def open_exposure(self, record: ExposureRecord) -> None:
        """Note that a run is about to expose money.

        Raises:
            StoreError: when it was noted before.
        """
        document = {
            "run_id": record.run_id,
            "gate_id": record.gate_id,
            "trace_id": record.trace_id,
            "amount": str(record.amount),
            "opened_at": record.opened_at.isoformat(),
        }
        path = self._home(record.environment) / f"exposure-{_safe(record.run_id)}.open.json"
        if not _write_once(path, document):
            raise _damaged(path, "one exposure for each run", "a note of an earlier one")

    async def settle_exposure(self, environment: str, run_id: str, at: datetime) -> None:
        """Note that nothing of the run is open any more; noting it again changes nothing."""
        path = self._home(environment) / f"exposure-{_safe(run_id)}.settled.json"
        _write_once(path, {"run_id": run_id, "settled_at": at.isoformat()})

    async def exposures(self, environment: str) -> Sequence[ExposureRecord]:
        """Every exposure of an environment, oldest first."""
        settled = {
            _text(document, "run_id", path): _moment(document, "settled_at", path)
            for path, document in self._documents(environment, "exposure-*.settled.json")
        }
        found = []
        for path, document in self._documents(environment, "exposure-*.open.json"):
            run_id = _text(document, "run_id", path)
            found.append(
                ExposureRecord(
                    run_id=run_id,
                    environment=environment,
                    gate_id=_text(document, "gate_id", path),
                    trace_id=_text(document, "trace_id", path),
                    amount=_amount(document, path),
                    opened_at=_moment(document, "opened_at", path),
                    settled_at=settled.get(run_id),
                )
            )
        return sorted(found, key=lambda record: record.opened_at)

    async def aclose(self) -> None:
        """Release the lock, if it is held."""
        self._close()

    def _close(self) -> None:
        if self.lock_fd is not None:
            os.close(self.lock_fd)
            self.lock_fd = None

    def _home(self, environment: str) -> Path:
        home = self._folder / _safe(environment)
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unusable(home, error) from None
        return home

    def _documents(self, environment: str, pattern: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self._home(environment).glob(pattern)):
            try:
                document = strict_json(path.read_bytes())
            except OSError as error:
                raise _unusable(path, error) from None
            except ValueError as error:
                raise _damaged(path, "one JSON object", str(error)[:80]) from None
            if not isinstance(document, dict):
                raise _damaged(path, "one JSON object", "another JSON value")
            yield path, document

    @staticmethod
    def _check_local(home: Path) -> None:
        """A network file system keeps no lock that can be relied on."""
        try:
            mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
        except OSError:
            return
        place = str(home.resolve())
        under = [(mount[1], mount[2]) for mount in mounts if len(mount) > 2 and place.startswith(mount[1])]
        kind = max(under, key=lambda mount: len(mount[0]), default=("", ""))[1]
        if kind.startswith(_NETWORK):
            raise StoreError(
                Refusal(
                    refused=f"the lock of live runs cannot be kept in {home}",
                    expected="a local file system",
                    observed=f"a network file system ({kind})",
                    money=NOTHING_MOVED,
                    next_step="Put the reports on a local disk, or set [store] dsn in paygate.toml.",
                )
            )


def _write_once(path: Path, document: dict[str, str]) -> bool:
    """Write a file that must not be there yet, durably; False when it is."""
    content = json.dumps(document, sort_keys=True).encode() + b"\n"
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unusable(path, error) from None
    return True


def _write_lock(handle: int, lease: Lease) -> None:
    told = {
        "holder": lease.holder,
        "pid": os.getpid(),
        "fence": lease.fence,
        "boot": _boot_id(),
        "until": _seconds() + lease.seconds,
    }
    content = json.dumps(told, sort_keys=True).encode().ljust(512) + b"\n"
    os.pwrite(handle, content, 0)
    os.fsync(handle)


def _lock_text(path: Path, handle: int) -> dict[str, Any]:
    content = os.pread(handle, 4096, 0)
    if not content:
        return {}
    try:
        told = strict_json(content)
    except ValueError:
        raise _damaged(path, "the text its holder wrote", "something else") from None
    if not isinstance(told, dict) or not isinstance(told.get("fence"), int):
        raise _damaged(path, "the text its holder wrote", "something else")
    return told


def _seconds() -> float:
    """Seconds that also pass while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("names in the store are plain words")
    return name


def _text(document: dict[str, Any], key: str, path: Path) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise _damaged(path, f"a text under {key}", type(value).__name__)
    return value


def _moment(document: dict[str, Any], key: str, path: Path) -> datetime:
    try:
        found = datetime.fromisoformat(_text(document, key, path))
    except ValueError:
        raise _damaged(path, f"a moment under {key}", "another text") from None
    if found.tzinfo is None:
        raise _damaged(path, f"a moment with its zone under {key}", "one without")
    return found


def _amount(document: dict[str, Any], path: Path) -> Money:
    try:
        return Money.parse(_text(document, "amount", path))
    except MoneyError:
        raise _damaged(path, "an amount like EUR 5.00", "another text") from None


def _held(environment: str, holder: str) -> StoreError:
    return StoreError(
        Refusal(
            refused=f"environment {environment} is in use by another live run",
            expected="one live run for each environment at a time",
            observed=f"the lock is held by {holder}",
            money=f"{NOTHING_MOVED} This process sent nothing.",
            next_step="Wait for it to end. If its process hangs, end that process: its guardian settles what it left.",
        )
    )


def _damaged(path: Path, expected: str, observed: str) -> StoreError:
    return StoreError(
        Refusal(
            refused=f"{path.name} in {path.parent} cannot be trusted, so no live run starts",
            expected=expected,
            observed=observed,
            money=f"{NOTHING_MOVED} Whether an earlier run left money open is not known.",
            next_step="Run `paygate orphans`, which asks the provider; then move the damaged file away by hand.",
        )
    )


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        Refusal(
            refused=f"{path} cannot be used, so no live run starts",
            expected="a folder this user may write to, with space left",
            observed=error.strerror or type(error).__name__,
            money=NOTHING_MOVED,
            next_step="Free space or fix the permissions.",
        )
    )
