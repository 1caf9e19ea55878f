"""Tables of the fleet's own database. `a5_log` and `probe_samples` are what a gate may read.

Owns DDL only; the rows are written by the modules named for them.
"""

from __future__ import annotations

# The account that buys credits, also where no bearer token of A1 names its holder: there is one, made with the tables.
STUDENT_ID = "student_operator"

SCHEMA = """
CREATE TABLE accounts (
    id text PRIMARY KEY,
    credits bigint NOT NULL DEFAULT 0
);
INSERT INTO accounts (id) VALUES ('student_operator');

CREATE TABLE access_tokens (
    token_sha256 bytea PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts (id),
    expires_at timestamptz NOT NULL
);

CREATE TABLE checkouts (
    session_id text PRIMARY KEY,
    payment_intent_id text NOT NULL UNIQUE,
    idempotency_key text UNIQUE,
    account_id text NOT NULL REFERENCES accounts (id),
    trace_id text NOT NULL,
    credits bigint NOT NULL CHECK (credits > 0),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    url text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'refunded')),
    created_at timestamptz NOT NULL,
    paid_at timestamptz,
    refunded_at timestamptz
);

CREATE TABLE credit_entries (
    payment_intent_id text NOT NULL REFERENCES checkouts (payment_intent_id),
    kind text NOT NULL CHECK (kind IN ('purchase', 'refund')),
    account_id text NOT NULL REFERENCES accounts (id),
    credits bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (payment_intent_id, kind)
);

CREATE TABLE webhook_events (
    event_id text PRIMARY KEY,
    event_type text NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE a5_log (
    seq bigserial PRIMARY KEY,
    at timestamptz NOT NULL,
    level text NOT NULL,
    event text NOT NULL,
    trace_id text NOT NULL,
    fields jsonb NOT NULL
);
CREATE INDEX a5_log_trace ON a5_log (trace_id);

CREATE TABLE events (
    event_id text PRIMARY KEY,
    trace_id text NOT NULL,
    body text NOT NULL,
    checksum text NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE probe_samples (
    endpoint text NOT NULL,
    at timestamptz NOT NULL,
    status integer NOT NULL,
    latency_ms double precision NOT NULL
);
CREATE INDEX probe_samples_endpoint ON probe_samples (endpoint, at);
"""
