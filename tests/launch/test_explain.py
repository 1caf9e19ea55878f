"""`paygate explain RUN ROW`: why a row has its status, what is missing, what to do next."""

from __future__ import annotations

import pytest

from tests.golden.scenes import (
    RUN_ID,
    SOURCE,
    attributed,
    begun,
    bought,
    ended,
    go,
    no_go,
    preflight,
    refunding,
    settled,
)
from tests.launch.folders import later


def test_a_failed_row_is_explained(reports):
    """Expected, observed, the criteria it counts in, the next step and the log, for a row that failed."""
    reports.add(no_go())
    code, output = reports.run("explain", RUN_ID, "6")
    assert code == 0
    lines = output.splitlines()
    assert lines[0] == "6 licence — Licence attribution (GET /licenses/mine): FAIL"
    assert "  because   the number of licences of this order is not as expected" in lines
    assert "  expected  1" in lines
    assert "  missing   licence_id, licence_type, licence_rights" in lines
    assert "  counts in licence_attributed (engineering)" in lines
    assert any(line.startswith("  next      Read what was observed, mend its cause") for line in lines)


def test_a_blocked_row_names_what_it_waited_for(reports):
    """A row that was held back names the row it needed, and that row's status."""
    reports.add(no_go())
    output = reports.run("explain", RUN_ID, "reversal")[1]
    assert "  needs     6 (licence), which is FAIL" in output
    assert "  next      Mend the row that it waited for; this one never ran." in output


def test_the_row_s_own_witnesses_are_named(reports):
    """A row's proofs are told with their sources; those of other rows are not."""
    reports.add(go())
    output = reports.run("explain", RUN_ID, "pay")[1]
    assert "  proof     purchase_http (target answer) holds: one trace id" in output
    assert "proof" not in reports.run("explain", RUN_ID, "order")[1].partition("  log")[0]


def test_a_waived_row_says_who_answers_for_it(reports):
    """A row that is let through is told as WAIVED, with what it was."""
    source = SOURCE + b'\n[[waivers]]\nrow = "licence"\nowner = "cto"\nreason = "known"\nuntil = 2026-12-01\n'
    scene = bought(preflight(begun(no_go().mode, source)))
    scene = ended(settled(refunding(attributed(scene, licence=False))))
    reports.add(scene)
    output = reports.run("explain", RUN_ID, "licence")[1]
    assert output.splitlines()[0].endswith(": WAIVED")
    assert "  waiver    was FAIL, waived by cto until 2026-12-01: known" in output


def test_a_damaged_run_is_explained_as_far_as_it_goes(reports):
    """Of a damaged journal, what stands before the damage is explained, and the damage is named first."""
    folder = reports.lay(go())
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"licence_type", b"licence_typo", 1))
    output = reports.run("explain", RUN_ID, "login")[1]
    assert "  damaged   " in output


@pytest.mark.parametrize("row", ["lisence", "10", "P9", ""])
def test_an_unknown_row_is_refused_by_name(reports, row):
    """An id or number that the gate does not have is refused, with the nearest it has."""
    reports.add(go(), later(1))
    code, output = reports.run("explain", later(1), row)
    assert code == 2
    assert f"row {row!r}: is not in the gate" in output
    assert row != "lisence" or "Did you mean 'licence'?" in output


def test_a_gate_s_id_means_its_newest_run(reports):
    """Whoever reads need not copy a run's id; the newest run of the gate is explained."""
    reports.add(no_go())
    assert reports.run("explain", "e2e", "6") == reports.run("explain", RUN_ID, "6")
