"""Archives on disk: put in place once, whole, with a line in the index; and what stops it."""

from __future__ import annotations

import fcntl
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.archive_file import Archived, store
from pytest_paygate.adapters.archive_format import pack
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.strict import canonical, sha256
from tests.golden.scenes import RUN_ID
from tests.unit.core.bundles import SEALED, SHORT, carried_on, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.bundle import Believed

AT = datetime(2026, 11, 21, 9, 15, 30, 250_000, tzinfo=UTC)
KEPT = "2027-11-21T09:15:30Z"
GATE = SHORT.gate.id
NAME = f"archive/{GATE}/{RUN_ID}.tar.gz"
AGAIN = sealed(carried_on(SEALED, SHORT), 1)
FIRST, SECOND = believe(SEALED), believe(AGAIN)
MONEY = "Archiving moves no money; the run itself stands where it was."
NEXT = "Leave what is there as it is; an archive is never overwritten."


def stored(root: Path, bundle: Believed = FIRST, at: datetime = AT) -> Archived:
    """Archive one of the two bundles."""
    return store(root, SEALED if bundle is FIRST else AGAIN, bundle, at)


def line(files: dict[str, bytes], name: str, bundle: Believed = FIRST) -> bytes:
    """What the index says of an archive."""
    return canonical(
        {
            "archive": name,
            "archived_at": "2026-11-21T09:15:30Z",
            "environment": "prod",
            "gate": GATE,
            "keep_until": KEPT,
            "mode": "live",
            "run_id": RUN_ID,
            "seal": bundle.seal,
            "sha256": sha256(pack(files)),
            "verdict": bundle.verdict.value,
        }
    )


def refused(root: Path, files: dict[str, bytes] = SEALED) -> tuple[str, ...]:
    """What a refusal says: refused, expected, observed; money and next step are the same each time."""
    with pytest.raises(JournalError) as error:
        store(root, files, FIRST, AT)
    said = error.value.refusal
    assert (said.money, said.next_step) == (MONEY, NEXT)
    return (said.refused, said.expected, said.observed)


def there(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_archive_and_its_line(tmp_path):
    """One file with every file of the run, one line with what is in it and until when it is kept, and nothing else."""
    assert stored(tmp_path) == Archived(tmp_path / NAME, sha256(pack(SEALED)), KEPT)
    assert there(tmp_path) == {NAME: pack(SEALED), "archive/index.jsonl": line(SEALED, NAME) + b"\n"}


def test_each_seal_has_an_archive(tmp_path):
    """A run that was carried on is archived again under the number of its seal; lines are only added."""
    stored(tmp_path)
    name = f"archive/{GATE}/{RUN_ID}-1.tar.gz"
    assert stored(tmp_path, SECOND) == Archived(tmp_path / name, sha256(pack(AGAIN)), KEPT)
    assert there(tmp_path) == {
        NAME: pack(SEALED),
        name: pack(AGAIN),
        "archive/index.jsonl": line(SEALED, NAME) + b"\n" + line(AGAIN, name, SECOND) + b"\n",
    }


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2027, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), "2028-02-28T23:59:59Z"),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), "2029-03-01T12:00:00Z"),
    ],
)
def test_an_archive_is_kept_for_a_year(tmp_path, at, until):
    """The same day of the next year, 1 March where there is none."""
    assert stored(tmp_path, at=at).keep_until == until


def test_an_archive_that_is_indexed_is_refused(tmp_path):
    """A second time nothing is written, whatever became of the file."""
    stored(tmp_path)
    before = there(tmp_path)
    told = (f"{NAME} is archived already", "a seal that is not in the archive", "it is in the index")
    assert refused(tmp_path) == told
    assert there(tmp_path) == before
    (tmp_path / NAME).unlink()
    assert refused(tmp_path) == told
    assert not (tmp_path / NAME).exists()


def test_an_archive_whose_line_was_lost_gets_it(tmp_path):
    """The very same files may stand there, however hard they were compressed; the line tells of what stands there."""
    made = stored(tmp_path)
    (tmp_path / "archive" / "index.jsonl").unlink()
    assert stored(tmp_path) == made
    assert there(tmp_path) == {NAME: pack(SEALED), "archive/index.jsonl": line(SEALED, NAME) + b"\n"}


