"""Claims on real runs: three witnesses pass, a late log is waited for, a silent, deleted or false witness never passes."""

from __future__ import annotations

import pytest

from pytest_paygate.sandbox.postgres import PostgresServer
from tests.gate_runs import INI, copy_gate, run_gate
from tests.loki_server import loki

GATE = """
[gate]
id = "borne"
title = "Borne out"
trace_prefix = "BORNE"
[facts]
looked = "flag"
status = "word"
[[preflight]]
id = "fresh"
title = "The trace is unknown to the log"
records = ["looked"]
observed = "{looked}"
[[rows]]
id = "buy"
title = "The log bears it out"
records = ["status"]
observed = "{status}"
[[criteria]]
id = "all"
title = "All"
owner = "me"
whole_walkthrough = true
[[claims]]
id = "purchase"
needs = ["log"]
"""
ROWS = """
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

LOG = Path("a5.jsonl")

def write(trace_id, event="payment_succeeded", at=None):
    entry = {"at": (at or datetime.now(UTC)).isoformat(), "event": event, "trace_id": trace_id}
    with LOG.open("a") as file:
        file.write(json.dumps(entry) + "\\n")

@pytest.mark.preflight
@pytest.mark.row("fresh")
async def test_fresh(proofs, facts, trace_id):
    LOG.touch()
    BEFORE
    facts["looked"] = True

@pytest.mark.row("buy")
async def test_buy(proofs, facts, trace_id):
    WORLD
    status = await proofs.log("purchase", "payment_succeeded", within_seconds=SECONDS)
    facts["status"] = str(status)
"""
FRESH = "await proofs.fresh()"
SETTINGS = """
[env.staging]
mode = "staging"
base_url = "http://127.0.0.1:9"
"""
FILE_LOG = '[env.staging.log]\nkind = "file"\npath = "a5.jsonl"\n'


def borne(folder, world, *, before=FRESH, seconds=0.0, log=FILE_LOG, env=None):
    """Run a gate of two rows whose application logs into a file; `world` is what happens before its log is asked."""
    gate = folder / "borne"
    gate.mkdir()
    (folder / "pytest.ini").write_text(INI)
    (folder / "paygate.toml").write_text(SETTINGS + log)
    (gate / "gate.toml").write_text(GATE)
    rows = ROWS.replace("BEFORE", before).replace("WORLD", world).replace("SECONDS", str(seconds))
    (gate / "test_borne.py").write_text(rows)
    return run_gate(folder, "borne", "--env=staging", env=env)


def proof(result, name):
    """One proof of the record."""
    [found] = [one for one in result.evidence["proofs"] if one["name"] == name]
    return found


def test_the_log_bears_it_out(tmp_path):
    """An entry of this trace after a fresh look: PASS, with time and hash in the record."""
    result = borne(tmp_path, "write(trace_id)")
    assert result.exit_code == 0, result.output
    log = proof(result, "purchase_log")
    assert (log["status"], log["claim"], log["witness"], log["detail"]) == (
        "holds",
        "purchase",
        "log",
        "payment_succeeded",
    )
    assert len(log["extract_sha256"]) == 64
    assert log["at"]
    assert result.evidence["claims"] == [{"id": "purchase", "witnesses": "1 of 1"}]
    journal = (result.folder / "journal.jsonl").read_text()
    assert journal.count('"kind":"log_seen"') == 1


@pytest.mark.parametrize("world", ["write(trace_id)", "pass"], ids=["there", "nothing"])
def test_loki_bears_it_out(tmp_path, world):
    """A gate whose environment names Loki finds its entry there, behind a token that no file holds."""
    with loki(tmp_path / "a5.jsonl", "glc-hunter2-hunter2") as url:
        log = f"""[env.staging.log]
kind = "loki"
url = "{url}"
selector = '{{app="a5"}}'
token = "env:T_TOKEN"
"""
        result = borne(tmp_path, world, log=log, env={"T_TOKEN": "glc-hunter2-hunter2"})
    assert result.exit_code == (21 if world == "pass" else 0), result.output
    assert proof(result, "fresh")["status"] == "holds"
    assert proof(result, "purchase_log")["detail"] == (
        "no entry payment_succeeded with this trace id came within 0 s" if world == "pass" else "payment_succeeded"
    )


