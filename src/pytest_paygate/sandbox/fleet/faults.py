"""The ways the fleet can lie or break, each with the microcharge row it must turn red.

Owns the declarations; the code that misbehaves stands where the fault acts.
"""

from __future__ import annotations

from pytest_paygate.sandbox.faults import REGISTRY, Fault

# No row: the fault is benign, the gate must stay green.
BENIGN = ""
# What A1 takes for an answer while it is slow.
SLOW_SECONDS = 0.25

_GATE = "microcharge"


def _fault(name: str, summary: str, row: str) -> Fault:
    return Fault(f"fleet_{name}", "fleet", summary, row, _GATE)


_DECLARED = (
    _fault("a3_down", "A3 answers 503 to everything, and did in its history", "core_window"),
    _fault("a6_down", "A6 answers 503 to everything, and did in its history", "core_window"),
    _fault("a8_down", "A8 answers 503 to everything, and did in its history", "core_window"),
    _fault("a1_slow", "A1 takes `seconds` (default 0.25) for each answer, and did in its history", "a1_window"),
    _fault("trace_not_echoed", "A5 answers with a trace id of its own", "checkout"),
    _fault("session_missing", "A5's checkout answer has no session id", "checkout"),
    _fault("wrong_amount", "A5 charges 5 cents more than was asked (added_minor)", "checkout"),
    _fault("wrong_currency", "A5 charges euros", "checkout"),
    _fault("charges_twice", "A5 charges the same card again before it logs the payment", "proofs"),
    _fault("log_late", "A5's payment_succeeded entry can be read `seconds` later (default 1); benign", BENIGN),
    _fault("log_missing", "A5 never writes payment_succeeded", "proofs"),
    _fault("log_other_trace", "A5 writes payment_succeeded under another trace id (`also`: beside ours)", "proofs"),
    _fault("log_before_commit", "A5 writes payment_succeeded (`event`) with the checkout, before anybody paid", "pay"),
    _fault("refund_refused", "A5 answers 422 to a refund", "refund"),
    _fault("refund_partial", "A5 refunds one cent (short_minor) less and says it was all", "refund"),
    _fault("checksum_differs", "A8 reads an event back with another checksum", "event"),
    _fault("event_lost", "A8 answers 201 and keeps nothing", "event"),
    _fault("answers_late", "an app (default a3) answers `seconds` later (default 0.3); benign", BENIGN),
    _fault("database_slow", "probe_samples answers `seconds` later (default 0.4); benign", BENIGN),
    _fault("more_headers", "A5's answers carry more headers that name a trace; benign", BENIGN),
    _fault("checkout_told_otherwise", "A5's checkout tells more, in another order; benign", BENIGN),
    _fault("checkout_asked_twice", "A5 asks the provider twice under one idempotency key; benign", BENIGN),
    _fault("event_told_otherwise", "A8 reads an event back with more fields, in another order; benign", BENIGN),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})
