"""Measures how long a warm start of the sandbox's PostgreSQL takes, from the call to the first answered query.

Run it as `python benchmarks/postgres_first_query.py [starts]`. It prints one JSON line, times in milliseconds. The
first start fills the cache and is reported apart. The data goes to TMPDIR: set it to compare file systems.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time

import psycopg

from pytest_paygate.sandbox.postgres import PostgresServer

_STARTS = 15
_DATABASES = {
    "provider": "CREATE SCHEMA stripe; CREATE TABLE stripe.charges (id text PRIMARY KEY, amount_minor bigint NOT NULL)",
    "marketplace": "CREATE TABLE orders (id text PRIMARY KEY, status text NOT NULL)",
}


def measure_once() -> tuple[float, float, float]:
    """Return milliseconds to a started server, to the first answer, and of the stop."""
    begun = time.perf_counter()
    with PostgresServer.start(_DATABASES) as server:
        started = time.perf_counter()
        with psycopg.connect(server.dsn("marketplace")) as connection:
            connection.execute("SELECT count(*) FROM orders").fetchone()
        answered = time.perf_counter()
    ended = time.perf_counter()
    return (started - begun) * 1000, (answered - begun) * 1000, (ended - answered) * 1000


def main() -> None:
    """Measure and print."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else _STARTS
    first = measure_once()[1]
    runs = [measure_once() for _ in range(starts)]
    answers = sorted(run[1] for run in runs)
    result = {
        "benchmark": "postgres_first_query",
        "starts": starts,
        "first_query_ms_median": round(statistics.median(answers), 1),
        "first_query_ms_min": round(answers[0], 1),
        "first_query_ms_max": round(answers[-1], 1),
        "server_up_ms_median": round(statistics.median(run[0] for run in runs), 1),
        "stop_ms_median": round(statistics.median(run[2] for run in runs), 1),
        "before_measuring_ms": round(first, 1),
        "temp_folder": tempfile.gettempdir(),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
