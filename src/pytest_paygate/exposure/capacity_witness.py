"""What the runs that lie here testify of a capacity log: the newest one that took a unit, from its own journal.

Owns the search. A run that cannot be read cannot testify; what its testimony means is in `core.capacity`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.adapters.run_directory import journals
from pytest_paygate.core.capacity import Witness
from pytest_paygate.core.errors import JournalError
from pytest_paygate.exposure.recovery import read_state

if TYPE_CHECKING:
    from pathlib import Path

# Runs of the environment that are looked into, newest first: a run that took none says nothing.
_LOOKS = 20


def newest_witness(reports: Path, environment: str, *, besides: str) -> Witness | None:
    """What the newest run of an environment that took a unit has journalled of it.

    Args:
        reports: the reports folder.
        environment: whose runs.
        besides: the session that asks.

    Returns:
        None when none of the newest runs has taken a unit and kept it.
    """
    looks = 0
    for path in reversed(list(journals(reports))):
        if path.parent.name == besides or looks >= _LOOKS:
            continue
        try:
            state = read_state(path.parent)
        except JournalError:
            continue
        if state.started is None or state.started.environment != environment:
            continue
        looks += 1
        taken = state.exposure.capacity
        if taken is not None:
            began = datetime.fromisoformat(state.started_at)
            return Witness(state.started.run_id, began, taken.log_sha256, taken.line, taken.line_sha256)
    return None
