"""The ports: what the rules need from the world, as Protocols, and the typed values that cross them.

Owns no behaviour. Adapters and providers implement these; rows and the plugin see nothing else of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from pytest_paygate.core.confirmation import Confirmation, Confirmed
    from pytest_paygate.core.events import EventBody
    from pytest_paygate.core.hosted_page import Page
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.seats import Waiting
    from pytest_paygate.core.secret import Secret

Answered = TypeVar("Answered", bound="HttpAnswer")


class Clock(Protocol):
    """Wall time for display and a steady count of seconds that also runs while the machine sleeps."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    def elapsed_seconds(self) -> float:
        """Seconds from an arbitrary start, running through suspend."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Recorder(Protocol):
    """Where adapters put what happened, before anybody can act on it."""

    def record(self, body: EventBody) -> int:
        """Append one event durably and return its number in the journal.

        Raises:
            JournalError: when it could not be written; the caller must not go on.
        """


class HttpAnswer(Protocol):
    """A complete answer that is already in the journal. Header names are lower case."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Read-only."""

    @property
    def body(self) -> bytes:
        """The decoded bytes, within the client's cap."""

    def json(self) -> object:
        """The strictly parsed document; raises `TargetError` when there is none."""


class Desk(Protocol):
    """Where every request that moves money passes, as the last thing before it is sent.

    `send` sends the request once and returns its complete answer. All methods raise `InterlockError` when money may not
    move, and `JournalError` when the intent cannot be written; nothing was sent then.
    """

    async def buy(self, amount: Money, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Send the one purchase of the run, which may lead to a charge of this amount."""

    async def refund(self, charge: Charge, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Ask the target to give a charge back."""

    async def probe(self, request: Outgoing, send: Callable[[], Awaitable[Answered]]) -> Answered:
        """Send what the target must refuse, or what must change nothing; in a dry run only."""

    def check_undeclared(self, request: Outgoing) -> None:
        """Refuse a request that may move money and does not say which."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to be sent; `path` has passed redaction."""

    method: str
    path: str
    body: bytes


class HttpClient(Protocol):
    """HTTP to one party, each exchange journalled, nothing retried, bounded in time and size.

    `once` marks a call that moves money: it gets a connection of its own, so that a stale kept-alive one cannot blur
    whether the request was received. `TargetError` is raised when no complete answer arrived.
    """

    base_url: str

    async def request(  # noqa: PLR0913 - one keyword for each independent part of a request
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str | Secret] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        bearer: Secret | None = None,
        deadline_seconds: float | None = None,
        once: bool = False,
        attempt: int = 1,
    ) -> HttpAnswer:
        """Send one request; at most one of `json`, `form` and `content` is given."""

    async def aclose(self) -> None:
        """Release connections."""


class PaymentStatus(StrEnum):
    """Where a payment stands at a provider, in words both providers map to."""

    REQUIRES_PAYMENT = "requires_payment"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class RefundStatus(StrEnum):
    """Where a refund stands. PENDING is not refunded."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Account:
    """The provider account behind a key. `livemode` is None where the provider does not say.

    `settles_in` are the currencies it keeps a balance in; a charge in one of them is not converted. `takes_charges` is
    None where the provider does not say; `overdrawn_in` are the currencies whose available balance is below zero.
    """

    account_id: str
    livemode: bool | None
    default_currency: str = ""
    settles_in: tuple[str, ...] = ()
    takes_charges: bool | None = None
    overdrawn_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What may be known of a card: never more than brand and last four digits."""

    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as its provider tells it. `connector_payment_id` is the processor's id behind an orchestrator.

    `page` is the hosted page on which it is paid, None where the provider did not tell of it here. `besides` names in
    plain words what happens with the payment apart from this account being paid, such as `an application fee`.
    """

    payment_id: str
    status: PaymentStatus
    amount: Money
    received: Money
    created: datetime
    livemode: bool | None
    processor: str
    card: Card | None = None
    charge_id: str = ""
    connector_payment_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    page: Page | None = None
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that was taken, or tried to be. `disputed` says that the card's holder has asked the bank for it back.

    `besides` names in plain words what happens with the money apart from this account being paid, as of a payment.
    """

    charge_id: str
    payment_id: str
    amount: Money
    captured: Money
    refunded: Money
    succeeded: bool
    is_captured: bool
    created: datetime
    livemode: bool | None
    card: Card | None = None
    balance_transaction_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    disputed: bool = False
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as its provider tells it; `created` is the provider's clock, `goes_to` the kind of its destination.

    `reason` is the provider's own word for why, empty where none was given.
    """

    refund_id: str
    payment_id: str
    charge_id: str
    amount: Money
    status: RefundStatus
    created: datetime
    failure_reason: str = ""
    balance_transaction_id: str = ""
    goes_to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money passed on to a connected account. `group` is what the target files it under, empty where it does not."""

    transfer_id: str
    amount: Money
    reversed_amount: Money
    destination: str
    source_charge_id: str
    created: datetime
    livemode: bool | None
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """A line of the provider's ledger. `net` is `amount` less `fee`; all are in the settlement currency."""

    balance_transaction_id: str
    kind: str
    amount: Money
    fee: Money
    net: Money
    created: datetime
    status: str


