"""The emulator's tables. Owns DDL only; every statement runs once, when the cluster template is made.

- `objects` keeps every API object as it is shown; `hidden` holds what Stripe knows but never shows.
- `ledger` is append-only, held by a trigger: it is the oracle other tests count money with.
"""

from __future__ import annotations

SCHEMA = """
CREATE SCHEMA stripe;

CREATE TABLE stripe.objects (
    seq bigserial UNIQUE,
    id text PRIMARY KEY,
    object text NOT NULL,
    livemode boolean NOT NULL,
    created bigint NOT NULL,
    body jsonb NOT NULL,
    hidden jsonb NOT NULL DEFAULT '{}',
    payment_intent text GENERATED ALWAYS AS (body->>'payment_intent') STORED,
    charge text GENERATED ALWAYS AS (body->>'charge') STORED,
    transfer_group text GENERATED ALWAYS AS (body->>'transfer_group') STORED,
    source text GENERATED ALWAYS AS (body->>'source') STORED
);
CREATE INDEX objects_newest ON stripe.objects (object, livemode, seq DESC);
CREATE INDEX objects_payment_intent ON stripe.objects (payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX objects_charge ON stripe.objects (charge) WHERE charge IS NOT NULL;
CREATE INDEX objects_source ON stripe.objects (source) WHERE source IS NOT NULL;

CREATE TABLE stripe.ledger (
    seq bigserial PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('charge', 'refund', 'refund_failure', 'transfer', 'transfer_reversal', 'fee')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    object_id text NOT NULL,
    payment_intent text,
    charge text,
    livemode boolean NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    signed_settled_minor bigint NOT NULL,
    settlement_currency text NOT NULL,
    balance_transaction text NOT NULL
);
CREATE FUNCTION stripe.ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stripe.ledger is append-only';
END
$$;
CREATE TRIGGER ledger_rows BEFORE UPDATE OR DELETE ON stripe.ledger
    FOR EACH ROW EXECUTE FUNCTION stripe.ledger_is_append_only();
CREATE TRIGGER ledger_table BEFORE TRUNCATE ON stripe.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION stripe.ledger_is_append_only();

CREATE TABLE stripe.idempotency (
    livemode boolean NOT NULL,
    key text NOT NULL,
    endpoint text NOT NULL,
    fingerprint text NOT NULL,
    created double precision NOT NULL,
    request_id text NOT NULL,
    status integer,
    body text,
    PRIMARY KEY (livemode, key)
);

CREATE TABLE stripe.jobs (
    id bigserial PRIMARY KEY,
    due double precision NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    livemode boolean NOT NULL
);
CREATE INDEX jobs_due ON stripe.jobs (due);
"""
