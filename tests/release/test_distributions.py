"""What is released: wheel and sdist hold what they must and nothing else, can be built again, and work alone.

`PAYGATE_DIST` names a folder with the two files that are to be checked; without it both are built from this tree.
"""

from __future__ import annotations

import email
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from pytest_paygate.version import __version__

ROOT = Path(__file__).parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Any moment will do, as long as both builds have the same.
EPOCH = "1767225600"


def built(kind: str, source: Path, folder: Path, *, epoch: str = EPOCH) -> Path:
    """Build a wheel or an sdist of a source tree."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", folder, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return found


def tracked() -> set[str]:
    """The files of the checkout that git knows, as long as they are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel to check."""
    if folder := os.environ.get("PAYGATE_DIST"):
        (found,) = Path(folder).glob(f"*-{__version__}-*.whl")
        return found
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The sdist to check."""
    if folder := os.environ.get("PAYGATE_DIST"):
        (found,) = Path(folder).glob(f"*-{__version__}.tar.gz")
        return found
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory) -> Path:
    """The source tree that the sdist holds."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


def test_the_wheel_holds_the_package_and_the_suites_and_nothing_else(wheel):
    """Every tracked file of `src` and `suites` is in the wheel; tests, bytecode and strays are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {name.removeprefix("src/") for name in tracked() if name.startswith("src/")}
    expected |= {f"pytest_paygate/{name}" for name in tracked() if name.startswith("suites/")}
    assert names == expected
    needed = {"py.typed", "renderers/templates/report.html", "suites/e2e/gate.toml", "suites/e2e/RUNBOOK.md"}
    assert {f"pytest_paygate/{name}" for name in needed} <= names
    assert not any(re.search(r"(^|/)tests?/|__pycache__|\.py[co]$", name) for name in names)


def test_the_wheel_says_what_it_is(wheel):
    """Name, version, Python, licence, dependencies, extras, entry points and long description stand in the metadata."""
    with zipfile.ZipFile(wheel) as archive:
        inner = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = email.message_from_bytes(archive.read(inner["METADATA"]))
        entry_points = archive.read(inner["entry_points.txt"]).decode()
        licence = archive.read(inner["licenses/LICENSE"]).decode()
    assert (metadata["Name"], metadata["Version"]) == ("pytest-paygate", __version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert licence.startswith("MIT License")
    assert set(metadata.get_all("Provides-Extra")) == set(PYPROJECT["project"]["optional-dependencies"])
    required = {
        re.split(r"[\s;\[<>=]", text)[0] for text in metadata.get_all("Requires-Dist") if "extra ==" not in text
    }
    assert required == {re.split(r"[\[<>=]", text)[0] for text in PYPROJECT["project"]["dependencies"]}
    assert {"Framework :: Pytest", "Typing :: Typed"} <= set(metadata.get_all("Classifier"))
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# pytest-paygate" in metadata.get_payload()
    assert "paygate = pytest_paygate.plugin" in entry_points
    assert "paygate = pytest_paygate.cli:main" in entry_points


def test_no_archive_tells_of_the_machine_it_was_made_on(wheel, sdist):
    """No owner, no odd right, no link: every entry is a plain file of the same moment."""
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert {(one.uid, one.gid, one.uname, one.gname) for one in members} == {(0, 0, "", "")}
    assert len({one.mtime for one in members}) == 1
    assert all(one.isfile() and one.mode & 0o7022 == 0 for one in members)
    with zipfile.ZipFile(wheel) as archive:
        assert len({one.date_time for one in archive.infolist()}) == 1


def test_the_sdist_holds_the_sources_and_their_tests(unpacked):
    """Sources, suites, tests, documents, locks and workflows are there as git has them; nothing built is."""
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()} - {"PKG-INFO"}
    assert held <= tracked(), held - tracked()
    for folder in ("src", "suites", "tests", "docs", "benchmarks", "release", ".github"):
        assert {name for name in tracked() if name.startswith(f"{folder}/")} <= held, folder
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "noxfile.py",
        "requirements.lock",
    } <= held


def test_the_sdist_builds_the_same_wheel(unpacked, tmp_path):
    """The wheel built from the sdist is byte by byte the one built from the checkout."""
    one = built("wheel", unpacked, tmp_path / "from-sdist")
    other = built("wheel", ROOT, tmp_path / "from-checkout")
    assert sha256(one) == sha256(other)


def test_building_twice_gives_the_same_bytes(tmp_path):
    """The same tree and the same moment give the same sdist; another moment gives another."""
    first, second, later = (
        sha256(built("sdist", ROOT, tmp_path / name, epoch=epoch))
        for name, epoch in (("first", EPOCH), ("second", EPOCH), ("later", "1767312000"))
    )
    assert first == second != later


def sha256(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def installation(wheel, tmp_path_factory) -> Path:
    """A fresh virtual environment with the wheel in it; what it depends on is taken from this environment."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    here = Path(pytest.__file__).parent.parent
    borrowed = [path for path in here.iterdir() if not re.match(r"_?_?(editable|pytest_paygate)", path.name)]
    for path in borrowed:
        (site / path.name).symlink_to(path)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel],
        check=True,
        capture_output=True,
    )
    return folder


def run_in(installation: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run something of the fresh environment in an empty folder, with nothing of this one on its path."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return subprocess.run(
        [installation / "bin" / "python", *command], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


def test_the_installed_wheel_collects_its_gates(installation, tmp_path):
    """In a fresh environment and an empty folder, the suites of the wheel are collected, and nothing else is used."""
    done = run_in(
        installation, tmp_path, "-m", "pytest", "--pyargs", "pytest_paygate.suites.e2e", "--collect-only", "-q"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"::test_\w+$", done.stdout, re.MULTILINE)) == 19
    where = run_in(installation, tmp_path, "-c", "import pytest_paygate; print(pytest_paygate.__file__)").stdout
    assert PurePosixPath(where.strip()).is_relative_to(installation)


def test_the_installed_command_works(installation, tmp_path):
    """`paygate` of the wheel tells its version and every command."""
    done = run_in(installation, tmp_path, "-m", "pytest_paygate.cli", "--version")
    assert done.stdout.strip() == f"paygate, version {__version__}"
    assert "sandbox" in run_in(installation, tmp_path, "-m", "pytest_paygate.cli", "--help").stdout
