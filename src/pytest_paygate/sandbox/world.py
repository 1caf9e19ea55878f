"""What every emulated system is given: the pools, the clock, the ids, the faults, everybody's addresses and keys.

Owns the wiring data only; the servers are started in `server.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.clock import Clock
    from pytest_paygate.sandbox.faults import Faults
    from pytest_paygate.sandbox.identifiers import Identifiers

# The one live-looking key the emulators accept. It is published on purpose: no real account has it, so a rehearsal can
# exercise every live check without anybody's real key ever reaching an emulator.
REHEARSAL_STRIPE_KEY = "sk_live_PaygateRehearsalNoFunds000000"
# A restricted key of the same account: it reads charges, payments and refunds, makes refunds and closes payments.
REHEARSAL_STRIPE_REFUND_KEY = "rk_live_PaygateRehearsalRefunds000000"
REHEARSAL_HYPERSWITCH_KEY = "prd_PaygateRehearsalNoFunds" + "0" * 41
# The card that pays in a rehearsal. Test cards are declined there, as the real provider declines them in live mode.
REHEARSAL_CARD_NUMBER = "4000000000000150"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs without a trailing slash, all on loopback."""

    marketplace: str
    hyperswitch: str
    stripe: str
    control: str
    a1: str = ""
    a2: str = ""
    a3: str = ""
    a4: str = ""
    a5: str = ""
    a6: str = ""
    a7: str = ""
    a8: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one emulated world. `livemode` is True only in a rehearsal world."""

    livemode: bool
    stripe_secret: str
    hyperswitch_api: str
    # Stripe signs its webhooks to Hyperswitch with the first, Hyperswitch its webhooks to the target with the second.
    stripe_webhook: str
    hyperswitch_hash: str
    buyer_email: str
    buyer_password: str
    # Stripe signs its webhooks to A5 with it.
    fleet_webhook: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """Everything an emulated system may reach. One value per running sandbox.

    `environment` is what the marketplace says of itself in `/status`: sandbox, staging or live.
    """

    environment: str
    addresses: Addresses
    keys: Keys
    clock: Clock
    identifiers: Identifiers
    faults: Faults
    provider_pool: AsyncConnectionPool
    marketplace_pool: AsyncConnectionPool
    # The platform account the Stripe emulator belongs to, and the seller's connected account.
    stripe_account_id: str = "acct_1PaygateSandbox00"
    seller_account_id: str = "acct_1PaygateSeller000"
    settlement_currency: str = "eur"
    # Currencies the platform has a bank account in: what is charged in one of them settles in it, unconverted.
    own_currencies: tuple[str, ...] = ()
    # Delays the emulated parties add before acting, in seconds, by name; faults may change them while running.
    delays_seconds: dict[str, float] = field(default_factory=dict)

    def settled_in(self, currency: str) -> str:
        """The currency (lower case) in which money of `currency` reaches the platform's balance."""
        return currency if currency in self.own_currencies else self.settlement_currency
