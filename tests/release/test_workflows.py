"""The pipelines: every action pinned to a commit, no right that is not needed, no token stored, one build released."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = [path.name for path in WORKFLOWS]
# What each job may do beyond reading the checkout, and why it must.
RIGHTS = {
    ("release.yml", "attest"): {"id-token": "write", "attestations": "write"},
    ("release.yml", "pypi"): {"id-token": "write"},
    ("release.yml", "github"): {"contents": "write"},
}


def read(path: Path) -> dict:
    """A workflow; YAML takes the key `on` for a truth value."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["on"] = document.pop(True)
    return document


def steps(path: Path):
    """Every step of a workflow, with the name of its job."""
    for name, job in read(path)["jobs"].items():
        for step in job["steps"]:
            yield name, step


def test_there_are_the_two_pipelines():
    """One checks, one releases."""
    assert NAMES == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "docs" / "how-to" / "ci.md"], ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path):
    """`uses:` names 40 hex digits and, as a comment, the version they are; one action has one pin everywhere."""
    used = re.findall(r"^\s*(?:- )?uses: *(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), f"{path.name}: {action}"
    everywhere = set(re.findall(r"uses: *(\S+@.*)$", "\n".join(one.read_text() for one in WORKFLOWS), re.MULTILINE))
    assert len({action.split("@")[0] for action in everywhere}) == len(everywhere)
    assert set(used) <= everywhere


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_rights_are_the_least_that_work(path):
    """A workflow grants nothing by itself; each job names its rights, and writes only where the table above says so."""
    document = read(path)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        assert job["permissions"] == RIGHTS.get(
            (path.name, name), {"contents": "read"} if needs_checkout(job) else {}
        ), name
        assert job["timeout-minutes"] <= 90
        assert job["runs-on"] == "ubuntu-latest"


def needs_checkout(job: dict) -> bool:
    """Whether a job reads the repository."""
    return any(step.get("uses", "").startswith("actions/checkout@") for step in job["steps"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_nothing_is_left_lying_about(path):
    """No secret is used, the checkout's credentials are dropped, and no text of an event is put into a script."""
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    for _, step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", ""), step


def test_what_is_published_is_what_was_built_and_attested():
    """A release builds once, from a tag that is checked; PyPI gets those files, with attestations, without a token."""
    document = read(ROOT / ".github" / "workflows" / "release.yml")
    jobs = document["jobs"]
    assert document["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    assert [name for name, job in jobs.items() if any("make dist" in step.get("run", "") for step in job["steps"])] == [
        "build"
    ]
    ran = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert ran.index('.venv/bin/python release/check_tag.py "$GITHUB_REF_NAME"') < ran.index("make dist sbom")
    assert set(jobs["pypi"]["needs"]) == {"build", "attest"}
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    publish = jobs["pypi"]["steps"][-1]
    assert publish["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert publish["with"] == {"attestations": True}
    attested = [step["with"] for step in jobs["attest"]["steps"] if step["uses"].startswith("actions/attest@")]
    assert [set(one["subject-path"].split()) for one in attested] == [{"dist/*.whl", "dist/*.tar.gz"}] * 2
    assert [one.get("sbom-path") for one in attested] == [None, "dist/sbom.cdx.json"]
    assert "dist/*" in jobs["github"]["steps"][-1]["run"]


def test_every_supported_python_is_tried_with_both_sets_of_dependencies():
    """Classifiers, nox and the pipeline name the same Pythons; both sets of dependencies run on each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [one.rsplit(" ", 1)[-1] for one in project["classifiers"] if re.search(r":: 3\.\d+$", one)]
    nox = loaded(ROOT / "noxfile.py")
    matrix = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["python"]["strategy"]["matrix"]
    assert declared == list(nox.PYTHONS) == matrix["python"]
    assert project["requires-python"] == f">={declared[0]}"
    assert list(nox.LOCKS) == matrix["dependencies"]
    assert all((ROOT / lock).is_file() for lock in nox.LOCKS.values())
    assert all((ROOT / path).is_dir() for path in nox.TESTS)


def loaded(path: Path):
    """A Python file that is no part of a package."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("tag", "changelog", "words"),
    [
        ("v1.2.3", "## 1.2.3 - 2026-11-21\n", []),
        (
            "v1.2.4",
            "## 1.2.3 - 2026-11-21\n",
            ["the tag is v1.2.4, the package is 1.2.3: tag v1.2.3, or change version.py first"],
        ),
        (
            "1.2.3",
            "## 1.2.3 - 2026-11-21\n",
            ["the tag is 1.2.3, the package is 1.2.3: tag v1.2.3, or change version.py first"],
        ),
        (
            "v1.2.3",
            "## Unreleased\n",
            ["CHANGELOG.md has no line '## 1.2.3 - YYYY-MM-DD': move what is unreleased below one"],
        ),
        (
            "v1.2.3",
            "## 1.2.3\n",
            ["CHANGELOG.md has no line '## 1.2.3 - YYYY-MM-DD': move what is unreleased below one"],
        ),
    ],
)
def test_a_tag_is_released_only_with_its_version_and_changelog(tag, changelog, words):
    """A tag that is not the version, or has no entry with a day, is refused."""
    assert loaded(ROOT / "release" / "check_tag.py").problems(tag, "1.2.3", changelog) == words
