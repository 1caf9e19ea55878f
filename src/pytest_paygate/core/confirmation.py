"""What is asked of the operator right before money may move, and what came of it. Owns no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the operator must read and type before money may move."""

    headline: str
    lines: Sequence[str]
    amount: str
    word: str
    deadline_seconds: float
    tries_max: int = 3
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the operator made of it. `refusal` says why money may not move, empty when it may."""

    refusal: str
    waited_seconds: float
    tries: int
