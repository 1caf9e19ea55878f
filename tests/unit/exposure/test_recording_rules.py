"""The recorder of what belongs to no run."""

from __future__ import annotations

from pytest_paygate.core.events import RunFinished
from pytest_paygate.exposure.recording import Unjournalled


def test_lines_are_numbered_from_nothing_and_kept_nowhere():
    """Each event has the next number, as in a journal; of the event itself nothing stays."""
    recorder, event = Unjournalled(), RunFinished(complete=True, reason="done")
    assert [recorder.record(event) for _ in range(4)] == [0, 1, 2, 3]
    assert vars(recorder) == {"_count": 4}
    assert Unjournalled().record(event) == 0
