"""Allure as a host: each row with labels, steps and attachments from our record, and no status that ours is not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_quarantine import run_with_reporters

if TYPE_CHECKING:
    from tests.plugin.project import Project


def results(project: Project) -> dict[str, dict]:
    """Allure's results by the row they are about."""
    found = [json.loads(path.read_text()) for path in (project.path / "out" / "allure").glob("*-result.json")]
    return {labels(result).get("as_id", ["none"])[0].removeprefix("demo."): result for result in found}


def labels(result: dict) -> dict[str, list[str]]:
    """A result's labels."""
    told: dict[str, list[str]] = {}
    for label in result["labels"]:
        told.setdefault(label["name"], []).append(label["value"])
    return told


def properties(project: Project) -> dict[str, str]:
    """`environment.properties`, read as Java reads it."""
    text = (project.path / "out" / "allure" / "environment.properties").read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [line.partition("=") for line in lines]
    escape = re.compile(r"\\(?:u([0-9a-f]{4})|(.))")
    return {
        key: escape.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], value)
        for key, _, value in pairs
    }


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "workers"])
def test_each_row_stands_there_with_its_record(project: Project, arguments: tuple[str, ...]) -> None:
    """Title, epic, feature, story, severity, a stable id, steps in the log's words, record and log attached."""
    assert run_with_reporters(project, *arguments).ret == 0
    found = results(project)
    assert set(found) == {"ready", "order", "payment", "refund"}
    payment = found["payment"]
    told = labels(payment)
    assert payment["name"] == "2 · Payment captured"
    assert payment["status"] == "passed"
    assert told["epic"] == ["payment gate"]
    assert told["feature"] == ["demo (staging)"]
    assert told["story"] == ["2 payment"]
    assert told["severity"] == ["blocker"]
    assert labels(found["ready"])["severity"] == ["critical"]
    assert labels(found["refund"])["severity"] == ["normal"]
    assert [step["name"] for step in payment["steps"]] == ["row begins", "fact paid = EUR 19.99"]
    attached = {one["name"]: project.path / "out" / "allure" / one["source"] for one in payment["attachments"]}
    record = json.loads(attached["row record"].read_text())
    assert record["facts"] == {"paid": "EUR 19.99"}
    assert record["status"] == "PASS"
    assert record["run_id"] == project.folders()[0].name
    assert "fact paid = EUR 19.99" in attached["session log of the row"].read_text()


def test_a_pass_without_evidence_is_none_here_either(project: Project) -> None:
    """INCONCLUSIVE is broken, BLOCKED and PENDING are skipped, each with its reason."""
    project.change("test_demo.py", "def test_ready(facts: Facts)", "def test_ready(facts: Facts, run)")
    project.body("order", "pass")
    run_with_reporters(project)
    found = results(project)
    assert found["order"]["status"] == "broken"
    assert found["order"]["statusDetails"]["message"] == "INCONCLUSIVE — passed without recording order_id"
    assert found["payment"]["status"] == "skipped"
    assert found["payment"]["statusDetails"]["message"].startswith("BLOCKED — ")


def test_a_row_that_waits_is_skipped_with_its_reason(project: Project) -> None:
    """A PENDING row says what it waits for."""
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, run)")
    project.body("refund", 'run.pending("no sign-off", expected="a name", observed="none", next_step="Ask.")')
    run_with_reporters(project)
    refund = results(project)["refund"]
    assert refund["status"] == "skipped"
    assert refund["statusDetails"] == {"message": "PENDING — no sign-off", "trace": "expected  a name\nobserved  none"}


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_session_s_context_is_written_once(project: Project, arguments: tuple[str, ...]) -> None:
    """environment.properties tells run, verdict, environment and target of this session; categories sort our words."""
    run_with_reporters(project, *arguments)
    told = properties(project)
    assert told["demo.verdict"] == "PASS"
    assert told["demo.environment"] == "demo (staging)"
    assert told["demo.host"] == "127.0.0.1:9"
    assert told["demo.run"] == project.folders()[0].name
    categories = json.loads((project.path / "out" / "allure" / "categories.json").read_text())
    assert categories[0]["name"] == "Row failed"
    run_with_reporters(project, *arguments)
    assert properties(project)["demo.run"] == project.folders()[1].name


def test_a_user_s_own_context_stays(project: Project) -> None:
    """What a project has put into the results folder is not written over."""
    for name in ("environment.properties", "categories.json"):
        project.write(f"out/allure/{name}", "mine")
    run_with_reporters(project)
    for name in ("environment.properties", "categories.json"):
        assert (project.path / "out" / "allure" / name).read_text() == "mine"


def test_other_tests_are_allure_s_own(project: Project) -> None:
    """A test of no gate is published as Allure would without us."""
    project.write("test_other.py", "def test_other():\n    pass\n")
    run_with_reporters(project, ".")
    other = results(project)["none"]
    assert other["name"] == "test_other"
    assert "epic" not in labels(other)