@pytest.mark.parametrize("trace", ["trace_id", "'BORNE-1795262400-ffffffff'"], ids=["ours", "other"])
def test_a_table_bears_it_out(tmp_path, trace):
    """A gate whose environment names a table finds its entry there, and only that of its trace."""
    ddl = "CREATE TABLE a5_log (event text, at timestamptz DEFAULT now(), trace_id text)"
    with PostgresServer.start({"a5": ddl}) as server:
        world = (
            "import psycopg; connection = psycopg.connect("  # noqa: S608 - text of a test file
            f"{server.dsn('a5')!r}); connection.execute("
            f"\"INSERT INTO a5_log VALUES ('payment_succeeded', now(), %s)\", [{trace}]); connection.commit()"
        )
        log = '[env.staging.log]\nkind = "postgres"\ndsn = "env:T_DSN"\ntable = "a5_log"\n'
        result = borne(tmp_path, world, log=log, env={"T_DSN": server.dsn("a5")})
    assert result.exit_code == (0 if trace == "trace_id" else 21), result.output
    assert "query (" in (result.folder / "session.log").read_text()


def test_a_late_log_is_waited_for(tmp_path):
    """An entry that comes while the row waits is taken; the wait is a poll like any other."""
    result = borne(tmp_path, "threading.Timer(0.7, write, (trace_id,)).start()", seconds=20.0)
    assert result.exit_code == 0, result.output
    assert "poll log_purchase reached" in (result.folder / "session.log").read_text()


@pytest.mark.parametrize(
    ("world", "why"),
    [
        ("pass", "no entry payment_succeeded with this trace id came within 0.3 s"),
        ("write('BORNE-1795262400-ffffffff')", "no entry payment_succeeded with this trace id came within 0.3 s"),
        ("write(trace_id, event='order_created')", "no entry payment_succeeded with this trace id came within 0.3 s"),
        ("write(trace_id, at=datetime(2026, 1, 1))", "its time cannot be read"),
        ("LOG.unlink()", "the log could not be read"),
    ],
    ids=["nothing", "other_trace", "other_event", "no_zone", "no_log"],
)
def test_a_silent_log_is_conditional(tmp_path, world, why):
    """No entry, one of another trace or event, one without a readable time, no log at all: CONDITIONAL, and why."""
    result = borne(tmp_path, world, seconds=0.3)
    assert (result.exit_code, result.evidence["verdict"]) == (21, "CONDITIONAL"), result.output
    assert proof(result, "purchase_log")["detail"] == why
    assert result.statuses == {"fresh": "PASS", "buy": "PASS"}


def test_an_entry_of_another_time_fails(tmp_path):
    """An entry that carries this trace and a time long before the run contradicts it."""
    result = borne(tmp_path, "write(trace_id, at=datetime(2026, 1, 1, tzinfo=UTC))")
    assert (result.exit_code, result.evidence["verdict"]) == (1, "FAIL"), result.output
    assert "is not within this run" in result.output


def test_a_known_trace_fails_its_row(tmp_path):
    """A log that knows the trace id before the purchase turns the row red, and nothing after it runs."""
    result = borne(tmp_path, "write(trace_id)", before="write(trace_id); await proofs.fresh()")
    assert result.exit_code == 1
    assert result.statuses == {"fresh": "FAIL", "buy": "BLOCKED"}
    trace = result.evidence["trace_id"]
    for line in (
        "the trace id is known to the target's log before the purchase",
        "  expected  no entry of it",
        "  observed  1",
        "  money     No money moved.",
        f"  next      Look trace id {trace} up in the target's log and start a new run.",
    ):
        assert line in result.output
    assert proof(result, "fresh")["status"] == "contradicts"


