"""Tables of the Hyperswitch emulator. No column can hold a card number or a security code."""

from __future__ import annotations

SCHEMA = """
CREATE SCHEMA hyperswitch;

CREATE TABLE hyperswitch.payments (
    payment_id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    status text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    capture_method text NOT NULL,
    authentication_type text NOT NULL,
    metadata jsonb,
    description text,
    return_url text,
    customer_id text,
    email text,
    merchant_order_reference_id text,
    client_secret text NOT NULL,
    payment_link_id text UNIQUE,
    session_expires_at double precision NOT NULL,
    attempt_count integer NOT NULL DEFAULT 0,
    active_attempt_id text,
    connector_transaction_id text,
    amount_received bigint,
    amount_capturable bigint NOT NULL,
    card jsonb,
    error_code text,
    error_message text,
    redirect_url text,
    cancellation_reason text,
    created_at double precision NOT NULL,
    modified_at double precision NOT NULL
);

CREATE TABLE hyperswitch.attempts (
    attempt_id text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES hyperswitch.payments,
    number integer NOT NULL,
    status text NOT NULL,
    amount bigint NOT NULL,
    connector_transaction_id text UNIQUE,
    error_code text,
    error_message text,
    created_at double precision NOT NULL,
    modified_at double precision NOT NULL
);
CREATE INDEX attempts_payment ON hyperswitch.attempts (payment_id, number);

CREATE TABLE hyperswitch.refunds (
    refund_id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    payment_id text NOT NULL REFERENCES hyperswitch.payments,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    status text NOT NULL,
    reason text,
    metadata jsonb,
    connector_refund_id text UNIQUE,
    error_code text,
    error_message text,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL
);
CREATE INDEX refunds_payment ON hyperswitch.refunds (payment_id, seq);

CREATE TABLE hyperswitch.events (
    event_id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    event_type text NOT NULL,
    event_class text NOT NULL,
    object_id text NOT NULL,
    created_at double precision NOT NULL
);
"""
