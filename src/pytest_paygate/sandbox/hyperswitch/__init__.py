"""The Hyperswitch emulator: payments, payment links, refunds and signed webhooks in front of the Stripe emulator.

Owns the orchestrator's records and its wire format. Money is moved only by its connector, over HTTP. Where it departs
from upstream: a decline on an open payment link leaves the payment `requires_payment_method`, since the link can still
be paid; card data is never vaulted, so a card is given with the confirmation that uses it.
"""

from __future__ import annotations
