"""Archives that must not be believed: everything tar and gzip can be talked into."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Files = dict[str, bytes]
Member = tuple[tarfile.TarInfo, bytes]


def tar_of(files: Files) -> bytes:
    """The files as the archive holds them, not compressed."""
    return _tar([_member(name, content) for name, content in sorted(files.items())])


def _member(name: str, content: bytes, **changed: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changed.items():
        setattr(info, key, value)
    return info, content


def _tar(members: list[Member], form: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as opened:
        for info, content in members:
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def attacked(files: Files) -> Iterator[tuple[str, bytes]]:
    """Archives made from a sound run, each with a name. None of them may be believed."""
    whole = [_member(name, content) for name, content in sorted(files.items())]
    tar = _tar(whole)
    for what, extra in _EXTRAS.items():
        yield what, gzip.compress(_tar([*whole, extra]))
        yield f"{what}, first", gzip.compress(_tar([extra, *whole]))
    for what, change in _HEADERS.items():
        changed = [_member(name, content, **change) for name, content in sorted(files.items())]
        yield what, gzip.compress(_tar(changed))
    yield "another order", gzip.compress(_tar(whole[::-1]))
    yield "a member less", gzip.compress(_tar(whole[1:]))
    yield "a member twice", gzip.compress(_tar([*whole, whole[-1]]))
    yield "a member with other bytes", gzip.compress(_tar([_member(whole[0][0].name, b"other"), *whole[1:]]))
    yield "everything in a folder", gzip.compress(_tar([_member(f"run/{i.name}", c) for i, c in whole]))
    yield "a link for a file", gzip.compress(_tar([_link(whole[0][0].name), *whole[1:]]))
    owned = [_member(name, content, pax_headers={"comment": "x"}) for name, content in sorted(files.items())]
    yield "extended headers", gzip.compress(_tar(owned, tarfile.PAX_FORMAT))
    yield "GNU tar", gzip.compress(_tar(whole, tarfile.GNU_FORMAT))
    for what, spoil in _BYTES.items():
        yield what, spoil(tar)


def _link(name: str, kind: bytes = tarfile.SYMTYPE, target: str = "journal.jsonl") -> Member:
    return _member(name, b"", type=kind, linkname=target)


_EXTRAS: dict[str, Member] = {
    "a symbolic link": _link("zz"),
    "a link outside": _link("zz", target="/etc/passwd"),
    "a hard link": _link("zz", tarfile.LNKTYPE),
    "a folder": _member("zz", b"", type=tarfile.DIRTYPE),
    "a fifo": _member("zz", b"", type=tarfile.FIFOTYPE),
    "a device": _member("zz", b"", type=tarfile.CHRTYPE),
    "an absolute name": _member("/zz", b"x"),
    "a name that leads out": _member("../zz", b"x"),
    "a name that leads about": _member("zz/../zz", b"x"),
    "a name with a dot": _member("./zz", b"x"),
    "a name with a backslash": _member("zz\\zz", b"x"),
    "an empty name": _member("", b"x"),
    "a name with a control character": _member("zz\x07", b"x"),
    "a file more": _member("zz", b"x"),
}
_HEADERS: dict[str, dict[str, object]] = {
    "times": {"mtime": 1},
    "an owner": {"uid": 7},
    "an owner's name": {"uname": "root"},
    "a group": {"gname": "root"},
    "another mode": {"mode": 0o4755},
    "an old type of file": {"type": tarfile.AREGTYPE},
    "a file in one piece": {"type": tarfile.CONTTYPE},
}
_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "bytes behind the gzip": lambda tar: gzip.compress(tar) + b"more",
    "a second gzip": lambda tar: gzip.compress(tar) + gzip.compress(b"more"),
    "gzip cut short": lambda tar: gzip.compress(tar)[:-1],
    "gzip with another checksum": lambda tar: gzip.compress(tar)[:-8] + b"\0" * 8,
    "not gzip": lambda tar: tar,
    "nothing": lambda _: b"",
    "an empty gzip": lambda _: gzip.compress(b""),
    "only zeros": lambda _: gzip.compress(bytes(10240)),
    "bytes behind the end": lambda tar: gzip.compress(tar + bytes(10240)),
    "something hidden behind the end": lambda tar: gzip.compress(tar[:-4] + b"more"),
    "something hidden in the padding": lambda tar: gzip.compress(_padded(tar)),
    "the end cut off": lambda tar: gzip.compress(tar[:-512]),
    "cut in the middle": lambda tar: gzip.compress(tar[: len(tar) // 2]),
    "a size spelled otherwise": lambda tar: gzip.compress(tar[:124] + b" " + tar[125:]),
    "a size that is none": lambda tar: gzip.compress(tar[:124] + b"z" * 11 + tar[135:]),
    "a size below zero": lambda tar: gzip.compress(tar[:124] + b"-0000000001" + tar[135:]),
    "a size in another base": lambda tar: gzip.compress(tar[:124] + b"\x80" + tar[125:]),
}


def _padded(tar: bytes) -> bytes:
    """The tar with one byte changed between the end of the first file and the next header."""
    size = int(tar[124:135], 8)
    place = 512 + size
    assert size % 512
    return tar[:place] + b"x" + tar[place + 1 :]
