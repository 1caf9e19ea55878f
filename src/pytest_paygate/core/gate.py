"""A gate as data: its rows, criteria, facts, thresholds and risks, read from `gate.toml`.

Owns what a gate is and every cross-check inside the file. Does not open the file: callers hand in its bytes and name.
The rows that must be there come from here, never from what pytest happened to collect.
"""

from __future__ import annotations

import hashlib
import re
import string
import tomllib
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.claims import Claim, twice
from pytest_paygate.core.errors import ConfigurationError, configuration, nearest
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.gate_tables import (
    EVIDENCE_OF_RUN,
    ID_PATTERN,
    TAKEN_FILES,
    CapacityNeed,
    Criterion,
    EvidenceFile,
    MoneyFacts,
    Note,
    Purchase,
    Row,
    System,
)
from pytest_paygate.core.guards import Guard, misfits
from pytest_paygate.core.model import Field, Model, parse
from pytest_paygate.core.money import Money, MoneyError
from pytest_paygate.core.waivers import Waiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "CapacityNeed",
    "Criterion",
    "EvidenceFile",
    "Gate",
    "MoneyFacts",
    "Note",
    "Purchase",
    "Row",
    "System",
    "read_gate",
    "sha256",
]
_FIX = "Correct the file; a gate is data only, its keys are listed in docs/reference/gate-toml.md."


