"""Nine rows, five checks, every status that is not PASS: no report of them ever says PASS or GO."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.verdict import Decision, Verdict, judge
from pytest_paygate.core.waivers import Waiver
from pytest_paygate.renderers import session_report
from pytest_paygate.renderers.record import as_ctrf, record
from pytest_paygate.renderers.view import view
from tests.golden.scenes import SCENES, Mode, begun

ROWS = [row.id for row in begun(Mode.LIVE).gate.all_rows()]
STATUSES = [status for status in RowStatus if status is not RowStatus.PASS]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("row", ROWS)
def test_one_row_that_did_not_pass_is_never_a_pass(row, status):
    """Otherwise a GO: with one row in another state, no form of the report says PASS or GO, waived or not."""
    scene = SCENES["go"]()
    assert judge(scene.state).verdict is Verdict.PASS
    changed = replace(scene.state.rows[row], status=status)
    state = replace(scene.state, rows={**scene.state.rows, row: changed})
    waiver = Waiver(row=row, owner="cto", reason="known", until=date(2027, 1, 1))
    for one in (state, replace(state, gate=state.gate.model_copy(update={"waivers": (waiver,)}))):
        for signed in ((), [criterion.id for criterion in scene.gate.criteria]):
            judgement = judge(one, signed)
            assert judgement.verdict is not Verdict.PASS
            assert judgement.decision is not Decision.GO
        shown = view(one, "0" * 64)
        page, text = session_report.as_html(shown), session_report.as_markdown(shown)
        assert f'<p class="verdict {judgement.verdict}">' in page
        assert "· GO" not in page
        assert f"**{judgement.verdict}**" in text
        assert f'"verdict": "{judgement.verdict}"' in as_ctrf(record(one, shown))
