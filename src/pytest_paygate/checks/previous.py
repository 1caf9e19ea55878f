"""Whether the run that this one rests on is one that may be rested on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check

if TYPE_CHECKING:
    from pytest_paygate.core.previous_run import PreviousRun

# A commit's head tells it from another one, and leaves room for the rest of the sentence.
_COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")


@check("The previous run of the other gate is a believed PASS, of this commit, in time")
def previous_run_passed(found: PreviousRun) -> Finding | None:
    """`found` is the newest run there is, as far as its bundle is believed."""
    if found.holds:
        return None
    return Finding(
        f"the previous {found.gate_id} run",
        _COMMIT.sub(r"\1", found.problem),
        "a believed PASS, of this commit, in time",
        f"Run {found.gate_id} on this commit first.",
    )
