"""A bundle's files in memory, from a run's folder or from one archive file: regular files only, and not too much.

Reading is safe: nothing is unpacked to disk, nothing is followed, and what is too large is refused before it is held.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from pytest_paygate.adapters.archive_format import MAX_BYTES, MAX_FILES, unpack
from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from pathlib import Path


def read_bundle(path: Path) -> dict[str, bytes]:
    """Every file of a bundle by its name inside it.

    Args:
        path: a run's folder, or an archive of one.

    Raises:
        BundleError: for links and other odd things in it, or too much of anything.
        OSError: when it cannot be read.
    """
    return read_folder(path) if path.is_dir() else unpack(_read(path, MAX_BYTES))


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file of a run's folder by its name inside it.

    Raises:
        BundleError: for links and other odd things in it, or too much of anything.
        OSError: when it cannot be read.
    """
    files: dict[str, bytes] = {}
    room = MAX_BYTES
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            continue
        if not stat.S_ISREG(kind):
            raise BundleError(f"{name} is not a regular file")
        if len(files) >= MAX_FILES:
            raise BundleError(f"more than {MAX_FILES} files")
        files[name] = _read(path, room)
        room -= len(files[name])
    return files


def _read(path: Path, room: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(room + 1)
    if len(content) > room:
        raise BundleError(f"more than {MAX_BYTES} bytes")
    return content
