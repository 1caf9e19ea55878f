"""The `logs` and `proofs` fixtures on the sandbox: independent witnesses, and what they do to a verdict."""

from __future__ import annotations

import pytest

from tests.gate_runs import INI, run_gate

GATE = """
[gate]
id = "witness"
title = "Witnesses"
trace_prefix = "WITNESS"
[facts]
quiet_entries = "integer"
entries = "integer"
[[preflight]]
id = "quiet"
title = "The trace is unknown to the log"
records = ["quiet_entries"]
observed = "{quiet_entries}"
[[rows]]
id = "login"
title = "Login leaves its trace"
records = ["entries"]
observed = "{entries}"
[[criteria]]
id = "all"
title = "All"
owner = "me"
whole_walkthrough = true
"""
ROWS = """
import pytest

@pytest.mark.preflight
@pytest.mark.row("quiet")
async def test_quiet(logs, trace_id, facts):
    facts["quiet_entries"] = len(await logs.entries(trace_id))
    assert facts["quiet_entries"] == 0

@pytest.mark.row("login")
async def test_login(api, run, logs, proofs, trace_id, facts):
    credentials = {"email": run.value("buyer_email"), "password": run.secret("buyer_password")}
    answer = await api.post("/auth/login", json=credentials)
    proofs.record("http", source="target", holds=answer.trace_echo == trace_id)
    entries = await logs.entries(trace_id)
    proofs.record("log", source="application log", holds=HOLDS)
    facts["entries"] = len(entries)
    assert proofs.tally() == TALLY
"""


def project(folder, holds, tally):
    """A gate of two rows that asks two witnesses."""
    gate = folder / "witness"
    gate.mkdir()
    (folder / "pytest.ini").write_text(INI)
    (gate / "gate.toml").write_text(GATE)
    (gate / "test_witness.py").write_text(ROWS.replace("HOLDS", holds).replace("TALLY", repr(tally)))


@pytest.mark.parametrize(
    ("holds", "tally", "verdict", "code"),
    [
        ("bool(entries)", "2 of 2", "PASS", 0),
        ("None", "1 of 2", "CONDITIONAL", 21),
        ("False", "1 of 2", "FAIL", 1),
    ],
    ids=["holds", "missing", "contradicts"],
)
def test_witnesses_decide_the_verdict(tmp_path, holds, tally, verdict, code):
    """Two proofs that hold pass; a missing one is CONDITIONAL; a contradicting one is FAIL."""
    project(tmp_path, holds, tally)

    result = run_gate(tmp_path, "witness")

    assert (result.evidence["verdict"], result.exit_code) == (verdict, code), result.output
    assert [proof["name"] for proof in result.evidence["proofs"]] == ["http", "log"]
