"""More ways this emulator can lie about money, each with the microcharge row it must turn red.

Owns the declarations; the code that misbehaves stands where the fault acts.
"""

from __future__ import annotations

from pytest_paygate.sandbox.faults import REGISTRY, Fault

ACCOUNT_OTHER = "fleet_account_other"
ACCOUNT_SETTLES_ELSEWHERE = "fleet_settles_elsewhere"
OTHER_MODE = "fleet_provider_other_mode"
PAYMENT_OLDER = "fleet_payment_older"
PAYMENT_LIVE = "fleet_payment_live"
CHARGE_LIVE = "fleet_charge_live"
ASKS_MORE = "fleet_asks_more"
SURCHARGE = "fleet_surcharge"
CARD_DECLINED = "fleet_card_declined"
PAYER_LATE = "fleet_payer_late"
NEVER_CHARGED = "fleet_page_charges_nothing"
REFUND_LATE = "fleet_refund_late"
REFUND_AT_LIMIT = "fleet_refund_at_the_limit"
REFUND_BEFORE_CHARGE = "fleet_refund_before_charge"
REFUND_UNPOSTED = "fleet_refund_unposted"
REFUND_UNMARKED = "fleet_refund_unmarked"
REFUND_FAILS = "fleet_refund_fails"
FEE_TENFOLD = "fleet_fee_tenfold"
CLOCK_AHEAD = "fleet_provider_ahead"
# What these do where nothing else is asked for.
OLDER_SECONDS = 3600.0
LATE_SECONDS = 61.0
LIMIT_SECONDS = 5.0
BEFORE_SECONDS = 120.0
AHEAD_SECONDS = 90.0
SURCHARGE_MINOR = 5
PAYER_SECONDS = 2.0

_LAYER, _GATE = "stripe", "microcharge"
_DECLARED = (
    (ACCOUNT_OTHER, "the key opens another account than the pinned one", "account"),
    (ACCOUNT_SETTLES_ELSEWHERE, "the account settles in pounds (`also_usd`: and in dollars)", "minimum_charge"),
    (OTHER_MODE, "everything of the provider's says that it is of the other mode", "account"),
    (PAYMENT_OLDER, "a payment was made `seconds` (default 3600) before it was asked for", "checkout"),
    (PAYMENT_LIVE, "a payment that nobody has paid yet says it is of the other mode", "checkout"),
    (CHARGE_LIVE, "a charge says it is of the other mode", "pay"),
    (ASKS_MORE, "A5 asks for one cent more than is captured in the end", "checkout"),
    (SURCHARGE, "captures 5 minor units (added_minor) more than was asked", "pay"),
    (CARD_DECLINED, "the hosted page declines every card", "pay"),
    (NEVER_CHARGED, "the hosted page says thanks and charges nothing", "pay"),
    (REFUND_LATE, "a refund is stamped `seconds` (default 61) after its charge, on the provider's clock", "refund"),
    (
        REFUND_AT_LIMIT,
        "a refund takes a second longer than its own stamp says: `seconds` (default 5) after the charge",
        "refund",
    ),
    (REFUND_BEFORE_CHARGE, "a refund is stamped `seconds` (default 120) before its time", "refund"),
    (REFUND_UNPOSTED, "a refund says succeeded and is not in the ledger", "refund"),
    (REFUND_UNMARKED, "a refund says succeeded, and its charge says nothing has come back", "refund"),
    (REFUND_FAILS, "a refund stays pending for a moment and fails then", "refund"),
    (FEE_TENFOLD, "the provider keeps ten times its fee", "refund"),
    (PAYER_LATE, "whoever pays on the hosted page takes `seconds` (default 2) longer; benign", ""),
    (CLOCK_AHEAD, "the provider's clock is `seconds` (default 90) ahead of everybody's; benign", ""),
)

REGISTRY.update({name: Fault(name, _LAYER, summary, row, _GATE) for name, summary, row in _DECLARED})
