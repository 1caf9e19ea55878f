"""The operator's terminal as a screen: a framed card, a QR code, a prompt with its deadline, a countdown that moves.

Owns drawing and typing on a terminal device that can move its cursor. Keys are decoded by prompt_toolkit, pictures
drawn by rich, the QR code made by segno; `seat_lines` is the same seat for terminals and people that want lines.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import termios
import threading
from typing import TYPE_CHECKING, Final

from pytest_paygate.adapters.seat_lines import LineSeat
from pytest_paygate.core.inert import inert
from pytest_paygate.core.seats import BELL_SECONDS, Card, Said, SeatLostError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings
    from rich.console import Console, RenderableType

_PLAIN_TERMS: Final = frozenset({"", "dumb", "unknown"})
# Rows that the two rules, an empty line and the prompt take.
_FRAME_ROWS = 4
_REDRAW_SECONDS = 1.0


def open_seat(
    path: str, environ: Mapping[str, str], elapsed_seconds: Callable[[], float], *, plain: bool
) -> LineSeat | ScreenSeat:
    """The seat at a terminal, in the form that terminal and its owner want.

    Args:
        path: the terminal device.
        environ: where `TERM`, `NO_COLOR` and `CI` are looked up.
        elapsed_seconds: the clock that waits are measured on.
        plain: lines in any case.

    Raises:
        OSError: when the device cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_NOCTTY)
    if plain or environ.get("TERM", "") in _PLAIN_TERMS or environ.get("CI"):
        return LineSeat(handle, elapsed_seconds)
    return ScreenSeat(handle, elapsed_seconds, colour=not environ.get("NO_COLOR"), term=environ["TERM"])


