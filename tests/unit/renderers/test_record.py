"""The record of a run: one schema, published, and views that say the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from pytest_paygate.core.record import json_schema
from pytest_paygate.renderers import record, session_report
from tests.golden.reports import shown
from tests.golden.scenes import SCENES

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "record.schema.json"


def recorded(name):
    """The record of a golden scene."""
    return record.record(SCENES[name]().state, shown(name))


def test_the_published_schema_is_the_code_s():
    """`docs/reference/record.schema.json` is what the models say, to the letter."""
    assert json.loads(SCHEMA.read_text()) == json_schema()


@pytest.mark.parametrize("name", SCENES)
def test_every_record_fits_the_schema(name):
    """A record is valid under the published schema, and lists every row of the gate."""
    document = json.loads(record.as_json(recorded(name)))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    gate = SCENES[name]().gate
    assert [row["id"] for row in document["rows"]] == [row.id for row in gate.all_rows()]
    assert document["approvers"] == ["bob@example.test", "cleo@example.test"]


def test_a_record_says_what_the_page_says():
    """Verdict, reasons, money and to-do of the record are those of the report."""
    document = json.loads(record.as_json(recorded("no-go")))
    view = shown("no-go")
    assert document["verdict"] == view.verdict
    assert document["reasons"] == list(view.reasons)
    assert [item["text"] for item in document["action_items"]] == [item.text for item in view.action_items]
    assert document["money_adds_up"] is True
    assert document["rows"][10]["status"] == "FAIL"
    assert document["rows"][8]["proofs"][0] == {
        "name": "purchase_http",
        "source": "target answer",
        "status": "holds",
        "detail": "one trace id",
        "claim": "purchase",
        "witness": "http",
        "at": "2026-11-20T09:14:51+00:00",
        "amount": "EUR 5.00",
        "ids": {},
        "extract_sha256": hashlib.sha256(b"purchase http").hexdigest(),
    }
    assert document["claims"] == [{"id": "purchase", "witnesses": "2 of 2"}]


def test_ctrf_never_shows_a_red_row_as_harmless():
    """In the CTRF view only a PASS is passed; a row that was blocked is `other`, not skipped."""
    document = json.loads(record.as_ctrf(recorded("no-go")))
    tests = {test["name"].split()[0]: test for test in document["results"]["tests"]}
    assert (tests["1"]["status"], tests["6"]["status"], tests["9"]["status"]) == ("passed", "failed", "other")
    assert tests["9"]["rawStatus"] == "BLOCKED"
    summary = document["results"]["summary"]
    assert summary["tests"] == 14 == sum(summary[word] for word in ("passed", "failed", "pending", "skipped", "other"))
    assert summary["stop"] - summary["start"] > 60_000
    assert document["results"]["environment"]["extra"]["verdict"] == "FAIL"


@pytest.mark.parametrize("size", [1, 3_000, 60_000])
def test_a_summary_fits_its_page(size):
    """A CI summary stays within 60 KiB whatever a run says, and keeps the verdict and every row."""
    view = shown("no-go")
    rows = tuple(replace(row, observed="x" * size, reason="r" * size) for row in view.rows)
    text = session_report.as_summary(replace(view, rows=rows), "reports/report.html")
    assert len(text.encode()) <= session_report.SUMMARY_BYTES_MAX
    assert "**FAIL** (NO-GO)" in text
    assert all(f"| {row.number} | {row.title.split()[0]}" in text.replace("\\", "") for row in rows)


def test_a_summary_beyond_all_measure_is_cut_at_a_line():
    """Even a view with endless criteria gives a page that ends with a whole line and says that it was cut."""
    view = shown("no-go")
    text = session_report.as_summary(replace(view, criteria=view.criteria * 600), "report.html")
    assert len(text.encode()) <= session_report.SUMMARY_BYTES_MAX
    assert text.endswith("The rest does not fit here; see the report.\n")
