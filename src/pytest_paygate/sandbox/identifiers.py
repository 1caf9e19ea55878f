"""Ids for emulated objects: random by default, repeatable with a seed."""

from __future__ import annotations

import random
import string

_ALPHABET = string.ascii_letters + string.digits


class Identifiers:
    """Makes provider-shaped ids such as `pi_3Q…`.

    Args:
        seed: the same seed gives the same ids in the same order; None takes the system's randomness.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - ids of a fake world

    def make(self, prefix: str, length: int = 24) -> str:
        """Return `prefix` + `_` + `length` letters and digits."""
        return f"{prefix}_{self.token(length)}"

    def token(self, length: int) -> str:
        """Return `length` letters and digits."""
        return "".join(self._random.choices(_ALPHABET, k=length))
