"""Serves the operator's page on loopback, in a thread with an event loop of its own.

So the page answers while a row is synchronous, and between rows. Owns the routes, the socket and the thread; signals,
logging and every address but 127.0.0.1 are left alone. The one module that knows Starlette and uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pytest_paygate.adapters.page_access import BODY_BYTES_MAX, HOST, Access, Keys
from pytest_paygate.adapters.page_board import Taken
from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from pytest_paygate.adapters.page_board import Board
    from pytest_paygate.core.page import Ending, PageView

_START_SECONDS = 10.0
_BODY_SECONDS = 5.0
_FIELDS_MAX = 32
# How long an answer waits for the run to have taken it, so that the page drawn next shows what became of it.
_TAKE_SECONDS = 1.5
_LOOK_SECONDS = 0.02
# The page looks every two seconds; a browser that did not lately is not waited for.
_WATCHED_SECONDS = 6.0


class Drawing(Protocol):
    """What turns the page's state into HTML."""

    def page(self, view: PageView) -> str:
        """The whole page."""

    def parts(self, view: PageView) -> dict[str, Any]:
        """What the page's script needs, as JSON values."""

    def refusal(self, title: str, sentence: str) -> str:
        """A page that says why there is nothing to see."""

    def style(self) -> str:
        """The stylesheet."""

    def script(self) -> str:
        """The script."""


class PageServer:
    """The page of one session.

    Args:
        board: what stands on it, and where what is sent goes.
        drawing: draws it.
    """

    def __init__(self, board: Board, drawing: Drawing) -> None:
        self._board = board
        self._drawing = drawing
        self._socket = _listen()
        port = self._socket.getsockname()[1]
        self._base = f"http://{HOST}:{port}"
        self._keys = Keys(port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Access(self._routes(), self._keys, port, drawing.refusal),
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=64,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="paygate-page", daemon=True)
        self._looked_seconds = float("-inf")
        self._saw_end = threading.Event()

    @property
    def address(self) -> str:
        """The address to open, with its one-time token."""
        return self._keys.address(self._base)

    def start(self) -> None:
        """Serve.

        Raises:
            ConfigurationError: when it does not come up.
        """
        self._thread.start()
        stop = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > stop:
                raise _not_started("its server did not come up")
            time.sleep(_LOOK_SECONDS)

    def end(self, endings: Sequence[Ending], *, linger_seconds: float) -> None:
        """Say how the session ended, let a browser that is looking see it, and stop.

        Args:
            endings: the verdict of each gate.
            linger_seconds: how long to wait for that browser.
        """
        self._board.end(endings)
        if time.monotonic() - self._looked_seconds <= _WATCHED_SECONDS:
            self._saw_end.wait(linger_seconds)
        self.close()

    def close(self) -> None:
        """Stop. It can be called twice."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_START_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        reason = "the page's server has ended"
        try:
            self._server.run(sockets=[self._socket])
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody can be asked here any more
            reason = f"{reason} ({type(error).__name__})"
        finally:
            self._board.lose(reason)

    def _routes(self) -> Starlette:
        seat = f"/{self._keys.seat}"
        return Starlette(
            routes=[
                Route("/", self._enter, methods=["GET"]),
                Route(f"{seat}/", self._page, methods=["GET"]),
                Route(f"{seat}/now", self._now, methods=["GET"]),
                Route(f"{seat}/page.css", self._style, methods=["GET"]),
                Route(f"{seat}/page.js", self._script, methods=["GET"]),
                Route(f"{seat}/answer", self._answer, methods=["POST"]),
            ]
        )

    async def _enter(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        # A look that asks for the headers only must not use the token up.
        cookie = "" if request.method != "GET" else self._keys.exchange(token)
        if cookie:
            return RedirectResponse(f"/{self._keys.seat}/", 303, headers={"set-cookie": cookie})
        if self._keys.was_used(token):
            sentence = (
                "This address was opened before, and it lets one browser in, once. Go on where it was opened. "
                "If that was not you, answer at the terminal or end the run: whoever opened it can answer for you."
            )
            return self._refused(403, "Opened before", sentence)
        return self._refused(403, "Not your page", "Open the address that the terminal shows, whole.")

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(self._drawing.page(self._looked()))

    async def _now(self, _request: Request) -> Response:
        return JSONResponse(self._drawing.parts(self._looked()))

    def _looked(self) -> PageView:
        view = self._board.view()
        self._looked_seconds = time.monotonic()
        if view.is_over:
            self._saw_end.set()
        return view

    async def _style(self, _request: Request) -> Response:
        return Response(self._drawing.style(), media_type="text/css")

    async def _script(self, _request: Request) -> Response:
        return Response(self._drawing.script(), media_type="text/javascript")

    async def _answer(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return self._refused(400, "Not a form", "The answer could not be read, and counts for nothing.")
        typed = [form.get(f"field-{number}", "") for number in range(1, _FIELDS_MAX + 1)]
        taken = self._board.send(form.get("form", ""), form.get("word", ""), form.get("text", ""), typed)
        if taken is Taken.UNKNOWN:
            sentence = "This form is not of this run, or very old. Nothing was answered. Go back and look again."
            return self._refused(409, "An old form", sentence)
        if taken is Taken.TAKEN:
            for _ in range(int(_TAKE_SECONDS / _LOOK_SECONDS)):
                if not self._board.is_taking:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
        return RedirectResponse(f"/{self._keys.seat}/#question", 303)

    def _refused(self, status: int, title: str, sentence: str) -> Response:
        return HTMLResponse(self._drawing.refusal(title, sentence), status)


async def _form(request: Request) -> Mapping[str, str] | None:
    """The form's fields, each at most once; None for what is no such form."""
    body = b""
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    return None
            try:
                pairs = parse_qsl(
                    body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
                )
            except ValueError:
                return None
            found = dict(pairs)
            return found if len(found) == len(pairs) else None
    return None


def _listen() -> socket.socket:
    # The protocol is named because asyncio switches Nagle's delay off only for sockets that name it.
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.bind((HOST, 0))
    except OSError as error:
        one.close()
        raise _not_started(error.strerror or type(error).__name__) from None
    return one


def _not_started(observed: str) -> ConfigurationError:
    return ConfigurationError(
        Refusal(
            refused="the operator's page cannot be served",
            expected=f"a free port on {HOST} for --operator=web",
            observed=observed,
            money=NOTHING_MOVED,
            next_step="Leave --operator=web out and answer at the terminal, or free the port.",
        )
    )
