"""Writes the bill of materials: everything that an installation with all extras brings along, as CycloneDX JSON.

    python release/bill_of_materials.py dist/sbom.cdx.json

cyclonedx-py describes the whole environment it runs in; what is only there for development is taken out again, by the
requirements that the installed packages themselves declare. The same environment gives the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = "pytest-paygate"


def installed_with(name: str, extras: frozenset[str], known: dict[str, frozenset[str]] | None = None) -> set[str]:
    """The canonical names of a distribution and of all it requires here.

    Args:
        name: the distribution.
        extras: the extras it is installed with.
        known: what has been looked at on the way, with the extras it was looked at with.

    Raises:
        PackageNotFoundError: when one that is required is not installed.
    """
    known = {} if known is None else known
    canonical = canonicalize_name(name)
    seen = known.get(canonical)
    if seen is not None and extras <= seen:
        return set(known)
    known[canonical] = extras | (seen or frozenset())
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        environments = [{"extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(one) for one in environments):
            installed_with(requirement.name, frozenset(requirement.extras), known)
    return set(known)


def bill() -> dict[str, Any]:
    """The bill as a document; `pytest-paygate` is its subject, with all extras."""
    project = distribution(PROJECT)
    extras = frozenset(project.metadata.get_all("Provides-Extra") or ())
    wanted = installed_with(PROJECT, extras) - {PROJECT}
    written = subprocess.run(  # noqa: S603 - our own interpreter and a fixed command
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")),
            *("--mc-type", "library", "--output-reproducible", "--no-validate"),
            *("--spec-version", "1.6", sys.executable),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    document: dict[str, Any] = json.loads(written)
    subject = document["metadata"]["component"]
    subject["version"] = project.version
    components = [one for one in document["components"] if canonicalize_name(one["name"]) in wanted]
    named = {one["bom-ref"] for one in components} | {subject["bom-ref"]}
    missing = wanted - {canonicalize_name(one["name"]) for one in components}
    if missing:
        raise LookupError(f"required and not in the bill: {', '.join(sorted(missing))}")
    document["components"] = components
    document["dependencies"] = [
        {**one, "dependsOn": sorted(set(one.get("dependsOn", ())) & named)}
        for one in document["dependencies"]
        if one["ref"] in named
    ]
    return document


if __name__ == "__main__":
    target = Path(sys.argv[1])
    made = bill()
    target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{target}: {len(made['components'])} components")
