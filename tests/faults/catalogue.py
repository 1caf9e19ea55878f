"""The faults that are planted, those of both gates together.

Owns nothing but the sum. How the sandbox breaks stands in the sandbox; what runs the gates is `planting` and `score`.
"""

from __future__ import annotations

from tests.faults import e2e, e2e_money, e2e_probes, micro_money, micro_probes, microcharge
from tests.faults.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    *e2e.ENTRIES,
    *e2e_money.ENTRIES,
    *e2e_probes.ENTRIES,
    *microcharge.ENTRIES,
    *micro_money.ENTRIES,
    *micro_probes.ENTRIES,
)
