"""The log of seals as a chain, and what a later or pinned head tells of it: cut off, put back, forked.

Rules (each held by a test):
- within one environment each line names the seal before it; a gap, a second branch or a new beginning is damage;
- a bundle's seal stands in the log, behind the seal that the bundle itself names;
- a pinned head stands in the log: a log that does not reach it was cut off, put back or forked;
- the last seal of a run is the one that counts: an earlier one of the same run has been superseded.
Pure: the bytes of the log in, findings out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS = ("environment", "previous", "run_id", "seal")


@dataclass(frozen=True, slots=True)
class Sealed:
    """One line of the log. `previous` is empty for an environment's first, `gate` in lines older than that key."""

    environment: str
    run_id: str
    gate: str
    seal: str
    previous: str


def encode_line(sealed: Sealed) -> bytes:
    """One line of the log, with its newline."""
    told = {key: getattr(sealed, key) for key in _KEYS}
    if sealed.gate:
        told["gate"] = sealed.gate
    return json.dumps(told, sort_keys=True).encode() + b"\n"


def read_log(content: bytes) -> tuple[Sealed, ...]:
    """Every line of the log, oldest first.

    Raises:
        BundleError: for a line that `encode_line` would not have written.
    """
    if content and not content.endswith(b"\n"):
        raise BundleError("the last line of the log of seals is torn")
    return tuple(_line(line, number) for number, line in enumerate(content.splitlines(keepends=True), start=1))


def check_chain(log: Sequence[Sealed], environment: str, heads: Sequence[str] = ()) -> tuple[Sealed, ...]:
    """The seals of one environment, when they form one whole chain that reaches every pinned head.

    Args:
        log: every line of the log, oldest first.
        environment: whose seals.
        heads: seals that are known from elsewhere to stand in the log.

    Raises:
        BundleError: naming the line and what was done to the log.
    """
    chain: list[Sealed] = []
    known: set[str] = set()
    for number, line in enumerate(log, start=1):
        if line.environment != environment:
            continue
        if line.seal in known:
            raise BundleError(f"line {number} of the log of seals stands there twice")
        before = chain[-1].seal if chain else ""
        if line.previous != before:
            raise BundleError(f"line {number} of the log of seals {_break(line.previous, known)}")
        chain.append(line)
        known.add(line.seal)
    for head in heads:
        if head not in known:
            raise BundleError(
                f"the log of seals does not reach the pinned head {head[:12]}: it was cut off before it, put back to"
                " an earlier state, or went another way"
            )
    return tuple(chain)


def check_place(chain: Sequence[Sealed], seal: Sealed) -> None:
    """Check that a bundle's seal has its place in the chain of its environment, and is the last of its run.

    Args:
        chain: a whole chain, from `check_chain`.
        seal: the bundle's own, as the bundle tells it.

    Raises:
        BundleError: naming what was done to the log, or that the bundle is not the last word on its run.
    """
    seals = [line.seal for line in chain]
    if seal.seal not in seals:
        raise BundleError(_absent(seals, [line.previous for line in chain], seal.previous))
    place = chain[seals.index(seal.seal)]
    if place != seal and (place.gate or (place.run_id, place.previous) != (seal.run_id, seal.previous)):
        raise BundleError("the log of seals tells another run, gate or seal before at this bundle's seal")
    for line in chain[seals.index(seal.seal) + 1 :]:
        if line.gate and (line.run_id, line.gate) == (seal.run_id, seal.gate):
            raise BundleError(
                f"the run was sealed again later as {line.seal[:12]}: this bundle was put back to an earlier state"
            )


def _absent(seals: Sequence[str], previous: Sequence[str], before: str) -> str:
    """What was done to a whole log that does not hold a bundle's seal."""
    if not seals or before == seals[-1]:
        return "the log of seals was cut off: it ends at the seal before this bundle's"
    if before in previous:
        return "the log of seals was forked: behind the seal before this bundle's it goes on with another one"
    return "the log of seals was put back, or is another one: it holds neither this bundle's seal nor the one before it"


def _break(previous: str, known: set[str]) -> str:
    if previous in known:
        return "starts a second branch: the log was forked"
    if not previous:
        return "starts the chain anew: what stood before it was put away"
    return "names a seal before it that is not there: lines were cut out"


def _line(line: bytes, number: int) -> Sealed:
    try:
        told = strict_json(line)
    except (ValueError, RecursionError):
        told = None
    if (
        isinstance(told, dict)
        and set(told) - {"gate"} == set(_KEYS)
        and all(isinstance(told[key], str) for key in told)
    ):
        sealed = Sealed(told["environment"], told["run_id"], told.get("gate", ""), told["seal"], told["previous"])
        if encode_line(sealed) == line:
            return sealed
    raise BundleError(f"line {number} of the log of seals is not one of the log's")