def test_an_archive_with_other_files_is_left_alone(tmp_path):
    """Whatever else stands under the name stays there, and no line is written of it."""
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(pack({"a": b"1"}))
    told = f"{RUN_ID}.tar.gz is there already"
    assert refused(tmp_path) == (told, "no archive of this seal yet", "one with other files")
    (tmp_path / NAME).write_bytes(b"something else")
    told = f"{RUN_ID}.tar.gz cannot be archived"
    assert refused(tmp_path) == (told, "files as a run leaves them", "the archive is not gzip")
    assert there(tmp_path) == {NAME: b"something else", "archive/index.jsonl": b""}


@pytest.mark.parametrize(
    "content",
    [
        b"{\n",
        b"[]\n",
        b"1\n",
        b'{"a":1}\n',
        b"\n",
        b"[" * 200_000 + b"\n",
        line(SEALED, "archive/e2e/other.tar.gz"),
        line(SEALED, "archive/e2e/other.tar.gz") + b"\n{",
    ],
)
def test_a_damaged_index_is_never_added_to(tmp_path, content):
    """No JSON, no object, no name, or a torn last line: no archive is put in place and the index stays as it is."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "index.jsonl").write_bytes(content)
    told = f"{RUN_ID}.tar.gz cannot be archived"
    assert refused(tmp_path) == (told, "files as a run leaves them", "the index of archives is damaged")
    assert there(tmp_path) == {"archive/index.jsonl": content}


def test_an_index_of_others_is_added_to(tmp_path):
    """Lines of other archives stay, and do not stand in the way."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "index.jsonl").write_bytes(line(AGAIN, "archive/other.tar.gz", SECOND) + b"\n")
    stored(tmp_path)
    written = (tmp_path / "archive" / "index.jsonl").read_bytes()
    assert written == line(AGAIN, "archive/other.tar.gz", SECOND) + b"\n" + line(SEALED, NAME) + b"\n"


def test_what_an_archive_does_not_hold_is_refused(tmp_path):
    """A name that is none for an archive leaves nothing behind."""
    told = f"{RUN_ID}.tar.gz cannot be archived"
    assert refused(tmp_path, {**SEALED, "a b": b""}) == (
        told,
        "files as a run leaves them",
        "'a b' is no name for an archive",
    )
    assert there(tmp_path) == {"archive/index.jsonl": b""}


def test_whatever_is_told_is_on_disk(tmp_path, monkeypatch):
    """The archive whole, then its name in the folder, then its line: each is forced to disk, in this order."""
    synced = []

    def noted(handle: int) -> None:
        status = os.fstat(handle)
        synced.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)

    monkeypatch.setattr(os, "fsync", noted)
    small = {"a": b"1"}
    store(tmp_path, small, FIRST, AT)
    assert synced == [len(pack(small)), "folder", len(line(small, NAME)) + 1]


def test_nobody_else_archives_at_the_same_time(tmp_path, monkeypatch):
    """While an archive is put in place the index is locked."""
    link = os.link

    def watched(*arguments: Path) -> None:
        index = tmp_path / "archive" / "index.jsonl"
        with index.open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        link(*arguments)

    monkeypatch.setattr(os, "link", watched)
    stored(tmp_path)
    assert (tmp_path / NAME).exists()


def test_what_appears_under_the_name_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    """An archive that somebody put there in the last moment stays; nothing half-written is left beside it."""
    link = os.link

    def late(fresh: Path, path: Path) -> None:
        path.write_bytes(b"somebody else's")
        link(fresh, path)

    monkeypatch.setattr(os, "link", late)
    assert refused(tmp_path) == (f"{RUN_ID}.tar.gz cannot be archived", "a folder with space left", "File exists")
    assert there(tmp_path) == {NAME: b"somebody else's", "archive/index.jsonl": b""}


def test_a_failure_without_a_word_is_told_by_its_kind(tmp_path, monkeypatch):
    """Where the system says nothing, the kind of error is what was observed."""

    def fails(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "link", fails)
    assert refused(tmp_path) == (f"{RUN_ID}.tar.gz cannot be archived", "a folder with space left", "TimeoutError")


def test_a_half_that_has_gone_is_no_failure(tmp_path, monkeypatch):
    """The fresh file beside the archive is cleared away; when it has gone already, that is as good."""
    monkeypatch.setattr(os, "link", os.rename)
    stored(tmp_path)
    assert (tmp_path / NAME).read_bytes() == pack(SEALED)
