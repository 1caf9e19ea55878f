"""The demo gate with guards and a capacity, before a real target over HTTP that counts what reaches it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import capacity_rules
from pytest_paygate.core.capacity_rules import CapacityRules, CapacitySettings, rules_of

if TYPE_CHECKING:
    from datetime import timedelta

    from pytest_paygate.core.capacity import Book
    from tests.plugin.project import Project

SETTINGS = CapacitySettings(budget=25, pause_below=5, period="30d")
GUARDS = """
[thresholds]
least_units = 5

[capacity]
required = true

[[guards]]
id = "capacity"
title = "Units of capacity left"
source = "capacity"
at_least = "least_units"

[[guards]]
id = "a3_up"
title = "A3 answers 200"
fact = "a3_status"
equals = 200
"""
PREFLIGHT = """
facts["ready_checks"] = 3
run.watch_guard("a3_up", lambda: health(api))
await run.read_guard("capacity")
facts["a3_status"] = await health(api)
run.guard("a3_up")
""".strip()
PAY = """
answer = await api.post("/pay", json={"amount": 1999}, charge=Money(1999, "EUR"))
facts["paid"] = Money(1999, "EUR") if answer.status == 200 else Money(0, "EUR")
""".strip()


class Target:
    """A target on loopback: `GET /health` answers from a list, the last one for ever; `POST /pay` is counted."""

    def __init__(self) -> None:
        target = self
        self.health = [200]
        self.pay_status = 200
        self.looks = 0
        self.paid = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = target.health[min(target.looks, len(target.health) - 1)]
                target.looks += 1
                self._answer(status)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                target.paid += 1
                self._answer(target.pay_status)

            def _answer(self, status: int) -> None:
                body = json.dumps({"data": {}}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def guard(project: Project, target: Target) -> None:
    """Give the demo gate its guards, its capacity and its target."""
    project.change("gate.toml", 'order_id = "identifier"', 'order_id = "identifier"\na3_status = "integer"')
    project.change("gate.toml", "[[preflight]]", f"{GUARDS}\n[[preflight]]")
    project.change("test_demo.py", "from pytest_paygate import Facts, Money", IMPORTS)
    project.change("test_demo.py", "def test_ready(facts: Facts)", "async def test_ready(facts, run, api, capacity)")
    project.change("test_demo.py", "async def test_payment(facts: Facts)", "async def test_payment(facts, run, api)")
    project.body("ready", PREFLIGHT)
    project.body("payment", PAY)
    project.write("paygate.toml", settings(target, counted=True))


def settings(target: Target, *, counted: bool) -> str:
    """`paygate.toml` with the demo environment, whose charges are counted or not."""
    table = '[env.demo.capacity]\nbudget = 25\npause_below = 5\nperiod = "30d"\n' if counted else ""
    return f'live_env = "demo"\n[env.demo]\nmode = "staging"\nbase_url = "{target.url}"\npayer = "http"\n{table}'


IMPORTS = """
from pytest_paygate import Facts, Money


async def health(api):
    return (await api.get("/health")).status
""".strip()


class Books:
    """The capacity of the demo environment, as somebody at its terminal sees it."""

    def __init__(self, project: Project) -> None:
        self._log = FileStore(project.path / "reports" / ".live").capacity
        self.file = project.path / "reports" / ".live" / "demo" / "capacity.jsonl"

    @property
    def rules(self) -> CapacityRules:
        """The environment's rules."""
        found = rules_of(SETTINGS)
        assert found is not None
        return found

    def grant(self, units: int) -> None:
        """Grant."""
        now = datetime.now(UTC)
        entry = capacity_rules.grant(self.rules, by="ann", reason="period", units=units, now=now)
        asyncio.run(self._log.change("demo", lambda _: entry, now))

    def override(self, length: timedelta) -> None:
        """Override."""
        now = datetime.now(UTC)
        asyncio.run(
            self._log.change(
                "demo",
                lambda book: capacity_rules.override(
                    book, self.rules, by="bob", reason="launch", until=now + length, now=now
                ),
                now,
            )
        )

    def book(self) -> Book:
        """The log, folded."""
        return asyncio.run(self._log.read("demo"))
