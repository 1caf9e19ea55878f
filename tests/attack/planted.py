"""Secrets planted on purpose: in every file a real session leaves, in every encoding; the search must find each."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pytest_paygate.adapters import quarantine
from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.secret import Secret
from tests.attack import canaries
from tests.encodings import BYTES

PLANTED = {"key": canaries.CANARY, "word": canaries.PLAIN, "token": "eyJhbGciOi.J9~x/+=="}


@dataclass(slots=True)
class Figures:
    """How many were planted, in how many kinds of file, how many found where they lie; and what was found unplanted."""

    planted: int = 0
    found: int = 0
    kinds: set[str] = field(default_factory=set)
    missed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"planted_found={self.found}/{self.planted} kinds={len(self.kinds)} encodings={len(BYTES)}"


def run(size: str) -> Figures:
    """Plant every secret in every encoding in every file; at `smoke` size one secret in each."""
    figures = Figures()
    scanner = Scanner(Secret(value, name) for name, value in PLANTED.items())
    with tempfile.TemporaryDirectory() as name:
        for file in files(Path(name)):
            _file(figures, scanner, file, size)
    return figures


def files(folder: Path) -> list[Path]:
    """One file of each kind that a session with every reporter leaves, and two that a suite may add."""
    canaries.build(folder, "finalizer")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--paygate-env=demo",
            "--paygate-refund",
            "-p",
            "no:cacheprovider",
            *canaries.REPORTERS,
        ],
        cwd=folder,
        env=canaries.surroundings(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    (folder / "out" / "picture.png").write_bytes(random.Random(1).randbytes(40_000))
    (folder / "out" / "utf16.txt").write_bytes(("text " * 2_000).encode("utf-16"))
    found = [path for name in ("out", "reports") for path in sorted((folder / name).rglob("*")) if path.is_file()]
    kinds = {_kind(path): path for path in found}
    return list(kinds.values())


def _file(figures: Figures, scanner: Scanner, file: Path, size: str) -> None:
    content = file.read_bytes()
    figures.kinds.add(_kind(file))
    clean = quarantine.search(scanner, [file], file.parent)
    figures.missed += [f"nothing was planted, and yet {one}" for one in clean]
    for number, (encoding, encode) in enumerate(BYTES.items()):
        for turn, (name, value) in enumerate(PLANTED.items()):
            if size != "full" and (number + turn) % len(PLANTED):
                continue
            at = len(content) // 2
            # A number that ends where the secret begins would be read as part of an escape or of a base64 text.
            planted = b" " + encode(value) + b" "
            file.write_bytes(content[:at] + planted + content[at:])
            figures.planted += 1
            leaks = [one.leak for one in quarantine.search(scanner, [file], file.parent)]
            if [leak.secret for leak in leaks] == [name] and at < leaks[0].offset < at + len(planted):
                figures.found += 1
            else:
                figures.missed.append(f"{name} as {encoding} in {_kind(file)}: {leaks}")
    file.write_bytes(content)


def _kind(path: Path) -> str:
    if path.parent.name == "allure":
        return "allure " + (path.name.rpartition("-")[2] if path.suffix != ".txt" else "text")
    return path.name
