"""The port behind which live runs share their lock, their used approvals, their exposures and their capacity.

Owns no behaviour. A folder and a database implement it; see `ports.py` for everything else that crosses a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pytest_paygate.core.capacity import Book, CapacityEntry
    from pytest_paygate.core.money import Money


@dataclass(frozen=True, slots=True)
class Lease:
    """The lock of an environment as one run holds it. `fence` only ever grows; `until` is a moment of the store."""

    environment: str
    holder: str
    fence: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ApprovalUse:
    """One use of an approval: there is never a second."""

    nonce: str
    environment: str
    gate_id: str
    commit: str
    run_id: str
    used_at: datetime


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """A run that has exposed money in an environment. `settled_at` is None while anything may be open."""

    run_id: str
    environment: str
    gate_id: str
    trace_id: str
    amount: Money
    opened_at: datetime
    settled_at: datetime | None = None


class CapacityLog(Protocol):
    """The capacity logs of environments: lines that are only ever added, read whole and believed whole.

    Every method raises `StoreError` when the log cannot be read, or is not as it was written.
    """

    async def read(self, environment: str) -> Book:
        """The whole log of one environment, folded; empty where nobody has granted anything."""

    async def change(self, environment: str, decide: Callable[[Book], CapacityEntry | None], at: datetime) -> Book:
        """Add the line that `decide` returns for the log as it is, while nobody else can add one; durably.

        Args:
            environment: whose log.
            decide: given the log, returns the next line, or None for none; what it raises is raised, and nothing added.
            at: the time of the line, aware.

        Returns:
            The log afterwards.
        """


class LiveStore(Protocol):
    """What live runs share across processes and, with a database behind it, across machines.

    Every method raises `StoreError` when it cannot be carried out: a store that cannot be asked is a refusal.
    """

    kind: str

    @property
    def capacity(self) -> CapacityLog:
        """The capacity logs that lie in this store."""

    async def take_lock(self, environment: str, holder: str, lease_seconds: float) -> Lease:
        """Take the environment's lock; `StoreError` names the holder when somebody else has it."""

    async def renew(self, lease: Lease) -> bool:
        """Prolong the lease; False when it has lapsed or somebody else holds the lock, which is final."""

    async def holds(self, lease: Lease) -> bool:
        """Whether the lease has not lapsed and nobody else has taken the lock, on the store's clock."""

    async def release(self, lease: Lease) -> None:
        """Give the lock back, if it is still ours."""

    async def consume(self, use: ApprovalUse) -> bool:
        """Use an approval up, durably; False when it has been used before."""

    async def uses(self, environment: str, gate_id: str, commit: str) -> Sequence[ApprovalUse]:
        """Every approval used so far for one gate at one commit."""

    async def open_exposure(self, record: ExposureRecord) -> None:
        """Note, durably, that a run is about to expose money."""

    async def settle_exposure(self, environment: str, run_id: str, at: datetime) -> None:
        """Note that nothing of the run is open any more."""

    async def exposures(self, environment: str) -> Sequence[ExposureRecord]:
        """Every exposure of an environment, settled or not, oldest first."""

    async def aclose(self) -> None:
        """Release files and connections; a lock that was not released is released with them."""
