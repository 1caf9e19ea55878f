"""Sign-offs: a person's word for one item of the launch, with the evidence and the bundles it was given for.

Rules:
- a sign-off names the item, who gave it, when, the evidence file by name and SHA-256, and the seal of every bundle it
  rests on; the file itself stays where it is;
- it counts only for those bundles: after a newer run it still shows, as given for an older bundle, and is PENDING;
- the last word on an item counts; a refusal is a NO-GO;
- every line carries the hash of the one before it, and nothing is ever taken back, only said anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.model import Field, Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ITEM = r"^[a-z][a-z0-9_]{0,39}(/[a-z][a-z0-9_]{0,39})?$"
_SHA256 = r"^[0-9a-f]{64}$"


class SignOff(Model):
    """One person's word. `item` is `gate/criterion` or an item of `golive.toml`; `seals` maps gate to seal."""

    item: str = Field(pattern=ITEM)
    by: str = Field(min_length=1, max_length=120)
    at: str
    evidence: str = Field(min_length=1, max_length=255)
    evidence_sha256: str = Field(pattern=_SHA256)
    seals: dict[str, str]
    refused: bool = False
    note: str = Field(default="", max_length=400)
    previous: str


def last_word(sign_offs: Iterable[SignOff], item: str) -> SignOff | None:
    """The last sign-off of an item, or None.

    Args:
        sign_offs: all of them, oldest first.
        item: `gate/criterion` or an item's id.
    """
    found = [one for one in sign_offs if one.item == item]
    return found[-1] if found else None


def is_for(sign_off: SignOff, seals: Mapping[str, str]) -> bool:
    """Whether a sign-off was given for exactly these bundles, none of them without a seal."""
    return sign_off.seals == dict(seals) and bool(seals) and all(seals.values())
