"""The mutants that no test can kill because they change nothing, each with its reason, as reviewed in `equivalent.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.mutation.mutants import Mutant

FILE = Path(__file__).with_name("equivalent.toml")
KEYS = {"module", "scope", "was", "now", "nth", "reason"}
REASON_CHARACTERS_MIN = 20

Key = tuple[str, str, str, str, int]


def read(text: str) -> dict[Key, str]:
    """The reasons, by what the mutants are known by.

    Raises:
        ValueError: when an entry has other keys, no real reason, or is there twice.
    """
    listed: dict[Key, str] = {}
    for entry in tomllib.loads(text).get("equivalent", []):
        if not KEYS - {"nth"} <= set(entry) <= KEYS:
            raise ValueError(f"equivalent.toml: an entry has module, scope, was, now, reason and at most nth: {entry}")
        key = (entry["module"], entry["scope"], entry["was"], entry["now"], entry.get("nth", 1))
        if len(entry["reason"].strip()) < REASON_CHARACTERS_MIN:
            raise ValueError(f"equivalent.toml: {key} has no reason")
        if key in listed:
            raise ValueError(f"equivalent.toml: {key} is listed twice")
        listed[key] = entry["reason"]
    return listed


def stale(listed: dict[Key, str], made: list[Mutant], modules: list[str]) -> list[Key]:
    """Entries of these modules for which there is no mutant any more."""
    there = {mutant.key for mutant in made}
    return [key for key in listed if key[0] in modules and key not in there]
