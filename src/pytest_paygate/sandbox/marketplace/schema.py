"""Tables of the marketplace's own database. `orders`, `licenses` and `seller_transfers` are what a gate may read.

Owns DDL only; the rows are written by the modules named for them.
"""

from __future__ import annotations

SCHEMA = """
CREATE TABLE buyers (
    id text PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_salt bytea NOT NULL,
    password_hash bytea NOT NULL
);

CREATE TABLE access_tokens (
    token_sha256 bytea PRIMARY KEY,
    buyer_id text NOT NULL REFERENCES buyers (id),
    expires_at timestamptz NOT NULL
);

CREATE TABLE products (
    id text PRIMARY KEY,
    position integer NOT NULL,
    title text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    currency text NOT NULL,
    tax_rate numeric(5, 4) NOT NULL,
    licence_type text NOT NULL,
    licence_rights text[] NOT NULL
);

CREATE TABLE orders (
    id text PRIMARY KEY,
    buyer_id text NOT NULL REFERENCES buyers (id),
    product_id text NOT NULL REFERENCES products (id),
    idempotency_key text NOT NULL,
    trace_id text NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'completed', 'failed', 'refund_pending', 'refunded')),
    total_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    currency text NOT NULL,
    hyperswitch_payment_id text NOT NULL UNIQUE,
    payment_url text,
    connector_transaction_id text,
    refund_id text UNIQUE,
    refund_reason text,
    failure_reason text,
    refund_failure text,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    refunded_at timestamptz,
    UNIQUE (buyer_id, idempotency_key)
);

CREATE TABLE licenses (
    id text PRIMARY KEY,
    order_id text NOT NULL REFERENCES orders (id),
    -- One licence an order: only a fault writes a second copy.
    copy integer NOT NULL DEFAULT 0,
    buyer_id text NOT NULL REFERENCES buyers (id),
    type text NOT NULL,
    rights text[] NOT NULL,
    issued_at timestamptz NOT NULL,
    revoked_at timestamptz,
    UNIQUE (order_id, copy)
);

CREATE TABLE seller_transfers (
    id text PRIMARY KEY,
    order_id text NOT NULL UNIQUE REFERENCES orders (id),
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    stripe_transfer_id text,
    status text NOT NULL CHECK (status IN ('pending', 'paid', 'reversed')),
    created_at timestamptz NOT NULL
);

CREATE TABLE webhook_events (
    event_id text PRIMARY KEY,
    event_type text NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE jobs (
    id bigserial PRIMARY KEY,
    order_id text NOT NULL REFERENCES orders (id),
    kind text NOT NULL CHECK (kind IN (
        'complete', 'transfer', 'send_refund', 'reverse', 'reverse_transfer', 'revoke'
    )),
    due_at double precision NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    done_at timestamptz
);
CREATE INDEX jobs_due ON jobs (due_at) WHERE done_at IS NULL;
"""
