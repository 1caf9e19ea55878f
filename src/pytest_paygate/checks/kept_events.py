"""Whether a service that collects events keeps them: accepted, read back the same, under the same checksum."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = frozenset({200, 201})
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")


@check("The event is kept, not only taken in")
def event_created(status: int) -> Finding | None:
    """`status` is what POST /events answered: 200 and 201 say that the event exists, 202 that it may."""
    return None if status in _KEPT else Finding("the status of POST /events", status, "200 or 201")


@check("The checksum of an event is a whole SHA-256")
def checksum_whole(checksum: str) -> Finding | None:
    """A checksum that is cut off would agree with many events."""
    if _CHECKSUM.fullmatch(checksum):
        return None
    return Finding("the form of the checksum", f"{len(checksum)} characters", "sha256: and 64 hexadecimal digits")


@check("An event is read back under the checksum it was given")
def checksum_unchanged(read: str, given: str) -> Finding | None:
    """`given` is what the service answered when it kept the event."""
    return same("the checksum read back", observed=read, expected=given)


@check("An event is read back as it was sent")
def event_unchanged(read: Mapping[str, object], sent: Mapping[str, object]) -> Finding | None:
    """What was sent is compared by value, key by key, also inside; what the service adds besides is its own."""
    name = _changed(read, sent)
    if not name:
        return None
    return Finding(
        f"{name} of the event read back",
        "something else",
        "what was sent",
        "Look for the event of another run or app under this id.",
    )


def _changed(read: Mapping[str, object], sent: Mapping[str, object]) -> str | None:
    """The first name, dotted where it stands inside, whose value has changed or is gone; None when none has."""
    for name, value in sent.items():
        back = read.get(name)
        if isinstance(value, dict) and isinstance(back, dict):
            if inside := _changed(back, value):
                return f"{name}.{inside}"
        elif back != value:
            return name
    return None
