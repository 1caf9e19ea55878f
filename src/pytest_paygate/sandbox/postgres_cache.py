"""Keeps initialised clusters as single files, so that a start copies one instead of running initdb.

Rules:
- A cached cluster is one file: a digest, an index, the contents (equal files once). It appears by rename, complete or
  not at all, and is believed only if the digest over all of it is right. Anything else is as good as absent.
- One cache folder per user id, owned by that user and writable by nobody else; a cluster holds settings that run
  programs, so one that somebody else could have written is never read.
- A cache that cannot be written costs time, never a failure.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.postgres_binaries import Account

_MAGIC = b"pytest-paygate cluster 1\n"
_DIGEST_BYTES = 32
_LENGTH_BYTES = 8
_KEPT_DAYS = 30
# Free-space and visibility maps are hints the server makes anew; without them a start creates a third fewer files.
_NOT_KEPT = re.compile(r"\d+_(fsm|vm)|postmaster\.(pid|opts)")


def cache_folder() -> Path | None:
    """The folder for this user's clusters, made if need be; None when no safe one can be had."""
    user = f"uid-{os.geteuid()}"
    for base in _cache_bases():
        if base.is_absolute() and _may_settle(base):
            folder = own_folder(base / "pytest-paygate" / user, mode=0o700)
            if folder is not None:
                return folder
    return own_folder(Path(tempfile.gettempdir()) / f"pytest-paygate-{user}", mode=0o700)


def _cache_bases() -> list[Path]:
    configured = os.environ.get("XDG_CACHE_HOME")
    if configured:
        return [Path(configured)]
    return [Path(os.path.expanduser("~")) / ".cache"]  # noqa: PTH111 - Path.home() raises for a uid without an account


def _may_settle(base: Path) -> bool:
    """Root may write anywhere, and under `sudo` HOME is another's: leave no root-owned folder in somebody's home."""
    if os.geteuid() != 0:
        return True
    nearest = next(folder for folder in (base, *base.parents) if folder.exists())
    return nearest.stat().st_uid == 0


def own_folder(folder: Path, mode: int) -> Path | None:
    """Make `folder` if it is missing; return it only if it is ours alone to write.

    Returns:
        The folder, or None when it cannot be made or written, is a link, or belongs to or is writable by others.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(mode)
        facts = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def pack(data: Path) -> bytes:
    """Return a cleanly stopped cluster as one sealed value."""
    folders: list[str] = []
    files: list[tuple[str, int, int]] = []
    contents: list[bytes] = []
    places: dict[bytes, int] = {}
    end = 0
    for current, inner, names in os.walk(data):
        folders += [os.path.relpath(os.path.join(current, name), data) for name in sorted(inner)]  # noqa: PTH118 - os.walk
        for name in sorted(names):
            if _NOT_KEPT.fullmatch(name):
                continue
            path = Path(current, name)
            content = path.read_bytes()
            if content not in places:
                places[content] = end
                contents.append(content)
                end += len(content)
            files.append((str(path.relative_to(data)), places[content], len(content)))
    index = json.dumps({"folders": folders, "files": files}).encode()
    body = b"".join([len(index).to_bytes(_LENGTH_BYTES), index, *contents])
    return _MAGIC + hashlib.sha256(body).digest() + body


def is_sound(image: bytes) -> bool:
    """Say whether `image` is complete and unchanged since `pack` made it."""
    start = len(_MAGIC) + _DIGEST_BYTES
    sealed = image[len(_MAGIC) : start]
    return image.startswith(_MAGIC) and hashlib.sha256(memoryview(image)[start:]).digest() == sealed


def unpack(image: bytes, data: Path, account: Account | None) -> None:
    """Write a sound image out as the new folder `data`, owned by `account`, private to its owner.

    The folder above `data` must still be closed to `account`: nobody may swap a path while root writes below it.

    Raises:
        OSError: it could not be written, or the image is shorter than its index says.
    """
    start = len(_MAGIC) + _DIGEST_BYTES
    blobs_at = start + _LENGTH_BYTES + int.from_bytes(image[start : start + _LENGTH_BYTES])
    index = json.loads(image[start + _LENGTH_BYTES : blobs_at])
    blobs = memoryview(image)[blobs_at:]
    root = str(data)
    for folder in (root, *(f"{root}/{name}" for name in index["folders"])):
        os.mkdir(folder, 0o700)  # noqa: PTH102 - hundreds of files: a Path for each costs a tenth of the start
        if account:
            os.chown(folder, account.uid, account.gid)
    for name, offset, size in index["files"]:
        descriptor = os.open(f"{root}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            while size:
                written = os.write(descriptor, blobs[offset : offset + size])
                if not written:
                    raise OSError(errno.EIO, "the cluster ends before its last file", name)
                offset, size = offset + written, size - written  # noqa: PLW2901 - a short write goes on where it stopped
            if account:
                os.fchown(descriptor, account.uid, account.gid)
        finally:
            os.close(descriptor)


def load(folder: Path | None, key: str) -> bytes | None:
    """The cached cluster of that key, or None when there is none that can be believed."""
    if folder is None:
        return None
    path = _path(folder, key)
    try:
        with path.open("rb") as file:
            image = file.read() if os.fstat(file.fileno()).st_uid == os.geteuid() else b""
        os.utime(path)
    except OSError:
        return None
    return image if is_sound(image) else None


def store(folder: Path | None, key: str, image: bytes) -> None:
    """Keep a cluster for the next start; of several writers at once the last rename wins, and all are equal."""
    if folder is None:
        return
    with contextlib.suppress(OSError):
        _drop_old(folder)
        descriptor, aside = tempfile.mkstemp(prefix="building-", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(image)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).replace(_path(folder, key))
        except OSError:
            Path(aside).unlink()


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.cluster"


def _drop_old(folder: Path) -> None:
    """Forget clusters unused for a month, and what a killed builder left."""
    oldest = time.time() - _KEPT_DAYS * 86_400
    for path in (*folder.glob("*.cluster"), *folder.glob("building-*")):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
