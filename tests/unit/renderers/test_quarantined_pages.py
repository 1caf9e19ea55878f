"""Pages across runs: a quarantined run is named everywhere and counts nowhere."""

from __future__ import annotations

from dataclasses import replace

from pytest_paygate.core.events import Mode
from pytest_paygate.renderers import index_pages
from pytest_paygate.renderers.view import view
from tests.properties.gates import folded, whole_run


def live_go():
    """The view of a live run that decided GO."""
    return replace(view(folded(whole_run(Mode.LIVE)), "0" * 64), decision="GO", run_id="20260101")


def shut(run_id, *, for_launch):
    """A quarantined run of the same gate."""
    return index_pages.quarantined("small", run_id, for_launch=for_launch)


def test_a_live_run_that_was_shut_later_takes_a_go_back():
    """GO rests on the newest live run; one that leaked after it makes the launch a NO-GO and says why."""
    (line,) = index_pages.launch_lines([live_go()], [shut("20260102", for_launch=True)])
    assert line.decision == "NO-GO"
    assert line.why == "run 20260102 is QUARANTINED: a secret was found in its files"
    for page in (index_pages.go_no_go_markdown([line]), index_pages.go_no_go_html([line])):
        assert "20260102" in page
        assert "QUARANTINED" in page


def test_an_earlier_or_another_run_does_not():
    """A live run that leaked before it, or a sandbox run, is named and decides nothing."""
    for one in (shut("20251231", for_launch=True), shut("20260102", for_launch=False)):
        (line,) = index_pages.launch_lines([live_go()], [one])
        assert line.decision == "GO"
        assert line.shut == (one,)


def test_a_gate_with_nothing_but_shut_runs_is_listed():
    """It is PENDING, with the run that was shut."""
    (line,) = index_pages.launch_lines([], [shut("20260102", for_launch=True)])
    assert (line.gate_id, line.decision) == ("small", "PENDING")
    assert "QUARANTINED" in index_pages.go_no_go_markdown([line])


def test_sessions_name_it():
    """A line of its own, without a link to what must not be read."""
    text = index_pages.sessions("small", [], [shut("20260102", for_launch=True)])
    assert "| 20260102 | | QUARANTINED | | | | a secret was found in its files |" in text
