"""An operator whose page is really served, with or without a terminal beside it, and a browser-like client for it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from html import unescape
from typing import TYPE_CHECKING

import httpx

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.operator_person import PersonOperator
from pytest_paygate.adapters.page_board import Board
from pytest_paygate.adapters.page_server import PageServer
from pytest_paygate.adapters.seat_page import PageSeat
from pytest_paygate.core.confirmation import Confirmation
from pytest_paygate.core.page import GateTable, RowLine
from pytest_paygate.core.ports import HoldPoint
from pytest_paygate.renderers import operator_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.seats import Seat

_TOKEN = re.compile(r'name="form" value="([^"]+)"')


class Events:
    """Keeps what is journalled."""

    def __init__(self):
        self.bodies = []

    def record(self, body):
        """Keep one event."""
        self.bodies.append(body)
        return len(self.bodies)

    def answers(self):
        """What the seats said: card, seat, and whether it counted."""
        return [(body.card, body.seat, body.counted) for body in self.bodies if body.kind == "seat_answered"]


def tables(**changes: str) -> list[GateTable]:
    """One gate of two rows."""
    values = {
        "gate_id": "e2e",
        "title": "End to end",
        "mode": "live",
        "environment": "prod",
        "run_id": "20261121T120000000Z-1a2b3c4d",
        "preflight": [RowLine("P1", "Keys are live", "PASS", "✓")],
        "rows": [RowLine("1", "Buy one thing", "RUNNING", "▶"), RowLine("2", "Refund it", "NOT_RUN", "○")],
        **changes,
    }
    return [GateTable(**values)]


class Scene:
    """A served page with an operator behind it.

    Args:
        others: seats beside the page.
        gates: what its table shows.
    """

    def __init__(self, *others: Seat, gates: list[GateTable] | None = None) -> None:
        shown = tables() if gates is None else gates
        self.events = Events()
        self.board = Board(SystemClock(), lambda: shown)
        self.server = PageServer(self.board, operator_page)
        self.server.start()
        self.seat = PageSeat(self.board)
        self.operator = PersonOperator(
            [*others, self.seat], recorder=self.events, clock=SystemClock(), match_code=lambda: "4711"
        )

    @property
    def base(self) -> str:
        """The page's origin."""
        return self.server.address.partition("/?")[0]

    def close(self) -> None:
        """Stop serving."""
        self.operator.close()
        self.server.close()


class Browser:
    """A client that keeps cookies, follows redirects and sends forms as a browser does."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._client = httpx.AsyncClient(base_url=scene.base, follow_redirects=True, trust_env=False, timeout=10)
        self.home = ""

    async def enter(self) -> httpx.Response:
        """Open the address the terminal shows."""
        answer = await self._client.get(self.scene.server.address)
        self.home = answer.url.path
        return answer

    async def look(self) -> str:
        """The page as text, entities undone."""
        return unescape((await self._client.get(self.home)).text)

    async def now(self) -> dict:
        """What the page's script sees."""
        return (await self._client.get(f"{self.home}now")).json()

    async def until(self, text: str, seconds: float = 10.0) -> str:
        """Look until a text stands on the page."""
        loop = asyncio.get_running_loop()
        stop = loop.time() + seconds
        while True:
            page = await self.look()
            if text in page:
                return page
            assert loop.time() < stop, f"{text!r} was never shown; the page:\n{page}"
            # Whoever asks must come by, to put its question there.
            await asyncio.sleep(0.02)

    async def form(self) -> str:
        """The token of the form that stands on the page now."""
        found = _TOKEN.search(await self.until('name="form"'))
        assert found
        return found[1]

    async def send(self, form: str = "", *, headers: dict | None = None, **fields: str) -> httpx.Response:
        """Send the form; with the token that stands on the page, unless another is given."""
        fields = {"form": form or await self.form(), **{name.replace("_", "-"): text for name, text in fields.items()}}
        given = {"origin": self.scene.base, **(headers or {})}
        return await self._client.post(f"{self.home}answer", data=fields, headers=given)

    async def raw(self, method: str, path: str, **more) -> httpx.Response:
        """One request, redirects not followed."""
        return await self._client.request(method, path, follow_redirects=False, **more)

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()


@contextlib.contextmanager
def served(*others: Seat, gates: list[GateTable] | None = None) -> Iterator[Scene]:
    """A scene for as long as the context is open."""
    scene = Scene(*others, gates=gates)
    try:
        yield scene
    finally:
        scene.close()


def asked(**changes) -> Confirmation:
    """A confirmation of a short life."""
    values = {
        "headline": "THIS MOVES REAL MONEY. Read the plan:",
        "lines": ("gross        EUR 5.00", "account      acct_1"),
        "amount": "EUR 5.00",
        "word": "amber",
        "deadline_seconds": 20.0,
        "is_live": True,
        **changes,
    }
    return Confirmation(**values)


def point(**changes) -> HoldPoint:
    """A hold point of a short life."""
    values = {
        "hold_id": "pay",
        "title": "Pay EUR 5.00",
        "instructions": ("Expect EUR 5.00.",),
        "deadline_seconds": 20.0,
        "url": "https://pay.example/x?id=1",
        **changes,
    }
    return HoldPoint(**values)
