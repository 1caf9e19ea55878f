"""Both verifiers over the same bundles: what each says, and where they differ."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.core.bundle import believe, manifest
from pytest_paygate.core.strict import BundleError
from tests.attack.forging import enveloped, forge, said_of, unsealed
from tests.attack.second import second_verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

Files = dict[str, bytes]
SECOND = second_verifier()


@dataclass(slots=True)
class Figures:
    """How many bundles both looked at, to what ends they came, and every bundle over which they differ."""

    bundles: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    def look(self, files: Files, what: str) -> None:
        """Have both look at one bundle."""
        mine, other = first(files), second(files)
        self.bundles += 1
        self.ends[mine] += 1
        if mine != other:
            self.disagreements.append(f"{what}: the project says {mine}, the second verifier {other}")


def damaged(bases: Sequence[Files], count: int) -> Figures:
    """Bits flipped, bytes put in, changed and cut out, anywhere."""
    figures = Figures()
    for seed in range(count):
        chance = random.Random(seed)
        files = chance.choice(bases)
        name = chance.choice([one for one in files if files[one]])
        content, at = bytearray(files[name]), chance.randrange(len(files[name]))
        change = chance.randrange(4)
        if change == 0:
            content[at] ^= 1 << chance.randrange(8)
        elif change == 1:
            content[at] = chance.randrange(256)
        elif change == 2:
            del content[at : at + chance.randrange(1, 9)]
        else:
            content[at:at] = bytes(chance.choice(b'"{}[],:0 \n\x00e') for _ in range(chance.randrange(1, 4)))
        figures.look({**files, name: bytes(content)}, f"seed {seed}: {name} at {at}")
    return figures


def forged(bases: Sequence[Files], count: int) -> Figures:
    """Rows, facts, order, gate and verdict forged, then chained, listed and sealed anew."""
    figures = Figures()
    for seed in range(count):
        chance = random.Random(seed)
        files, lines = forge(chance, chance.choice(bases))
        figures.look(sealed_by_whoever_believes_it(unsealed(files, lines)), f"seed {seed}")
    return figures


def first(files: Files) -> str:
    """What the project makes of files: a verdict, or that they are invalid."""
    try:
        return believe(files).verdict.value
    except BundleError:
        return "INVALID"


def second(files: Files) -> str:
    """What the second verifier makes of them."""
    try:
        return SECOND.check(files)[0]["verdict"]
    except Exception:  # noqa: BLE001 - as it does itself
        return "INVALID"


def sealed_by_whoever_believes_it(files: Files) -> Files:
    """Unsealed files under the seal that either verifier would want to see; if neither, under the one of an honest run."""
    try:
        return enveloped(files, said_of(files))
    except Exception:  # noqa: BLE001, S110 - whatever the project refuses, the other may believe
        pass
    try:
        listing = manifest(files, "")
        entries, head = SECOND.read_journal(files, 0)
        return enveloped(files, SECOND.statement_of(entries, head, listing, "manifest.json", "")[1])
    except Exception:  # noqa: BLE001 - both refuse the story
        return enveloped(files, b"{}")
