"""The faults of the microcharge gate that act before anybody pays, or without: A5 believes whoever asks, or tells a key."""

from __future__ import annotations

from tests.faults.entry import MICROCHARGE, Entry, Layer, Planted, rows_and_criteria, twin

_REFUSED_OTHERWISE = twin("fleet_webhook_refused_with_400")


def _micro(fault: str, layer: Layer, row: str, *twins: Planted, number: str = "") -> Entry:
    rows, criteria = rows_and_criteria(MICROCHARGE, row)
    return Entry(fault, MICROCHARGE, layer, rows, criteria, twins, number)


ENTRIES: tuple[Entry, ...] = (
    _micro("fleet_price_from_client", Layer.APPLICATION, "checkout_probes", twin("fleet_price_own")),
    _micro("fleet_key_ignored", Layer.APPLICATION, "checkout_probes", twin("fleet_repeat_refused"), number="F28"),
    _micro("fleet_webhook_unverified", Layer.WEBHOOK_HANDLER, "webhooks", _REFUSED_OTHERWISE, number="F10"),
    _micro(
        "fleet_status_holds_key",
        Layer.CONFIGURATION,
        "environment",
        twin("fleet_status_holds_published_key"),
        number="F46",
    ),
    _micro("fleet_header_holds_key", Layer.CONFIGURATION, "checkout", twin("fleet_more_headers"), number="F46"),
    _micro("fleet_webhook_stale_taken", Layer.WEBHOOK_HANDLER, "webhooks", _REFUSED_OTHERWISE, number="F10"),
)
