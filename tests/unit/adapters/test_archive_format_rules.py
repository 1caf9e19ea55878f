"""The one form of an archive: its bytes, its bounds, and everything that is read in no other form."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zlib

import pytest

from pytest_paygate.adapters import archive_format
from pytest_paygate.adapters.archive_format import MAX_BYTES, MAX_FILES, pack, unpack
from pytest_paygate.core.strict import BundleError, sha256

BLOCK = 512
EMPTY = bytes(BLOCK)
# Every length around a block, and every kind of character a name may have.
FILES = {
    "AZ/az/09": b"",
    "a": b"1",
    "b.-_@+": b"2" * 511,
    "c/X": b"3" * 512,
    "d/e/f": b"4" * 513,
    "n" * 100: b"\0" * 1024,
}
DIGEST = "96a8515fb57cbdd48fd37a86d292e051b0da686921f9b3b6bb5dd60019fa16da"
ANOTHER_WAY = "the archive is written in another way than archives are"
NO_NAME = "the archive holds a name that leads elsewhere, or is none"
CUT_OR_MORE = "the archive is cut short, or something stands behind it"


def tar_of(files: dict[str, bytes]) -> bytes:
    """What an archive of these files holds, uncompressed."""
    return gzip.decompress(pack(files))


def headed(name: str = "a", **changed: object) -> bytes:
    """The header that tar itself writes of a member, with some things changed."""
    member = tarfile.TarInfo(name)
    for key, value in changed.items():
        setattr(member, key, value)
    return member.tobuf(format=tarfile.USTAR_FORMAT)


def resized(field: bytes) -> bytes:
    """A header with another size field, its checksum right."""
    block = bytearray(headed())
    block[124:136] = field.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def said(call, *arguments: object) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        call(*arguments)
    return str(refused.value)


def said_of(tar: bytes) -> str:
    """What is said of an archive that holds this."""
    return said(unpack, gzip.compress(tar, 1))


def test_what_is_packed_is_unpacked():
    """Files of every length around a block, and every character of a name, come back as they were."""
    assert unpack(pack(FILES)) == FILES
    assert pack(dict(reversed(FILES.items()))) == pack(FILES)
    for name, content in FILES.items():
        assert unpack(pack({name: content})) == {name: content}


def test_the_bytes_of_an_archive_never_change():
    """No time, no owner; records of 10 240 bytes; any tar reads it; and its hash is the one it always was."""
    assert pack(FILES)[4:8] == bytes(4)
    tar = tar_of(FILES)
    assert (len(tar), sha256(tar)) == (10_240, DIGEST)
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        read = {member.name: member for member in opened.getmembers()}
    assert list(read) == sorted(FILES)
    assert {(one.mode, one.uid, one.gid, one.mtime, one.uname) for one in read.values()} == {(0o644, 0, 0, 0, "")}


@pytest.mark.parametrize(("length", "records"), [(8_704, 1), (8_705, 2), (18_944, 2), (18_945, 3)])
def test_an_archive_ends_after_two_empty_blocks_and_a_whole_record(length, records):
    """The last record is filled up, and begun only when the end needs it."""
    tar = tar_of({"a": b"1" * length})
    assert len(tar) == records * 10_240
    assert tar.endswith(bytes(2 * BLOCK))
    assert unpack(pack({"a": b"1" * length})) == {"a": b"1" * length}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/..", "./a", "/a", "a/", "a//b", "a b", "ä", "a\n", "a\\b", "n" * 101]
)
def test_a_name_that_leads_elsewhere_is_not_packed(name):
    """Neither an absolute name nor one with an empty, a dotted or an odd part is written; nor one of 101 characters."""
    assert said(pack, {name: b""}) == f"{name!r} is no name for an archive"


@pytest.mark.parametrize(("name", "is_one"), [("a" * 49 + "/" + "b" * 50, True), ("a" * 50 + "/" + "b" * 50, False)])
def test_a_name_has_a_hundred_characters_at_most(name, is_one):
    """The whole name counts, not each of its parts."""
    if is_one:
        assert unpack(pack({name: b"x"})) == {name: b"x"}
    else:
        assert said(pack, {name: b"x"}) == f"{name!r} is no name for an archive"


@pytest.mark.parametrize(
    ("tar", "told"),
    [
        (headed(type=tarfile.LNKTYPE, linkname="b"), "the archive holds a link"),
        (headed(type=tarfile.SYMTYPE, linkname="b"), "the archive holds a link"),
        (headed(type=tarfile.DIRTYPE), "the archive holds a folder"),
        (headed(type=tarfile.FIFOTYPE), "a has another header than archives have"),
        (headed("../a"), NO_NAME),
        (headed("a//b"), NO_NAME),
        (headed("a b"), NO_NAME),
        (bytes(100) + headed()[100:], NO_NAME),
        (headed(mode=0o755), "a has another header than archives have"),
        (headed(uname="root"), "a has another header than archives have"),
        (resized(b"0000000000x"), "a has another header than archives have"),
        (resized(b"00000000008"), "a has another header than archives have"),
        (resized(b"-0000000001"), "a has another header than archives have"),
        (resized(b"00000000001 "), "a has another header than archives have"),
        (resized(b"%011o" % (MAX_BYTES + 1)), "a has another header than archives have"),
        (resized(b"77777777777"), "a has another header than archives have"),
        (b"X" * BLOCK, f"{'X' * 100} has another header than archives have"),
        (headed() * 2, "a stands twice in the archive"),
    ],
)
def test_another_member_is_refused(tar, told):
    """Links, folders, odd names and headers, one name twice: the member is told, and that it is none of ours."""
    assert said_of(tar) == told
    assert said_of(tar + bytes(10_240 - len(tar))) == told


@pytest.mark.parametrize(
    "tar",
    [
        b"",
        bytes(10_240),
        headed(size=1),
        tar_of({"a": b"1"})[:-1],
        tar_of({"a": b"1"}) + bytes(10_240),
        tar_of({"a": b"1"})[:1024] + EMPTY + headed("b") + bytes(10_240 - 2048),
        tar_of({"a": b"1"})[: 1025 - BLOCK] + b"x" + tar_of({"a": b"1"})[1026 - BLOCK :],
        tar_of({"b": b"1"})[:1024] + tar_of({"a": b"1"})[:1024] + bytes(10_240 - 2048),
    ],
)
def test_nothing_hides_in_an_archive(tar):
    """No member at all, too short, too long, something behind the end or in the padding, another order: all refused."""
    assert said_of(tar) == ANOTHER_WAY


def test_an_archive_is_one_whole_gzip():
    """What is no gzip, cut short, or followed by anything is refused."""
    content = pack(FILES)
    assert said(unpack, b"PK\3\4") == "the archive is not gzip"
    assert said(unpack, zlib.compress(tar_of(FILES))) == "the archive is not gzip"
    assert said(unpack, content[:-1]) == CUT_OR_MORE
    assert said(unpack, content + b"\0") == CUT_OR_MORE
    assert said(unpack, content + content) == CUT_OR_MORE
    assert said(unpack, b"") == CUT_OR_MORE


def test_the_bounds_of_an_archive(monkeypatch):
    """64 MiB in 10 000 files; the greatest size and number are read, one more is refused."""
    assert (MAX_BYTES, MAX_FILES) == (64 << 20, 10_000)
    files = {"a": b"1" * 600, "b": b"2" * 400, "c": b""}
    content = pack(files)
    monkeypatch.setattr(archive_format, "MAX_FILES", 3)
    monkeypatch.setattr(archive_format, "MAX_BYTES", 1000)
    assert unpack(content) == files
    assert unpack(pack({"a": b"1" * 1000})) == {"a": b"1" * 1000}
    assert said(unpack, pack({"a": b"1" * 1001})) == "a has another header than archives have"
    assert unpack(pack(dict.fromkeys("abc", b"1"))) == dict.fromkeys("abc", b"1")
    monkeypatch.setattr(archive_format, "MAX_BYTES", 999)
    assert said(unpack, content) == "more than 999 bytes in the archive"
    monkeypatch.setattr(archive_format, "MAX_FILES", 2)
    assert said(unpack, pack({"a": b"", "b": b"", "c": b""})) == "more than 2 files in the archive"


def test_headers_padding_and_end_have_their_bound(monkeypatch):
    """Uncompressed there may be two blocks for each file and two records more than there are bytes, and no byte more."""
    monkeypatch.setattr(archive_format, "MAX_FILES", 20)
    monkeypatch.setattr(archive_format, "MAX_BYTES", 100)
    most = 100 + 2 * 20 * BLOCK + 2 * 10_240
    assert said_of(bytes(most)) == ANOTHER_WAY
    assert said_of(bytes(most + 1)) == "the archive holds more than archives do"


def test_whatever_is_in_bounds_is_read(monkeypatch):
    """As many files as may be, each with the most padding there is: what is packed is still read."""
    monkeypatch.setattr(archive_format, "MAX_FILES", 20)
    monkeypatch.setattr(archive_format, "MAX_BYTES", 20)
    files = {f"f{number}": b"1" for number in range(20)}
    assert unpack(pack(files)) == files


def test_a_bomb_is_never_held(monkeypatch):
    """Of a small archive of very much only as much is uncompressed as shows that it is too much."""
    monkeypatch.setattr(archive_format, "MAX_FILES", 20)
    monkeypatch.setattr(archive_format, "MAX_BYTES", 100)
    bomb = gzip.compress(bytes(16 << 20), 1)
    tracemalloc.start()
    try:
        assert said(unpack, bomb) == "the archive holds more than archives do"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
