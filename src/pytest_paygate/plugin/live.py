"""Live runs inside pytest: what is typed, what is refused at once, when money is armed, and when it is settled.

Owns the meeting of pytest's life with `exposure.arming`; decides nothing of its own. Signals that would end the process
are turned into an interrupt, so that settling happens on the way out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_paygate.core import interlock
from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, InterlockError, Refusal, configuration
from pytest_paygate.core.verdict import EXIT_CODES, Verdict
from pytest_paygate.plugin import session_checks
from pytest_paygate.plugin.seats import missing_seat
from pytest_paygate.plugin.stash import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_paygate.core.environment import Settings
    from pytest_paygate.exposure.arming import Armed
    from pytest_paygate.exposure.gathering import LiveSession
    from pytest_paygate.plugin.gate_run import GateRun

# Read aloud and typed without doubt; one is drawn for each run.
WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "indigo",
    "juniper",
    "kestrel",
    "lagoon",
)
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def configure(config: pytest.Config) -> None:
    """Check what can be checked before anything is collected, and find the default gate where no path was typed.

    Raises:
        pytest.exit.Exception: with the refusal, exit code 22.
        pytest.UsageError: when `paygate.toml` does not say what the command line leaves open.
    """
    from pytest_paygate.exposure.gathering import LiveSession

    session = LiveSession(
        live_typed=session_checks.typed(config, "--live", "--paygate-live"),
        confirm_typed=session_checks.typed(config, "--confirm", "--paygate-confirm"),
        findings=(*session_checks.findings(config, os.environ), *_payers(config)),
    )
    config.stash[LIVE] = session
    found = [
        (interlock.condition(name), seen)
        for name, seen in (
            ("live_typed", "" if session.live_typed else "--live was not typed"),
            ("confirm_typed", "--confirm was not typed" if _unasked(config, session) else ""),
            ("session_clean", ", ".join(session.findings)),
        )
        if seen
    ]
    if found:
        refuse(interlock.refusal_of(found))
    _require_operator(config, session)
    try:
        _default_gate(config)
    except ConfigurationError as error:
        raise pytest.UsageError(error.refusal.text()) from None


def refuse(error: InterlockError) -> NoReturn:
    """End the session with an interlock's refusal.

    Raises:
        pytest.exit.Exception: always.
    """
    pytest.exit(error.refusal.text(), returncode=EXIT_CODES[Verdict.STOPPED])


def environment_name(settings: Settings, typed: str | None, file: str) -> str:
    """The environment of a live session: the typed one, or the one that `paygate.toml` names.

    Raises:
        ConfigurationError: when there is neither.
    """
    if typed:
        return typed
    if settings.live_env:
        return settings.live_env
    raise configuration(
        f"{file}: live_env",
        "is missing",
        expected="--env=NAME on the command line, or live_env in the settings",
        observed="neither",
        next_step=f'Write live_env = "prod" at the top of {file}, or type --env.',
    )


async def arm(run: GateRun) -> Armed:
    """Let the money of one run move; see `exposure.arming.arm`."""
    from pytest_paygate.exposure import arming, gathering, stores
    from pytest_paygate.plugin.seats import person

    runs = run.runs
    return await arming.arm(
        gathering.LiveRun(
            run_id=runs.identity,
            reports=runs.choice.reports,
            root=runs.config.rootpath,
            settings_file=runs.settings_file,
            environment=run.environment,
            source=run.source,
            journal=run.journal,
            clock=run.clock,
            session=runs.config.stash[LIVE],
            make_store=lambda: stores.store_of(runs.choice.reports, runs.store_dsn),
            operator=person(run),
            offsets=lambda: run.clock_offsets_seconds,
            word=secrets.choice(WORDS),
            store_dsn=runs.store_dsn,
        )
    )


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn what would end the process at once into an interrupt, for as long as money may be out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    signal.raise_signal(signal.SIGINT)


def _require_operator(config: pytest.Config, session: LiveSession) -> None:
    """Refuse the operator's run where nobody can be asked, before anything is collected; a resumed one asks nobody."""
    missing = missing_seat(config) if session.confirm_typed and not config.getoption("paygate_resume") else ""
    if missing:
        refuse(
            InterlockError(
                ("operator_present",),
                Refusal(
                    refused="money may not move: nobody can be asked here, because this process has no terminal",
                    expected="operator_present: a controlling terminal, or the page of --operator=web",
                    observed=missing,
                    money=NOTHING_MOVED,
                    next_step="One of three ways on: start it from a terminal (ssh -t, docker run -it); add "
                    "--operator=web and open its page in a browser on this machine; or prepare the run here with "
                    "`paygate plan` and `paygate approve`, and let somebody who has a terminal start it.",
                ),
            )
        )


def _unasked(config: pytest.Config, session: LiveSession) -> bool:
    return bool(config.getoption("paygate_confirm")) and not session.confirm_typed


def _payers(config: pytest.Config) -> tuple[str, ...]:
    return ("--paygate-fault",) if config.getoption("paygate_fault") else ()


def _default_gate(config: pytest.Config) -> None:
    """Without a path, a live session runs the default gate and nothing else: never `testpaths`."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    from pytest_paygate.adapters.settings import load

    explicit = config.getoption("paygate_config")
    settings, file = load(config.rootpath, config.invocation_params.dir / explicit if explicit else None)
    environment_name(settings, config.getoption("paygate_env"), file)
    folder: Path = config.rootpath / settings.default_gate
    if not settings.default_gate or not (folder / "gate.toml").is_file():
        raise configuration(
            f"{file}: default_gate",
            "is missing" if not settings.default_gate else "is no gate",
            expected="a folder with a gate.toml, or a path on the command line",
            observed=repr(settings.default_gate),
            next_step=f'Write default_gate = "suites/e2e" at the top of {file}, or type the path.',
        )
    config.args[:] = [str(folder)]
