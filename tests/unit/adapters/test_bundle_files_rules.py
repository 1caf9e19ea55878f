"""A bundle's files in memory: which there are, and where reading stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import bundle_files
from pytest_paygate.adapters.archive_format import pack
from pytest_paygate.adapters.bundle_files import read_bundle, read_folder
from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"a.txt": b"one\n", "b/c.txt": b"", "b/d/e.txt": b"two\n", "f.txt": b"three\n"}
SPARSE_BYTES = 1 << 40


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files, and a folder in which there is nothing."""
    (folder / "empty").mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def said(folder: Path) -> str:
    """What a refusal says."""
    with pytest.raises(BundleError) as refused:
        read_bundle(folder)
    return str(refused.value)


def test_every_file_is_read_by_its_name_inside(tmp_path):
    """Files of every depth are there under their name inside of the folder; folders are none."""
    run = folder_of(tmp_path / "run", FILES)
    assert read_folder(run) == FILES
    assert list(read_folder(run)) == sorted(FILES)


def test_a_folder_and_its_archive_are_the_same_bundle(tmp_path):
    """A folder is read as one, anything else as an archive."""
    (tmp_path / "run.tar.gz").write_bytes(pack(FILES))
    assert read_bundle(tmp_path / "run.tar.gz") == FILES
    assert read_bundle(folder_of(tmp_path / "run", FILES)) == FILES
    (tmp_path / "run.tar.gz").write_bytes(b"no archive")
    assert said(tmp_path / "run.tar.gz") == "the archive is not gzip"


@pytest.mark.parametrize("target", ["a.txt", "b", "nowhere"])
def test_a_link_is_refused_and_never_followed(tmp_path, target):
    """A link is named and refused, wherever it leads: to a file, a folder or nothing."""
    run = folder_of(tmp_path / "run", FILES)
    (run / "b" / "link").symlink_to(run / target)
    assert said(run) == "b/link is not a regular file"


def test_as_many_files_as_may_be(tmp_path, monkeypatch):
    """The greatest number of files is read, one more refused."""
    run = folder_of(tmp_path / "run", FILES)
    monkeypatch.setattr(bundle_files, "MAX_FILES", 4)
    assert read_bundle(run) == FILES
    monkeypatch.setattr(bundle_files, "MAX_FILES", 3)
    assert said(run) == "more than 3 files"


def test_as_many_bytes_as_may_be(tmp_path, monkeypatch):
    """All files together may have the greatest number of bytes, and not one more, however they share them."""
    run = folder_of(tmp_path / "run", {"a": b"1" * 5, "b": b"2" * 3, "c": b"3" * 4})
    monkeypatch.setattr(bundle_files, "MAX_BYTES", 12)
    assert sum(map(len, read_bundle(run).values())) == 12
    monkeypatch.setattr(bundle_files, "MAX_BYTES", 11)
    assert said(run) == "more than 11 bytes"


def test_an_archive_may_have_as_many_bytes(tmp_path, monkeypatch):
    """The file of an archive is held to the same number of bytes before it is looked into."""
    archive = tmp_path / "run.tar.gz"
    archive.write_bytes(pack(FILES))
    monkeypatch.setattr(bundle_files, "MAX_BYTES", archive.stat().st_size)
    assert read_bundle(archive) == FILES
    monkeypatch.setattr(bundle_files, "MAX_BYTES", archive.stat().st_size - 1)
    assert said(archive) == f"more than {archive.stat().st_size - 1} bytes"


def test_what_is_too_large_is_never_held(tmp_path):
    """A file of a tebibyte is refused without room being made for it."""
    run = folder_of(tmp_path / "run", {})
    with (run / "large").open("wb") as file:
        file.truncate(SPARSE_BYTES)
    assert said(run) == f"more than {64 << 20} bytes"
