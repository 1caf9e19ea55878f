"""Tables of the delivery queue: what is to be sent, byte for byte, and every attempt that was made.

Due times are PostgreSQL's own clock, so that a retry comes even while the sandbox's clock stands still.
"""

from __future__ import annotations

SCHEMA = """
CREATE SCHEMA webhooks;

CREATE TABLE webhooks.deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    endpoint_id text NOT NULL,
    url text NOT NULL,
    scheme text NOT NULL CHECK (scheme IN ('stripe', 'hyperswitch')),
    secret text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    body bytea NOT NULL,
    created_at double precision NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'delivered', 'lost', 'exhausted')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    planned boolean NOT NULL DEFAULT false,
    held boolean NOT NULL DEFAULT false,
    copy_of bigint REFERENCES webhooks.deliveries,
    last_status_code integer,
    last_error text
);

CREATE INDEX deliveries_due ON webhooks.deliveries (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_event ON webhooks.deliveries (event_id);

CREATE TABLE webhooks.attempts (
    delivery_id bigint NOT NULL REFERENCES webhooks.deliveries,
    number integer NOT NULL,
    at double precision NOT NULL,
    request_headers jsonb NOT NULL,
    status_code integer,
    response_body text,
    error text,
    PRIMARY KEY (delivery_id, number)
);
"""
