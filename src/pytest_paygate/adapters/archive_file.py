"""The archive of sealed runs: one file for each seal below `reports/archive/`, and an index of them.

Owns writing there. Nothing is overwritten and nothing deleted: an archive is put in place whole, under a name that was
free; the index is appended to under a lock. An archive whose line was lost to a crash gets it the next time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.adapters.archive_format import pack, unpack
from pytest_paygate.adapters.run_directory import sync_folder
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.strict import BundleError, canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from pytest_paygate.core.bundle import Believed

FOLDER = "archive"
INDEX = "index.jsonl"
_MONEY = "Archiving moves no money; the run itself stands where it was."


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive that is in place. `keep_until` is one year after it was made."""

    path: Path
    sha256: str
    keep_until: str


def store(root: Path, files: Mapping[str, bytes], bundle: Believed, at: datetime) -> Archived:
    """Put a run's archive in place and into the index.

    Args:
        root: the reports folder.
        files: every file of the run, by name.
        bundle: what was believed of them.
        at: now, aware.

    Raises:
        JournalError: when it is there already, or cannot be written.
    """
    told = bundle.told
    again = f"-{bundle.number}" if bundle.number else ""
    folder = root / FOLDER / str(told["gate"])
    path = folder / f"{told['run_id']}{again}.tar.gz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (root / FOLDER / INDEX).open("a+b") as index:
            fcntl.flock(index, fcntl.LOCK_EX)
            index.seek(0)
            name = path.relative_to(root).as_posix()
            if name in _names(index.read()):
                raise _refused(f"{name} is archived already", "a seal that is not in the archive", "it is in the index")
            content = _put(path, files)
            keep_until = _a_year_later(at)
            line = {
                "archive": name,
                "archived_at": _shown(at),
                "environment": told["environment"],
                "gate": told["gate"],
                "keep_until": _shown(keep_until),
                "mode": told["mode"],
                "run_id": told["run_id"],
                "seal": bundle.seal,
                "sha256": sha256(content),
                "verdict": bundle.verdict.value,
            }
            index.write(canonical(line) + b"\n")
            index.flush()
            os.fsync(index.fileno())
    except OSError as error:
        raise _refused(
            f"{path.name} cannot be archived", "a folder with space left", error.strerror or type(error).__name__
        ) from None
    except BundleError as error:
        raise _refused(f"{path.name} cannot be archived", "files as a run leaves them", str(error)) from None
    return Archived(path, sha256(content), _shown(keep_until))


def _put(path: Path, files: Mapping[str, bytes]) -> bytes:
    """Write the archive under a name that must be free; one that holds the very same files may stay."""
    if path.exists():
        content = path.read_bytes()
        if unpack(content) == dict(files):
            return content
        raise _refused(f"{path.name} is there already", "no archive of this seal yet", "one with other files")
    content = pack(files)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: it fails where a file stands.
        os.link(fresh, path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
    return content


def _names(content: bytes) -> set[str]:
    """The archives an index names. A torn last line is damage too: another one would run into it."""
    *lines, torn = content.split(b"\n")
    try:
        names = {str(strict_json(line)["archive"]) for line in lines}
    except (ValueError, TypeError, KeyError, RecursionError):
        torn = content
    if torn:
        raise BundleError("the index of archives is damaged")
    return names


def _a_year_later(at: datetime) -> datetime:
    try:
        return at.replace(year=at.year + 1)
    except ValueError:
        return at.replace(year=at.year + 1, month=3, day=1)


def _shown(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _refused(refused: str, expected: str, observed: str) -> JournalError:
    return JournalError(
        Refusal(
            refused=refused,
            expected=expected,
            observed=observed,
            money=_MONEY,
            next_step="Leave what is there as it is; an archive is never overwritten.",
        )
    )