class Capability(StrEnum):
    """What a provider can do; a missing one is a person's work, declared, never guessed."""

    ACCOUNT = "account"
    CHARGES = "charges"
    REFUND = "refund"
    TRANSFERS = "transfers"
    BALANCE_TRANSACTIONS = "balance_transactions"
    LIST_BY_TRACE = "list_by_trace"
    CLOSE_PAYMENT = "close_payment"


class Provider(Protocol):
    """A payment provider as a gate may use it. Reads may be retried; calls that move money never are.

    Every method raises `ProviderError` when the provider refuses or cannot be read, and for a capability it lacks.
    """

    name: str
    capabilities: frozenset[Capability]

    async def account(self) -> Account:
        """The account behind the key."""

    async def payment(self, payment_id: str) -> Payment:
        """One payment, asked of the provider's own source rather than a cached state."""

    async def charges(self, payment_id: str) -> Sequence[Charge]:
        """Every charge of one payment, newest first."""

    async def charges_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Charge]:
        """Every charge created since a moment, from the ledger list (not search), optionally of one trace."""

    async def payments_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Payment]:
        """Every payment created since a moment, paid or not, from the list (not search), optionally of one trace."""

    async def refunds(self, payment_id: str) -> Sequence[Refund]:
        """Every refund of one payment, newest first."""

    async def refund(self, payment_id: str, amount: Money, *, idempotency_key: str, trace_id: str) -> Refund:
        """Give money back. Sent once; `idempotency_key` is derived from run and charge by the caller."""

    async def read_refund(self, refund_id: str) -> Refund:
        """One refund, as it stands now."""

    async def transfer(self, transfer_id: str) -> Transfer:
        """One transfer."""

    async def transfers_since(self, since: datetime) -> Sequence[Transfer]:
        """Every transfer created since a moment, newest first."""

    async def balance_transaction(self, balance_transaction_id: str) -> BalanceTransaction:
        """One line of the provider's ledger."""

    async def close_payment(self, payment_id: str) -> Payment:
        """Make an unpaid payment unpayable: cancel or expire it."""

    async def aclose(self) -> None:
        """Release connections."""


class Database(Protocol):
    """The target's database, read only."""

    async def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Mapping[str, object]]:
        """Run one SELECT in a read-only transaction and return its rows as mappings."""

    async def aclose(self) -> None:
        """Release the connection."""


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A place where a person must act: what to do, what counts as done, and how long it stays open.

    Args:
        hold_id: names it in the journal.
        title: what it is about, in one line.
        instructions: what to do and what counts as done.
        deadline_seconds: how long it stays open.
        fields: what the person reads off elsewhere and types in.
        url: a page on which the person acts.
        notice: looks by itself whether it is done: returns True once it is, False once it cannot be any more. It runs
            beside the question, is cancelled with it, and may raise: then the person's word is all there is.
        confirm_seconds: how long the person may still say so after `notice` has seen it.
    """

    hold_id: str
    title: str
    instructions: Sequence[str]
    deadline_seconds: float
    fields: Sequence[str] = ()
    url: str = ""
    notice: Callable[[], Awaitable[bool]] | None = None
    confirm_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """What came back from a hold point. `answered` is False when nobody could or did answer in time.

    `by` says who: `operator`, `provider` when it was noticed by itself, `payer:http` and the like, or `nobody`.
    """

    answered: bool
    by: str
    fields: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Operator(Protocol):
    """The person at the gate, or what stands in for one in an unattended sandbox or staging run."""

    name: str
    attended: bool

    async def hold(self, point: HoldPoint) -> HoldAnswer:
        """Wait for the person."""

    async def confirm(self, asked: Confirmation) -> Confirmed:
        """Show the plan and have the person type the amount and this run's word."""

    def waiting(self, wait: Waiting) -> AbstractContextManager[None]:
        """Show a wait for as long as the context is open."""
