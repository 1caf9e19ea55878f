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
    _fault("environment_lies", "A5 names another environment than the one it is", "environment"),
    _fault("mode_lies", "A5 says it is of the other mode", "environment"),
    _fault("system_other", "A5 is of another system: it says another environment and the other mode", "environment"),
    _fault("replica_stale", "one of A5's four replicas is of an older build", "environment"),
    _fault("history_bad", "A3 answered 503 for two minutes an hour ago, and is well now", "core_window"),
    _fault("history_gap", "an hour ago nobody sampled A6 for `minutes` (default 10)", "core_window"),
    _fault("history_thin", "A8 was not sampled in `pauses` (default 60) pauses of four minutes", "core_window"),
    _fault("a3_goes_down", "A3 had a good day, and answers 503 to its health now", "probe"),
    _fault("a8_goes_down", "A8 answers its health once, and 503 right before money moves", "checkout"),
    _fault("checkout_accepted_only", "A5 answers 202 to create-checkout", "checkout"),
    _fault("session_of_another", "A5 names the session of another checkout", "checkout"),
    _fault("answer_holds_key", "A5's checkout answer holds the provider key", "checkout"),
    _fault("amount_hundredfold", "A5 charges a hundred times as much, as if cents were dollars", "checkout"),
    _fault("trace_lost_at_refund", "A5 answers the refund with a trace id of its own", "refund"),
    _fault("refund_misnamed", "A5 names a refund that the provider does not know", "refund"),
    _fault("second_page", "A5 makes two pages for one checkout, and both can be paid", "proofs"),
    _fault("log_twice", "A5 writes payment_succeeded twice", "proofs"),
    _fault("log_says_failed", "A5 writes payment_failed after payment_succeeded", "proofs"),
    _fault("log_holds_card", "A5's payment_succeeded entry holds the card's number", "proofs"),
    _fault("event_accepted_only", "A8 answers 202 to an event", "event"),
    _fault("event_of_another_run", "A8 reads an event back with the payment of another run", "event"),
    _fault("event_under_another_app", "A8 reads an event back as one of A3", "event"),
    _fault("checksum_unformed", "A8's checksums are cut off after eight digits", "event"),
    _fault("page_elsewhere", "A5 sends the buyer to a page at another address than the provider's", "checkout"),
    _fault("charges_untraced", "A5 charges the same card again under no trace id", "proofs"),
    _fault("charges_renamed", "A5 charges the same card again under our trace id with -retry behind it", "proofs"),
    _fault("log_amount_other", "A5's payment_succeeded entry tells a hundred times the amount", "proofs"),
    _fault("log_payment_other", "A5's payment_succeeded entry tells another payment", "proofs"),
    _fault("refund_unheard", "A5 never writes payment_refunded", "proofs"),
    _fault("refund_heard_failed", "A5 writes refund_failed after payment_refunded", "proofs"),
    _fault("charges_after_event", "A5 charges the same card again when A8 gets the event", "event"),
    _fault("page_after_event", "A5 opens one more page that can be paid when A8 gets the event", "event"),
    _fault("page_decorated", "A5 adds a query and a fragment to the provider's address; benign", BENIGN),
    _fault("log_tells_less", "A5's log tells neither amount nor ids; benign", BENIGN),
    _fault("refund_heard_late", "A5's payment_refunded entry comes `seconds` later (default 1); benign", BENIGN),
    _fault("event_answered_200", "A8 answers 200 to an event that it keeps; benign", BENIGN),
    _fault("event_noted", "A8 reads an event back with a note of its own inside its data; benign", BENIGN),
    _fault("answers_late", "an app (default a3) answers `seconds` later (default 0.3); benign", BENIGN),
    _fault("database_slow", "probe_samples answers `seconds` later (default 0.4); benign", BENIGN),
    _fault("more_headers", "A5's answers carry more headers that name a trace; benign", BENIGN),
    _fault("checkout_told_otherwise", "A5's checkout tells more, in another order; benign", BENIGN),
    _fault("checkout_asked_twice", "A5 asks the provider twice under one idempotency key; benign", BENIGN),
    _fault("replicas_named", "A5's status tells which replica answers, in another order; benign", BENIGN),
    _fault("history_a3_slow", "A3 was slow for two minutes an hour ago; benign", BENIGN),
    _fault("answer_masks_key", "A5's checkout answer tells a key and a card with the middle left out; benign", BENIGN),
    _fault("refund_told_otherwise", "A5's refund tells more, in another order; benign", BENIGN),
    _fault("log_failed_before", "A5 writes payment_failed for a first try, then payment_succeeded; benign", BENIGN),
    _fault("log_masks_card", "A5's payment_succeeded entry tells a card with the middle left out; benign", BENIGN),
    _fault("event_late", "an event can be read at A8 `seconds` (default 1) after it was kept; benign", BENIGN),
    _fault("event_told_as_floats", "A8 reads an event's whole numbers back as 50.0; benign", BENIGN),
    _fault("event_told_otherwise", "A8 reads an event back with more fields, in another order; benign", BENIGN),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})
