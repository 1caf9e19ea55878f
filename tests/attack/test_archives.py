"""Archives: a sealed run as one file, written once, believed as it is, and in no other form."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pytest_paygate.adapters import archive_format
from pytest_paygate.adapters.archive_file import store
from pytest_paygate.adapters.archive_format import pack, unpack
from pytest_paygate.adapters.bundle_files import read_bundle, read_folder
from pytest_paygate.cli import paygate
from pytest_paygate.cli.verify import INVALID, VALID, examine
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.strict import BundleError, sha256
from tests.attack.archives import attacked, tar_of
from tests.attack.keys import sealed_again

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(sealed, tmp_path) -> Path:
    """A sealed run in a reports folder of its own."""
    return sealed_again(sealed, tmp_path / "reports")


def archive(run: Path) -> tuple[int, str]:
    """`paygate archive`; its exit code and what it said."""
    done = CliRunner().invoke(paygate, ["archive", str(run), "--reports", str(run.parent.parent)])
    return done.exit_code, done.output


def index(run: Path) -> list[dict[str, str]]:
    """The lines of the index."""
    path = run.parent.parent / "archive" / "index.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_archive_is_the_run(run):
    """An archived run verifies like its folder, any tar unpacks it, and the index says what and until when."""
    code, said = archive(run)
    assert code == 0, said
    path = run.parent.parent / "archive" / "e2e" / f"{run.name}.tar.gz"
    assert read_bundle(path) == read_folder(run)
    assert examine(path, None) == examine(run, None)
    assert examine(path, None)[0] == VALID
    with tarfile.open(path) as opened:
        assert sorted(opened.getnames()) == sorted(read_folder(run))
    (line,) = index(run)
    assert set(line) == {
        *("archive", "archived_at", "environment", "gate", "keep_until", "mode", "run_id", "seal", "sha256", "verdict")
    }
    assert (line["sha256"], line["seal"]) == (sha256(path.read_bytes()), believe(read_folder(run)).seal)
    assert (line["verdict"], line["mode"], line["archive"]) == ("PASS", "sandbox", f"archive/e2e/{run.name}.tar.gz")
    kept = datetime.fromisoformat(line["keep_until"]) - datetime.fromisoformat(line["archived_at"])
    assert kept.days in {365, 366}
    assert run.is_dir()


def test_the_same_files_give_the_same_bytes(run):
    """An archive has no time, no owner and no order of its own."""
    files = read_folder(run)
    turned = dict(reversed(files.items()))
    assert pack(files) == pack(turned)
    assert unpack(pack(files)) == files


def test_an_archive_is_never_overwritten(run):
    """A second time is refused, and so is a name that something else holds; what is there stays as it is."""
    archive(run)
    path = run.parent.parent / "archive" / "e2e" / f"{run.name}.tar.gz"
    before = path.read_bytes()
    code, said = archive(run)
    assert code == 2
    assert "is archived already" in said
    (run.parent.parent / "archive" / "index.jsonl").write_bytes(b"")
    path.write_bytes(b"something else")
    assert archive(run)[0] == 2
    assert path.read_bytes() == b"something else"
    path.write_bytes(before)
    assert archive(run)[0] == 0
    assert path.read_bytes() == before
    assert len(index(run)) == 1


def test_a_damaged_index_is_a_refusal(run):
    """An index that somebody changed is not written to, and no archive is made."""
    archive(run)
    path = run.parent.parent / "archive" / "index.jsonl"
    path.write_bytes(b"{\n")
    code, said = archive(run)
    assert code == 2
    assert "the index of archives is damaged" in said
    assert path.read_bytes() == b"{\n"


@pytest.mark.parametrize("change", ["unsealed", "changed"])
def test_what_cannot_be_believed_is_not_archived(run, change):
    """An unsealed run and a changed one are refused, and nothing is written."""
    if change == "unsealed":
        (run / "attestation.json").unlink()
    else:
        (run / "report.md").write_bytes(b"all is well")
    code, said = archive(run)
    assert code == 2
    assert "is not archived" in said
    assert not (run.parent.parent / "archive").exists()


def test_a_leap_day_has_a_year_too(run):
    """What is archived on 29 February is kept until 1 March."""
    files = read_folder(run)
    kept = store(run.parent.parent, files, believe(files), datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert kept.keep_until == "2029-03-01T12:00:00Z"


def test_a_full_disk_leaves_nothing_behind(run, monkeypatch):
    """An archive that could not be written is not there, neither whole nor in part."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", full)
    files = read_folder(run)
    with pytest.raises(JournalError, match="cannot be archived"):
        store(run.parent.parent, files, believe(files), datetime.now(UTC))
    assert list((run.parent.parent / "archive" / "e2e").iterdir()) == []
    assert index(run) == []


def test_no_attacked_archive_is_believed(run, tmp_path):
    """Links, duplicates, names that lead elsewhere, odd headers, trailing bytes: invalid, each of them."""
    path = tmp_path / "attacked.tar.gz"
    accepted = []
    attacks = dict(attacked(read_folder(run)))
    for what, content in attacks.items():
        path.write_bytes(content)
        if examine(path, None)[0] != INVALID:
            accepted.append(what)
    assert accepted == []
    assert len(attacks) >= 30


def test_no_flipped_bit_of_an_archive_changes_a_file(run):
    """A bit that flips is refused, or was one of the few in which gzip keeps what is no part of any file."""
    files = read_folder(run)
    tar = tar_of(files)
    chosen = random.Random(8).sample(range(len(tar) * 8), 1_500)
    for bit in chosen:
        changed = bytearray(tar)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = unpack(gzip.compress(bytes(changed), 1))
        except BundleError:
            continue
        with pytest.raises(BundleError):
            believe(found)
    content = pack(files)
    for bit in random.Random(9).sample(range(len(content) * 8), 1_500):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert unpack(bytes(changed)) == files
        except BundleError:
            continue


def test_a_bomb_is_refused_before_it_unfolds(tmp_path, monkeypatch):
    """A small archive of very much is refused by size or by number, without being held in memory."""
    monkeypatch.setattr(archive_format, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(archive_format, "MAX_FILES", 50)
    for what in (
        gzip.compress(bytes(64 << 20)),
        gzip.compress(tar_of({"big": bytes(2 << 20)})),
        gzip.compress(tar_of({f"f{number:03}": b"" for number in range(51)})),
    ):
        with pytest.raises(BundleError, match="more than"):
            unpack(what)


def test_a_folder_with_a_link_is_not_believed(run, tmp_path):
    """A link in a run's folder is refused, even one to the very same bytes."""
    shutil.copy(run / "report.md", tmp_path / "report.md")
    (run / "report.md").unlink()
    (run / "report.md").symlink_to(tmp_path / "report.md")
    code, lines = examine(run, None)
    assert (code, lines[0]) == (INVALID, "INVALID: report.md is not a regular file")


def test_the_form_does_not_change():
    """What was archived by an earlier version can still be read: the bytes of a small archive are these."""
    content = pack({"a.txt": b"hello\n", "b/c.txt": b""})
    assert sha256(gzip.decompress(content)) == "3ca8cd769bcf09500c9e59d45aa4b4bbeaac6477c99a450233fe9718a9187956"
    buffer = io.BytesIO(content)
    with tarfile.open(fileobj=buffer) as opened:
        assert opened.getnames() == ["a.txt", "b/c.txt"]
