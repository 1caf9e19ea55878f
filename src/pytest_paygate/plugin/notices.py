"""Notices of a session: whom they are told, on a thread of its own, and what is done when that fails.

Owns the queue between a run and the hook and webhook that hear of it. A run never waits for either: it hands a notice
over and goes on. What could not be delivered is journalled where a run is still open, and told at the end.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.settings import notify_secret
from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import PaygateError, configuration
from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.notices import Notice, Occasion, line
from pytest_paygate.core.run import IllegalEventError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_paygate.adapters.http_webhook import Webhook
    from pytest_paygate.core.seats import Card, Waiting
    from pytest_paygate.plugin.gate_run import GateRun
    from pytest_paygate.plugin.runs import Runs
    from pytest_paygate.reporting.run_reports import Outcome

# What money has to do is done by then: a notice still under way may take this much of the run's end, and no more.
BEFORE_THE_END_SECONDS = 1.0
# And this much of the session's, for the last one.
AT_THE_END_SECONDS = 20.0
_UNTOLD = "a text that holds a secret of this run and is not told"
_REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A notice that somebody did not get: which run it was of, what it was, and why."""

    run_id: str
    gate: str
    sentence: str


class Notices:
    """Who is told, and the thread that tells them; it starts with the first notice.

    Args:
        runs: the session's gates.

    Raises:
        ConfigurationError: when a webhook is written down and its secret, or the library that signs, is not there.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        # Nobody is to be called because somebody tries the embedded sandbox; the hook hears of it all the same.
        self._webhook = None if runs.is_embedded else _webhook(runs)
        self._queue: queue.Queue[Notice | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._failed: list[Undelivered] = []
        self._journalled: set[int] = set()

    @property
    def is_heard(self) -> bool:
        """Whether anybody is told at all."""
        return self._webhook is not None or bool(self._hook.get_hookimpls())

    @property
    def undelivered(self) -> Sequence[str]:
        """What somebody did not get so far, as sentences."""
        return [one.sentence for one in self._failed]

    def operator_needed(self, run: GateRun, card: Card) -> None:
        """A card was put before a person."""
        self._tell(run, Occasion.OPERATOR_NEEDED, card.title, deadline_seconds=card.deadline_seconds)

    def countdown(self, run: GateRun, wait: Waiting) -> Callable[[], None]:
        """Tell when a countdown ends unreached; the returned function is called when it was reached or closed."""
        left = max(0.0, wait.ends_seconds - run.clock.elapsed_seconds())
        text = f"{wait.title}: time is up. {wait.at_end}".strip()
        timer = threading.Timer(left, self._tell, (run, Occasion.REFUND_OVERDUE, text))
        timer.daemon = True
        if self.is_heard:
            timer.start()
        return timer.cancel

    def seen(self, run: GateRun, event: ev.EventBody) -> None:
        """An event was journalled; it may be one that somebody waits for."""
        match event:
            case ev.RunEscalated():
                told = f"money is outstanding: {event.amount} of {event.charge}: {event.reason}"
            case ev.AnomalyRecorded(code="refund_slow"):
                told = event.detail
            case ev.PollFinished() if event.outcome != "reached" and _REFUND in event.poll.lower():
                told = f"{event.poll} was not reached in {event.waited_seconds:.0f} s ({event.outcome})"
            case _:
                return
        self._tell(run, Occasion.REFUND_OVERDUE, told)

    def journal(self, run: GateRun) -> None:
        """Before a run's last line: give notices under way a moment, and journal those that failed."""
        self._wait(BEFORE_THE_END_SECONDS)
        for number, one in enumerate(list(self._failed)):
            if one.run_id == run.runs.identity and one.gate == run.gate.id and number not in self._journalled:
                self._journalled.add(number)
                # A journal that takes no more lines has said why.
                with contextlib.suppress(IllegalEventError, PaygateError):
                    run.journal.record(ev.AnomalyRecorded(code="notice_failed", detail=one.sentence))

    def verdicts(self, outcomes: Sequence[Outcome], exit_code: int) -> None:
        """Tell how each run ended, and wait until everybody was told or the time for it is up."""
        for outcome in outcomes:
            started = None if outcome.state is None else outcome.state.started
            if started is None or outcome.state is None or outcome.state.gate is None:
                continue
            root = self._runs.config.rootpath
            page = outcome.page
            self._hand_over(
                Notice(
                    occasion=Occasion.VERDICT,
                    event_id=_event_id(),
                    at=datetime.now(UTC),
                    gate=outcome.state.gate.id,
                    environment=started.environment,
                    mode=started.mode.value,
                    run_id=started.run_id,
                    text=line(outcome.headline),
                    verdict=outcome.verdict.value,
                    exit_code=int(exit_code),
                    report=page.relative_to(root).as_posix() if page is not None and page.is_relative_to(root) else "",
                )
            )
        self.close()

    def close(self) -> None:
        """Deliver what is left, within bounds, and stop."""
        if self._thread is not None:
            if not self._wait(AT_THE_END_SECONDS):
                self._fail(None, "what was still to be told at the end of the session", "the time for it was up")
            self._queue.put(None)
            self._thread.join(BEFORE_THE_END_SECONDS)
            self._thread = None
        if self._webhook is not None:
            self._webhook.close()

    @property
    def _hook(self) -> Any:
        return self._runs.config.hook.pytest_paygate_notify

    def _tell(self, run: GateRun, occasion: Occasion, text: str, *, deadline_seconds: float | None = None) -> None:
        started = run.state.started
        if started is None:
            return
        self._hand_over(
            Notice(
                occasion=occasion,
                event_id=_event_id(),
                at=datetime.now(UTC),
                gate=run.gate.id,
                environment=started.environment,
                mode=started.mode.value,
                run_id=started.run_id,
                text=line(text),
                row=run.state.open_row or "",
                deadline_seconds=deadline_seconds,
            )
        )

    def _hand_over(self, notice: Notice) -> None:
        if notice.occasion not in self._runs.settings.notify.on or not self.is_heard:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="paygate-notices", daemon=True)
                self._thread.start()
        self._queue.put(notice)

    def _deliver(self) -> None:
        while (notice := self._queue.get()) is not None:
            # Whatever a hook does, pytest's own ways to fail among it, is its own affair.
            try:
                self._deliver_one(notice)
            except BaseException as error:  # noqa: BLE001 - see above
                self._fail(notice, "anybody", type(error).__name__)
            self._queue.task_done()

    def _deliver_one(self, notice: Notice) -> None:
        scanner = Scanner(list(self._runs.held))
        if scanner.holds(notice.text):
            notice = replace(notice, text=_UNTOLD)
        body = json.dumps(notice.payload(), ensure_ascii=False, separators=(",", ":"))
        if scanner.holds(body):
            self._fail(notice, "anybody", "it would have held a secret")
            return
        try:
            self._hook(notice=notice)
        except BaseException as error:  # noqa: BLE001 - as above; the webhook still hears of it
            self._fail(notice, "the hook pytest_paygate_notify", f"it raised {type(error).__name__}")
        if self._webhook is not None:
            reason = self._webhook.send(notice.event_id, body)
            if reason:
                self._fail(notice, "the webhook", reason)

    def _fail(self, notice: Notice | None, whom: str, reason: str) -> None:
        if notice is None:
            self._failed.append(Undelivered("", "", f"{whom}: {reason}"))
            return
        sentence = f"the notice {notice.occasion} did not reach {whom}: {reason}"
        self._failed.append(Undelivered(notice.run_id, notice.gate, sentence))

    def _wait(self, seconds: float) -> bool:
        told = self._queue.all_tasks_done
        with told:
            return told.wait_for(lambda: not self._queue.unfinished_tasks, seconds)


def _webhook(runs: Runs) -> Webhook | None:
    settings, file = runs.settings, runs.settings_file
    secret = notify_secret(settings, file)
    if secret is None:
        return None
    try:
        from pytest_paygate.adapters.http_webhook import Webhook as Sender
    except ModuleNotFoundError as error:
        raise configuration(
            f"{file}: notify.webhook",
            "needs a library that is not installed",
            expected="the extra `notify`: standardwebhooks",
            observed=f"missing: {error.name}",
            next_step="Run `pip install 'pytest-paygate[notify]'`, or take [notify] out.",
        ) from None
    return Sender(settings.notify.webhook, secret, f"{file}: notify.secret")


def _event_id() -> str:
    return f"msg_{secrets.token_hex(12)}"
