"""Every hostile text from every origin in every sink, rendered in this process and read back."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.attack.payloads import PAYLOADS
from tests.attack.sinks import CALM, ORIGINS, SINKS


@dataclass(slots=True)
class Figures:
    """How many cells were looked at, and in which of them something acted."""

    cells: int = 0
    active: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"payloads={len(PAYLOADS)} sinks={len(SINKS)} origins={len(ORIGINS)} cells={self.cells} active={len(self.active)}"


def run(origin: str, sink: str) -> Figures:
    """All payloads from one origin in one sink."""
    figures = Figures()
    place, events = SINKS[sink], ORIGINS[origin]
    calm = place.render(events(CALM), CALM)
    for name, text in PAYLOADS.items():
        figures.cells += 1
        found = place.read(calm, place.render(events(text), text))
        figures.active += [f"{name} from {origin} in {sink}: {one}" for one in found]
    return figures


def everything() -> Figures:
    """The whole matrix."""
    figures = Figures()
    for origin in ORIGINS:
        for sink in SINKS:
            one = run(origin, sink)
            figures.cells += one.cells
            figures.active += one.active
    return figures
