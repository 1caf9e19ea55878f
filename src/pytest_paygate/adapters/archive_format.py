"""The one form of an archive: a gzipped USTAR of regular files, sorted by name, without owners or times.

Owns writing and strict reading, in memory. An archive is read only when it is, uncompressed, byte for byte what would
be written for the same files: no links, no folders, no duplicates, nothing hidden between or behind the members.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import tarfile
import zlib
from typing import TYPE_CHECKING

from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 10_000
_BLOCK, _NAME = tarfile.BLOCKSIZE, 100
_PART = re.compile(rb"(?!\.\.?$)[A-Za-z0-9_.@+-]{1,100}")
_LINKS = {b"1": "a link", b"2": "a link", b"5": "a folder"}


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of some files: the same files give the same bytes.

    Raises:
        BundleError: for a name that an archive does not hold.
    """
    return gzip.compress(_tar(files), mtime=0)


def unpack(content: bytes) -> dict[str, bytes]:
    """The files of an archive by name.

    Raises:
        BundleError: for anything that `pack` would not have written, but for how hard it was compressed.
    """
    tar = _uncompressed(content)
    files: dict[str, bytes] = {}
    place = total = 0
    while tar[place : place + _BLOCK].strip(b"\0"):
        name, size = _member(tar[place : place + _BLOCK])
        if name in files:
            raise BundleError(f"{name} stands twice in the archive")
        if len(files) >= MAX_FILES:
            raise BundleError(f"more than {MAX_FILES} files in the archive")
        total += size
        if total > MAX_BYTES:
            raise BundleError(f"more than {MAX_BYTES} bytes in the archive")
        place += _BLOCK
        files[name] = tar[place : place + size]
        place += -(-size // _BLOCK) * _BLOCK
    if not files or _tar(files) != tar:
        raise BundleError("the archive is written in another way than archives are")
    return files


def _uncompressed(content: bytes) -> bytes:
    # Headers, padding and the end count too, so that many empty members do not pass as little.
    most = MAX_BYTES + 2 * MAX_FILES * _BLOCK + 2 * tarfile.RECORDSIZE
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        tar = reader.decompress(content, most + 1)
    except zlib.error:
        raise BundleError("the archive is not gzip") from None
    if len(tar) > most:
        raise BundleError("the archive holds more than archives do")
    if not reader.eof or reader.unused_data:
        raise BundleError("the archive is cut short, or something stands behind it")
    return tar


def _member(block: bytes) -> tuple[str, int]:
    """Name and size of one member, when its header is the one that would be written for them."""
    kind = _LINKS.get(block[156:157])
    whole = block[:_NAME].rstrip(b"\0")
    if kind is not None:
        raise BundleError(f"the archive holds {kind}")
    if not all(_PART.fullmatch(part) for part in whole.split(b"/")):
        raise BundleError("the archive holds a name that leads elsewhere, or is none")
    # What is no number cannot be read, and one below zero has no header.
    with contextlib.suppress(ValueError):
        size = int(block[124:135], 8)
        if size <= MAX_BYTES and _header(whole.decode(), size) == block:
            return whole.decode(), size
    raise BundleError(f"{whole.decode()} has another header than archives have")


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(format=tarfile.USTAR_FORMAT)


def _tar(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    for name in sorted(files):
        if len(name) > _NAME or not all(_PART.fullmatch(part.encode()) for part in name.split("/")):
            raise BundleError(f"{name!r} is no name for an archive")
        written.write(_header(name, len(files[name])))
        written.write(files[name] + bytes(-len(files[name]) % _BLOCK))
    end = written.tell() + 2 * _BLOCK
    return written.getvalue() + bytes(2 * _BLOCK + -end % tarfile.RECORDSIZE)
