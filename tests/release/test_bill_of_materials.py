"""The bill of materials: everything an installation brings along, nothing that is only for development."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bill(tmp_path_factory) -> dict:
    """The bill, as `make sbom` writes it."""
    target = tmp_path_factory.mktemp("bill") / "sbom.cdx.json"
    subprocess.run([sys.executable, ROOT / "release" / "bill_of_materials.py", target], check=True, capture_output=True)
    return json.loads(target.read_text(encoding="utf-8"))


def canonical(requirement: str) -> str:
    """The name in a requirement, as PyPI spells it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s;\[<>=]", requirement)[0]).lower()


def test_every_runtime_dependency_is_listed_with_version_and_licence(bill):
    """Each dependency of the project and of its extras is there, in the locked version, with an address and a licence."""
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    listed = {canonical(one["name"]): one for one in bill["components"]}
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {canonical(text) for text in wanted} <= set(listed)
    for name, one in listed.items():
        assert one["version"] == locked[name], name
        assert one["purl"].startswith(f"pkg:pypi/{name}@"), name
        assert one.get("licenses"), name


def test_what_dependencies_bring_along_is_listed_too(bill):
    """Each listed component's own requirements are listed, and the project leads to every one."""
    below = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    references = {one["bom-ref"] for one in bill["components"]}
    assert set().union(*below.values()) <= references
    reached, waiting = set(), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        for reference in below.get(waiting.pop(), set()) - reached:
            reached.add(reference)
            waiting.append(reference)
    assert reached == references


def test_development_is_left_out(bill):
    """Nothing of the development groups is listed unless the project itself needs it."""
    names = {canonical(one["name"]) for one in bill["components"]}
    assert not names & {"ruff", "mypy", "sphinx", "hypothesis", "nox", "pytest-xdist", "coverage", "cyclonedx-bom"}


def test_it_is_of_this_project_and_valid(bill):
    """The bill names project and version, and is CycloneDX as its own schema has it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    from pytest_paygate.version import __version__

    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("pytest-paygate", __version__)
    assert bill["bomFormat"] == "CycloneDX"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