class ScreenSeat:
    """A person at a terminal whose cursor can be moved. Implements `core.seats.Seat`.

    Args:
        handle: an open terminal device; it is closed with the seat.
        elapsed_seconds: the clock that waits are measured on.
        colour: whether the owner of the terminal wants colours.
        term: the terminal's kind.
    """

    name = "terminal"

    def __init__(self, handle: int, elapsed_seconds: Callable[[], float], *, colour: bool, term: str) -> None:
        self._file: TextIO = os.fdopen(handle, "w", encoding="utf-8", errors="replace")
        self._elapsed_seconds = elapsed_seconds
        self._colour = colour
        self._term = term
        self._card: Card | None = None
        self._ends_seconds = 0.0
        self._fields: dict[str, str] = {}
        self._prompt: PromptSession[str] | None = None
        self._waits: list[Waiting] = []

    def close(self) -> None:
        """Release the terminal."""
        with contextlib.suppress(OSError):
            self._file.close()

    def show(self, card: Card) -> None:
        """Draw the card; what was typed before it is thrown away."""
        self._card, self._fields = card, {}
        self._ends_seconds = self._elapsed_seconds() + card.deadline_seconds
        try:
            termios.tcflush(self._file.fileno(), termios.TCIFLUSH)
            self._forget_keys()
            console = self._console()
            console.print()
            for piece, may_wrap in _pieces(card, console):
                console.print(piece, soft_wrap=may_wrap)
        except (OSError, ValueError, termios.error) as error:
            raise _lost(error) from None

    async def said(self) -> Said:
        """Ask for the fields first, then for the word or the text that is wanted."""
        card = self._card
        if card is None:
            raise SeatLostError("nothing was asked")
        for name in card.fields:
            while not self._fields.get(name):
                self._fields[name] = await self._line(f"{inert(name)}: ")
        if card.wanted:
            return Said(self.name, await self._line(f"type {card.wanted} > "))
        word, _, text = (await self._line(f"{', '.join(card.words)} > ")).partition(" ")
        return Said(self.name, word, text, dict(self._fields))

    def tell(self, sentence: str) -> None:
        """Write a line above the prompt."""
        line = f"  {inert(sentence)}"
        prompt = self._prompt
        if prompt is not None and prompt.app.is_running:
            prompt.app.create_background_task(self._above(prompt, line))
            return
        with contextlib.suppress(OSError, ValueError):
            self._draw(line)

    def take_away(self, sentence: str) -> None:
        """Say why the card is gone; what was drawn stays in the scrollback, which is evidence too."""
        if self._card is not None and sentence:
            self.tell(sentence)
        self._card = None

    @contextlib.contextmanager
    def waiting(self, wait: Waiting) -> Iterator[None]:
        """Redraw one line each second, from a thread: a blocked event loop must not hide that time runs out."""
        self._waits.append(wait)
        over = threading.Event()
        thread = threading.Thread(target=self._redraw, args=(wait, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._waits.remove(wait)

    def _redraw(self, wait: Waiting, over: threading.Event) -> None:
        from rich.live import Live
        from rich.text import Text

        live: Live | None = None
        rung = False
        try:
            while not over.is_set():
                now = self._elapsed_seconds()
                line = wait.shown(now) if self._leads(wait) else ""
                if line and live is None:
                    self._file.write("\n")
                    live = Live(console=self._console(), auto_refresh=False)
                    live.start()
                if live is not None:
                    urgent = wait.is_countdown and wait.ends_seconds - now <= BELL_SECONDS
                    live.update(Text(f"  {line}", style="bold red" if urgent else "bold", no_wrap=True), refresh=True)
                    if urgent and not rung:
                        rung = True
                        self._file.write("\a")
                        self._file.flush()
                over.wait(_REDRAW_SECONDS)
        except (OSError, ValueError):
            return
        finally:
            if live is not None:
                with contextlib.suppress(OSError, ValueError):
                    live.update(Text(f"  {wait.over(self._elapsed_seconds())}"), refresh=True)
                    live.stop()

    def _leads(self, wait: Waiting) -> bool:
        """One wait is shown at a time: a countdown before a poll; none while a question is open, which has its own."""
        if self._card is not None:
            return False
        counting = [one for one in self._waits if one.is_countdown]
        return wait is (counting or self._waits)[-1]

    async def _line(self, question: str) -> str:
        try:
            session = self._session()
        except (OSError, ValueError) as error:
            raise _lost(error) from None

        def message() -> str:
            minutes, seconds = divmod(max(0, int(self._ends_seconds - self._elapsed_seconds())), 60)
            return f"  [{minutes}:{seconds:02}] {question}"

        self._prompt = session
        try:
            return (await session.prompt_async(message, refresh_interval=0.5, handle_sigint=False)).strip()
        except (EOFError, OSError, ValueError) as error:
            raise _lost(error) from None
        finally:
            self._prompt = None

    def _session(self) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.data_structures import Size
        from prompt_toolkit.history import DummyHistory
        from prompt_toolkit.input.vt100 import Vt100Input
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.output.vt100 import Vt100_Output

        def size() -> Size:
            columns, rows = os.get_terminal_size(self._file.fileno())
            return Size(rows=rows, columns=columns)

        depth = ColorDepth.default() if self._colour else ColorDepth.DEPTH_1_BIT
        return PromptSession(
            input=Vt100Input(self._file),
            # Not every terminal tells where its cursor is, and nothing here needs to know.
            output=Vt100_Output(self._file, size, term=self._term, default_color_depth=depth, enable_cpr=False),
            history=DummyHistory(),
            key_bindings=_keys(),
            reserve_space_for_menu=0,
        )

    def _forget_keys(self) -> None:
        from prompt_toolkit.input.typeahead import clear_typeahead
        from prompt_toolkit.input.vt100 import Vt100Input

        clear_typeahead(Vt100Input(self._file))

    def _console(self) -> Console:
        from rich.console import Console

        columns, rows = os.get_terminal_size(self._file.fileno())
        return Console(
            file=self._file,
            force_terminal=True,
            no_color=not self._colour,
            color_system="standard" if self._colour else None,
            width=columns,
            height=rows,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            # The terminal's kind is told with the seat; `COLUMNS` and the like are of another window.
            _environ={"TERM": self._term},
        )

    def _draw(self, picture: RenderableType) -> None:
        self._console().print(picture)
        self._file.flush()

    async def _above(self, prompt: PromptSession[str], line: str) -> None:
        from prompt_toolkit.application import in_terminal
        from prompt_toolkit.application.current import set_app

        with contextlib.suppress(OSError, ValueError), set_app(prompt.app):
            async with in_terminal():
                self._draw(line)


def _pieces(card: Card, console: Console) -> Iterator[tuple[RenderableType, bool]]:
    """The card from top to bottom, each piece with whether the terminal itself may break its line.

    Nothing stands at the sides, and an address is never broken by us: it can be copied whole, however long it is.
    """
    from rich.rule import Rule
    from rich.text import Text

    style = "bold red" if card.is_live else "bold yellow" if card.wanted else "cyan"
    yield Rule(Text(inert(card.title), style="bold"), align="left", style=style), False
    told: list[RenderableType] = [_text(line) for line in card.lines]
    if card.match_code:
        told.append(Text(f"  Match code {card.match_code}: the page must show the same.", style="bold"))
    said = [Text.assemble((f"  {word.value:<6}", "bold"), meaning) for word, meaning in card.words.items()]
    yield from ((piece, False) for piece in told)
    if card.url:
        yield _address(card.url, console), True
        used_rows = sum(len(console.render_lines(one)) for one in [*told, *said]) + len(card.url) // console.width + 1
        yield _code(card.url, console, used_rows), False
    yield from ((piece, False) for piece in said)
    yield Rule(style=style), False


def _address(url: str, console: Console) -> RenderableType:
    from rich.style import Style
    from rich.text import Text

    plain = inert(url)
    return Text(plain, style=Style(underline=True, link=plain if console.color_system else None))


def _code(url: str, console: Console, used_rows: int) -> RenderableType:
    """A QR code of the page, when that leaves the whole card in the window."""
    import segno
    from rich.text import Text

    picture = io.StringIO()
    code = segno.make(url, error="l", micro=False)
    code.terminal(picture, border=2, compact=True)
    rows = len(picture.getvalue().splitlines()) + used_rows + _FRAME_ROWS
    if rows > console.height or code.symbol_size(border=2)[0] > console.width:
        return Text(f"  (no QR code: it needs a window of {rows} rows)")
    return Text(picture.getvalue().rstrip("\n"), style="white on black" if console.color_system else "")


def _text(line: str) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(inert(line), overflow="fold"), (0, 2))


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("c-c")
    def _interrupt(event: KeyPressEvent) -> None:
        # The one way out that everything else takes too: what is open is settled on it.
        del event
        signal.raise_signal(signal.SIGINT)

    @keys.add("c-d")
    def _nothing(event: KeyPressEvent) -> None:
        # The end of input is no answer, and must not cost the terminal.
        event.app.output.bell()

    return keys


def _lost(error: Exception) -> SeatLostError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SeatLostError(f"the terminal is gone ({reason})")
