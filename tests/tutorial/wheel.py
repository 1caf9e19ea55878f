"""The wheel of this tree, and a package index in miniature: what it needs, taken from the development environment.

Owns nothing of the package itself: that comes from the wheel alone. Its dependencies are linked, each with all its files
and none besides, so that a fresh virtual environment holds what `pip install 'pytest-paygate[sandbox]'` would bring.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent


def build(folder: Path) -> Path:
    """Build the wheel of this tree into a folder; its path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def link_dependencies(folder: Path, *extras: str) -> Path:
    """Link every distribution that the package needs into `site`, and write their commands into `bin`.

    Args:
        folder: made here.
        extras: of the package.

    Returns:
        The folder with `site` and `bin`.
    """
    site, commands = folder / "site", folder / "bin"
    for made in (site, commands):
        made.mkdir(parents=True)
    for name in sorted(_needed("pytest-paygate", frozenset(extras)) - {"pytest-paygate"}):
        found = distribution(name)
        home = Path(str(found.locate_file("")))
        tops = {path.parts[0] for path in found.files or () if path.parts[0] not in {"..", "__pycache__"}}
        for top in tops:
            if not (site / top).is_symlink() and not top.endswith(".pth"):
                (site / top).symlink_to(home / top)
        for command in found.entry_points.select(group="console_scripts"):
            script = commands / command.name
            script.write_text(
                f"#!/usr/bin/env python3\nimport sys\nfrom {command.module} import {command.attr.split('.')[0]}\n"
                f"if __name__ == '__main__':\n    sys.exit({command.attr}())\n"
            )
            script.chmod(0o755)
    return folder


def _needed(name: str, extras: frozenset[str]) -> set[str]:
    """A distribution and all that it needs, by normal names."""
    known: dict[str, set[str]] = {}
    todo = [(name, extras)]
    while todo:
        one, wanted = todo.pop()
        key = re.sub(r"[-_.]+", "-", one).lower()
        if key in known and wanted <= known[key]:
            continue
        known.setdefault(key, set()).update(wanted)
        for text in distribution(one).requires or ():
            need = Requirement(text)
            marker = need.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *known[key])):
                todo.append((need.name, frozenset(need.extras)))
    return set(known)