class Gate(Model):
    """One launch's acceptance. `build` names the fact by which the target tells its build.

    `system` is what the gate talks to in the embedded sandbox; a declared environment says itself what it is.
    """

    id: str = Field(pattern=ID_PATTERN)
    title: str = Field(min_length=1, max_length=120)
    trace_prefix: str = Field(pattern=r"^[A-Z][A-Z0-9-]{0,19}$")
    facts: dict[str, FactKind]
    thresholds: dict[str, int | float] = Field(default_factory=dict)
    expect: dict[str, str | int | float | bool] = Field(default_factory=dict)
    preflight: tuple[Row, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    purchase: Purchase | None = None
    money: MoneyFacts | None = None
    build: str = ""
    system: System = System.MARKETPLACE
    capacity: CapacityNeed = CapacityNeed()
    evidence: EvidenceFile | None = None
    guards: tuple[Guard, ...] = ()
    claims: tuple[Claim, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    risks: tuple[Note, ...] = ()
    housekeeping: tuple[Note, ...] = ()

    def all_rows(self) -> Iterator[Row]:
        """Pre-flight first, then the numbered rows, in the gate's order."""
        yield from self.preflight
        yield from self.rows

    def row(self, row_id: str) -> Row | None:
        """The row of that id, or None."""
        return next((row for row in self.all_rows() if row.id == row_id), None)

    def position(self, row_id: str) -> int:
        """Where a row stands in the gate's order, from 0.

        Raises:
            KeyError: for an id the gate does not have.
        """
        for index, row in enumerate(self.all_rows()):
            if row.id == row_id:
                return index
        raise KeyError(row_id)

    def number(self, row_id: str) -> str:
        """How the row is numbered for readers: `P1` for pre-flight, `1` for the walkthrough."""
        for index, row in enumerate(self.preflight, start=1):
            if row.id == row_id:
                return f"P{index}"
        for index, row in enumerate(self.rows, start=1):
            if row.id == row_id:
                return str(index)
        raise KeyError(row_id)

    def is_preflight(self, row_id: str) -> bool:
        """Say whether the row belongs to pre-flight."""
        return any(row.id == row_id for row in self.preflight)

    def guard(self, guard_id: str) -> Guard | None:
        """The guard of that id, or None."""
        return next((guard for guard in self.guards if guard.id == guard_id), None)

    @property
    def guards_of_money(self) -> tuple[Guard, ...]:
        """The guards that are read again right before money moves."""
        return tuple(guard for guard in self.guards if not guard.after_money)

    def threshold(self, value: str | float) -> float:
        """A number, or the threshold of that name."""
        return float(self.thresholds[value]) if isinstance(value, str) else float(value)


def sha256(source: bytes) -> str:
    """The gate hash: SHA-256 of the file's bytes, hexadecimal."""
    return hashlib.sha256(source).hexdigest()


def read_gate(source: bytes, file: str) -> Gate:
    """Read and cross-check a gate.

    Args:
        source: the bytes of `gate.toml`.
        file: its name, for messages.

    Raises:
        ConfigurationError: naming file, line or key, the value, and the nearest valid one.
    """
    try:
        document = tomllib.loads(source.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise configuration(
            file, "is not readable TOML", expected="a UTF-8 TOML document", observed=str(error), next_step=_FIX
        ) from None
    gate = parse(Gate, _flattened(document, file), file=file, next_step=_FIX)
    _check_ids(gate, file)
    for row in gate.all_rows():
        _check_row(gate, row, file)
    for criterion in gate.criteria:
        _check_criterion(gate, criterion, file)
    if gate.purchase is not None:
        _check_purchase(gate, gate.purchase, file)
    _check_report(gate, file)
    _check_claims(gate, file)
    for waiver in gate.waivers:
        _check_waiver(gate, waiver, file)
    for misfit in misfits(gate.guards, gate.facts, gate.thresholds):
        raise _unknown(f"{file}: {misfit.where}", misfit.expected, misfit.observed, misfit.known)
    return gate


def _flattened(document: dict[str, Any], file: str) -> dict[str, Any]:
    """`[gate]` holds the head of the file; its keys and the other tables make up one gate."""
    head = document.pop("gate", None)
    if not isinstance(head, dict):
        raise configuration(f"{file}: gate", "is missing", expected="a table [gate]", observed="none", next_step=_FIX)
    return {**head, **document}


def _check_ids(gate: Gate, file: str) -> None:
    for what, ids in (
        ("row", [row.id for row in gate.all_rows()]),
        ("criterion", [criterion.id for criterion in gate.criteria]),
    ):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise configuration(
                f"{file}: {what} {twice[0]}",
                "is there more than once",
                expected=f"each {what} id once, pre-flight and rows together",
                observed=f"{ids.count(twice[0])} times",
                next_step=_FIX,
            )


def _check_row(gate: Gate, row: Row, file: str) -> None:
    where = f"{file}: row {row.id}"
    earlier = [other.id for other in gate.all_rows()][: gate.position(row.id)]
    for need in row.needs:
        if need not in earlier:
            raise _unknown(f"{where}.needs", "an earlier row", need, earlier)
    for fact in row.records:
        if fact not in gate.facts:
            raise _unknown(f"{where}.records", "a fact declared in [facts]", fact, gate.facts)
    for key, template in (("observed", row.observed), ("trace", row.trace)):
        for name in _placeholders(f"{where}.{key}", template):
            if name != "log" and name not in gate.facts:
                raise _unknown(f"{where}.{key}", "a fact declared in [facts], or log", name, [*gate.facts, "log"])


def _placeholders(where: str, template: str) -> Iterator[str]:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise configuration(
            where, "is not a template", expected="text with {fact} places", observed=str(error), next_step=_FIX
        ) from None
    for field in fields:
        # Attribute and index access in a template could reach beyond the fact.
        if not re.fullmatch(r"[a-z][a-z0-9_]*", field):
            raise configuration(
                where, "has an odd place", expected="{fact_name}", observed=f"{{{field}}}", next_step=_FIX
            )
        yield field


def _check_criterion(gate: Gate, criterion: Criterion, file: str) -> None:
    where = f"{file}: criterion {criterion.id}"
    ids = [row.id for row in gate.all_rows()]
    for row in criterion.rows:
        if row not in ids:
            raise _unknown(f"{where}.rows", "a row of this gate", row, ids)
    if not (criterion.rows or criterion.preflight or criterion.whole_walkthrough or criterion.person):
        raise configuration(
            where,
            "is not bound to anything",
            expected="rows, preflight, whole_walkthrough or person",
            observed="none of them",
            next_step=_FIX,
        )
    for hold in criterion.holds:
        if hold.fact not in gate.facts:
            raise _unknown(f"{where}.holds.fact", "a fact declared in [facts]", hold.fact, gate.facts)
        for value in (hold.at_most, hold.at_least):
            if isinstance(value, str) and value not in gate.thresholds:
                raise _unknown(f"{where}.holds", "a number or a name from [thresholds]", value, gate.thresholds)
        if hold.equals is None and hold.at_most is None and hold.at_least is None:
            raise configuration(
                f"{where}.holds",
                "has no condition",
                expected="equals, at_most or at_least",
                observed=f"only fact = {hold.fact!r}",
                next_step=_FIX,
            )


def _check_purchase(gate: Gate, purchase: Purchase, file: str) -> None:
    amounts = []
    for key, text in (("amount", purchase.amount), ("tax", purchase.tax), ("fee", purchase.fee)):
        try:
            amounts.append(Money.parse(text))
        except MoneyError as error:
            raise configuration(
                f"{file}: purchase.{key}",
                "is not an amount",
                expected="an amount like 'EUR 5.00'",
                observed=str(error)[:120],
                next_step=_FIX,
            ) from None
    gross = amounts[0]
    if gross.minor <= 0 or any(part.minor < 0 or part.currency != gross.currency for part in amounts):
        raise configuration(
            f"{file}: purchase",
            "does not add up",
            expected="an amount above zero, tax and fee not below zero, all in one currency",
            observed=", ".join(str(part) for part in amounts),
            next_step=_FIX,
        )
    if purchase.says_live not in gate.facts:
        raise _unknown(f"{file}: purchase.says_live", "a fact declared in [facts]", purchase.says_live, gate.facts)


def _check_report(gate: Gate, file: str) -> None:
    """The report adds up amounts only, and shows a build that some row records."""
    amounts = [name for name, kind in gate.facts.items() if kind is FactKind.MONEY]
    for key, fact in gate.money.names() if gate.money is not None else ():
        if fact not in amounts:
            raise _unknown(f"{file}: money.{key}", "a fact of kind money declared in [facts]", fact, amounts)
    if gate.build and gate.build not in gate.facts:
        raise _unknown(f"{file}: gate.build", "a fact declared in [facts]", gate.build, gate.facts)


def check_evidence(gate: Gate, file: str) -> None:
    """Refuse an evidence file that would be another file's, or ask for what no row can record.

    For whoever runs a gate: a run that has been sealed is believed or not without it.

    Args:
        gate: the gate.
        file: its name, for messages.

    Raises:
        ConfigurationError: naming the key, the value, and the nearest valid one.
    """
    if gate.evidence is not None and gate.evidence.file in TAKEN_FILES:
        raise configuration(
            f"{file}: evidence.file",
            "is the name of another file of the run",
            expected=f"another name than {', '.join(sorted(TAKEN_FILES))}",
            observed=repr(gate.evidence.file),
            next_step=_FIX,
        )
    for key, place in gate.evidence.places() if gate.evidence is not None else ():
        known = [*(f"fact.{fact}" for fact in gate.facts), *(f"run.{name}" for name in EVIDENCE_OF_RUN)]
        if place not in known:
            raise _unknown(f"{file}: evidence.keys.{key}", "fact.NAME or run.NAME", place, known)


def _check_claims(gate: Gate, file: str) -> None:
    asked = twice(gate.claims)
    if asked:
        raise configuration(
            f"{file}: claims.{asked}",
            "is asked for twice in one mode",
            expected="each witness of a claim once in a mode",
            observed=f"{asked} more than once",
            next_step=_FIX,
        )


def _check_waiver(gate: Gate, waiver: Waiver, file: str) -> None:
    """Pre-flight and money rows are what keeps money safe: nobody waives those."""
    where = f"{file}: waiver {waiver.row or waiver.criterion}"
    open_rows = [row.id for row in gate.rows if not row.money]
    if waiver.row and waiver.row not in open_rows:
        raise _unknown(f"{where}.row", "a numbered row that moves no money", waiver.row, open_rows)
    criteria = [criterion.id for criterion in gate.criteria]
    if waiver.criterion and waiver.criterion not in criteria:
        raise _unknown(f"{where}.criterion", "a criterion of this gate", waiver.criterion, criteria)


def _unknown(where: str, expected: str, value: str, known: Iterable[str]) -> ConfigurationError:
    names = list(known)
    return configuration(
        where,
        "names something that is not there",
        expected=f"{expected}.{nearest(value, names)}",
        observed=repr(value),
        next_step=_FIX,
    )
