"""The tables of `gate.toml`, one model for each. What they must have to do with each other is checked in `gate.py`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.core.events import Mode
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

ID_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
_EVERY_MODE = tuple(Mode)
# What a gate's own evidence file may say of the run itself.
EVIDENCE_OF_RUN = (
    *("run_id", "trace_id", "started_at", "ended_at", "verdict", "decision"),
    *("environment", "mode", "commit"),
)
# Names that the run's own files have.
TAKEN_FILES = frozenset({"evidence.json", "manifest.json", "attestation.json", "quarantine.json"})


class System(StrEnum):
    """Which reference system of the embedded sandbox a gate accepts there."""

    MARKETPLACE = "marketplace"
    FLEET = "fleet"


class Row(Model):
    """One line of the session report, or one pre-flight check.

    `needs` names rows that must have passed; `money` marks rows that can lead to money moving, `person` those where a
    person acts; `records` are the facts without which a pass is no pass; `observed`, `trace` are templates over facts.
    """

    id: str = Field(pattern=ID_PATTERN)
    title: str = Field(min_length=1, max_length=120)
    needs: tuple[str, ...] = ()
    money: bool = False
    person: bool = False
    optional_in: tuple[Mode, ...] = ()
    records: tuple[str, ...] = Field(min_length=1)
    observed: str = Field(min_length=1)
    trace: str = "{log}"


class Holds(Model):
    """A condition on one fact. Numbers may be written as the name of a threshold."""

    fact: str
    equals: str | int | bool | None = None
    at_most: str | int | float | None = None
    at_least: str | int | float | None = None


class Criterion(Model):
    """A line of the acceptance checklist: rows that must have passed, conditions on facts, or a person's sign-off.

    `due_days` is how many days after the run a person's sign-off is due.
    """

    id: str = Field(pattern=ID_PATTERN)
    title: str = Field(min_length=1, max_length=160)
    owner: str = Field(min_length=1)
    rows: tuple[str, ...] = ()
    preflight: bool = False
    whole_walkthrough: bool = False
    person: bool = False
    modes: tuple[Mode, ...] = _EVERY_MODE
    holds: tuple[Holds, ...] = ()
    due_days: int | None = Field(default=None, ge=1, le=90)


class Note(Model):
    """A risk the operator is told, or a task for afterwards."""

    id: str = Field(pattern=ID_PATTERN)
    text: str = Field(min_length=1, max_length=400)


class Purchase(Model):
    """What the gate buys, and where its money shows.

    `product` names the environment's value that holds the product; `amount` is gross, with `tax` in it; `fee` is what
    the provider is expected to keep, also on a refund. Charges are read and refunded at `ledger`; unpaid payments are
    closed at each of `payments`. `says_live` names the fact by which the target says that it is live.
    """

    product: str
    amount: str
    tax: str
    fee: str
    ledger: str
    payments: tuple[str, ...] = Field(min_length=1)
    says_live: str
    refund: str = Field(min_length=1, max_length=200)

    @property
    def gross(self) -> Money:
        """What will be charged."""
        return Money.parse(self.amount)


class MoneyFacts(Model):
    """Which facts the report adds up: what was paid, the tax in it, what came back, and what the provider kept."""

    paid: str
    refunded: str
    tax: str = ""
    fee: str = ""

    def names(self) -> Iterator[tuple[str, str]]:
        """Key and fact of each that is set."""
        for key, fact in (("paid", self.paid), ("refunded", self.refunded), ("tax", self.tax), ("fee", self.fee)):
            if fact:
                yield key, fact


class EvidenceFile(Model):
    """A JSON file of the gate's own, beside its report.

    `keys` maps each key, or each key of a part, to `fact.NAME` or `run.NAME`.
    """

    file: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,60}\.json$")
    keys: dict[str, str | dict[str, str]]

    def places(self) -> Iterator[tuple[str, str]]:
        """Every key with where its value comes from."""
        for key, value in self.keys.items():
            for inner, place in [("", value)] if isinstance(value, str) else value.items():
                yield f"{key}.{inner}" if inner else key, place


class CapacityNeed(Model):
    """Whether each charge of this gate takes a unit of the environment's capacity."""

    required: bool = False
