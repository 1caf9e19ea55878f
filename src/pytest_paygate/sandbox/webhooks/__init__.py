"""Webhook delivery of the emulated providers: signed raw bytes over real HTTP, retried until a 2xx.

Owns the queue (`enqueue`), the dispatcher (`background`) and the delivery faults. It knows nothing of what an event
means: a provider hands it finished bytes, an address, a scheme and a secret.
"""

from __future__ import annotations

from pytest_paygate.sandbox.webhooks import faults as faults
from pytest_paygate.sandbox.webhooks.dispatcher import background, wake
from pytest_paygate.sandbox.webhooks.queue import attempts_of, deliveries, enqueue, redeliver
from pytest_paygate.sandbox.webhooks.schema import SCHEMA

__all__ = ["SCHEMA", "attempts_of", "background", "deliveries", "enqueue", "redeliver", "wake"]