def test_a_trace_that_was_never_looked_up_is_conditional(tmp_path):
    """Without the look before the purchase, an entry may be an old one: CONDITIONAL."""
    result = borne(tmp_path, "write(trace_id)", before="pass")
    assert result.exit_code == 21
    assert "the trace id was never looked up in the log before the purchase" in result.output


def test_a_log_that_is_not_declared_is_missing_where_it_is_needed(tmp_path):
    """A gate that asks for the log in an environment that declares none is CONDITIONAL at best."""
    result = borne(tmp_path, "write(trace_id)", log="")
    assert result.exit_code == 21, result.output
    assert proof(result, "purchase_log")["detail"] == "the environment declares no log"


def test_e2e_has_three_of_three(tmp_path):
    """On the sandbox, purchase and refund are borne out by answer, log and ledger, each with time, hash and one trace."""
    copy_gate(tmp_path)
    result = run_gate(tmp_path, "suites/e2e")
    assert result.exit_code == 0, result.output
    assert result.evidence["claims"] == [
        {"id": "purchase", "witnesses": "3 of 3"},
        {"id": "refund", "witnesses": "3 of 3"},
    ]
    witnesses = [one for one in result.evidence["proofs"] if one["claim"]]
    assert {one["witness"] for one in witnesses} == {"http", "log", "ledger"}
    assert all(one["at"] and len(one["extract_sha256"]) == 64 for one in witnesses)
    assert proof(result, "refund_ledger")["ids"]["charge_id"] == proof(result, "purchase_ledger")["ids"]["charge_id"]
    page = (result.folder / "report.html").read_text()
    assert 'id="w-purchase_log"' in page
    assert proof(result, "purchase_log")["extract_sha256"] in page


def test_e2e_with_a_deleted_witness_is_never_a_pass(tmp_path):
    """A suite from which the question to the log was taken is CONDITIONAL although every row passes."""
    gate = copy_gate(tmp_path)
    rows = gate / "test_2_walkthrough.py"
    source = rows.read_text()
    [asked] = [line for line in source.splitlines() if 'proofs.log("purchase"' in line]
    rows.write_text(source.replace(asked, ""))
    result = run_gate(tmp_path, "suites/e2e")
    assert (result.exit_code, result.evidence["verdict"]) == (21, "CONDITIONAL"), result.output
    assert set(result.statuses.values()) == {"PASS"}
    assert "claim purchase has no witness of kind log: none was recorded" in result.output
    assert result.evidence["claims"][0] == {"id": "purchase", "witnesses": "2 of 3"}


def test_e2e_looks_for_the_trace_before_the_purchase_only(tmp_path):
    """Whether the trace id is fresh is not asked once the purchase was sent: such a look is refused, and its row red."""
    gate = copy_gate(tmp_path)
    rows = gate / "test_2_walkthrough.py"
    asks = "    seconds = float(run.thresholds["
    rows.write_text(rows.read_text().replace(asks, f"    await proofs.fresh()\n{asks}", 1))
    result = run_gate(tmp_path, "suites/e2e")
    assert result.red_rows() == ["pay"], result.output
    assert "the trace id is looked up too late" in result.output


def test_e2e_names_a_contradicting_amount(tmp_path):
    """A ledger that holds another amount than the plan contradicts, in words, besides its red row."""
    copy_gate(tmp_path)
    result = run_gate(tmp_path, "suites/e2e", "--paygate-fault=charge_amount_short")
    assert result.evidence["verdict"] == "FAIL"
    ledger = proof(result, "purchase_ledger")
    assert ledger["status"] == "contradicts"
    assert ledger["detail"] == ("it says EUR 4.99, expected is EUR 5.00; it says EUR 4.99, purchase_http says EUR 5.00")
