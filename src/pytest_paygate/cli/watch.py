"""`paygate watch`: look at every service of an environment again and again, and keep what was seen."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http_prober import HttpProber
from pytest_paygate.adapters.sample_sources import sink_of
from pytest_paygate.adapters.watching import Watch, Watched
from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.watch_display import display_for
from pytest_paygate.core.board import Board
from pytest_paygate.core.environment import SANDBOX, EnvironmentSettings, choose
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.samples import ENDPOINT, SampleSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.cli.project import Project
    from pytest_paygate.cli.watch_display import Display
    from pytest_paygate.core.samples import SampleSink

_SPAN = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TIMEOUT_SECONDS = 10.0
_TIMEOUT_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is watched: the environment's name, name and URL of each endpoint, and how."""

    environment: str
    endpoints: Mapping[str, str]
    interval_seconds: float
    timeout_seconds: float
    for_seconds: float | None = None
    once: bool = False
    ca_file: Path | None = None


@click.command()
@click.option("--env", "name", default="", metavar="NAME", help="Environment; default: live_env.")
@click.option("--endpoint", "typed", multiple=True, metavar="NAME=URL", help="Look here too; repeat for more.")
@click.option("--interval", type=float, metavar="SECONDS", help="Between two looks; default: samples.interval_seconds.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="A look ends by then; default 10, or the interval if shorter."
)
@click.option("--for", "span", default="", metavar="SPAN", help="End after this long: 90s, 30m, 24h, 7d.")
@click.option("--once", is_flag=True, help="Look at each endpoint once and end.")
@click.option("--plain", is_flag=True, help="Lines instead of a live table.")
@click.option("--reports", default="", metavar="DIR", help="Where the local store is; default: reports.")
@told
def watch(  # noqa: PLR0913 - one parameter for each option
    *,
    name: str,
    typed: Sequence[str],
    interval: float | None,
    timeout: float | None,
    span: str,
    once: bool,
    plain: bool,
    reports: str,
) -> None:
    """Look at the services of an environment every few seconds, for hours, and keep what was seen.

    Ends cleanly on Ctrl-C or SIGTERM. Exit code 1 when samples were lost, or when --once or --for saw another answer
    than 200.
    """
    project = open_project(reports=reports)
    plan = replace(planned(project, name, typed, interval, timeout), for_seconds=_span_seconds(span), once=once)
    board = Board(plan.endpoints)
    sink = sink_of(plan.environment, reports=project.reports, dsn=project.store_dsn())
    try:
        with display_for(board, plain=plain or once, each=once) as display:
            every = "once" if once else f"every {plan.interval_seconds:g} s"
            display.tell(f"watching {', '.join(plan.endpoints)} of {plan.environment} {every}")
            watched = asyncio.run(_watched(plan, sink, board, display))
            display.tell(board.summary())
            display.tell(f"{watched.taken} samples taken, {watched.lost} lost")
    finally:
        sink.close()
    judged = once or plan.for_seconds is not None
    sys.exit(1 if watched.lost or (judged and (board.bad or not watched.taken)) else 0)


async def _watched(plan: Plan, sink: SampleSink, board: Board, display: Display) -> Watched:
    clock = SystemClock()
    prober = HttpProber(clock=clock, timeout_seconds=plan.timeout_seconds, ca_file=plan.ca_file)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    looking = Watch(
        plan.endpoints,
        prober,
        sink,
        clock=clock,
        interval_seconds=plan.interval_seconds,
        seen=lambda sample: display.seen(sample, board.take(sample)),
        tell=display.tell,
    )
    try:
        return await looking.run(stop, for_seconds=plan.for_seconds, once=plan.once)
    finally:
        await prober.aclose()


def planned(project: Project, name: str, typed: Sequence[str], interval: float | None, timeout: float | None) -> Plan:
    """What to watch, from the settings and what was typed.

    Raises:
        ConfigurationError: when nothing is named, or a name or URL cannot be used.
    """
    chosen = name or project.settings.live_env
    if not chosen:
        raise configuration(
            "paygate watch",
            "does not know which environment",
            expected="--env NAME, or live_env in the settings",
            observed="neither",
            next_step="Name the environment; its samples are kept under that name.",
        )
    # The embedded world is not declared; its endpoints can be typed like any other's.
    is_sandbox = chosen == SANDBOX
    declared = None if is_sandbox else choose(project.settings, chosen, project.settings_file)
    samples = SampleSettings() if declared is None else declared.samples
    endpoints = {**_declared(declared), **dict(_typed(one) for one in typed)}
    if not endpoints:
        raise configuration(
            f"paygate watch --env={chosen}",
            "has nothing to look at",
            expected=f"[env.{chosen}.services] in {project.settings_file}, or --endpoint NAME=URL",
            observed="neither",
            next_step="Name the services.",
        )
    for endpoint, url in endpoints.items():
        _check(endpoint, url)
    interval_seconds = samples.interval_seconds if interval is None else interval
    timeout_seconds = min(_TIMEOUT_SECONDS, interval_seconds) if timeout is None else timeout
    if not 0.05 <= interval_seconds <= 3_600 or not 0 < timeout_seconds <= _TIMEOUT_SECONDS_MAX:
        raise click.UsageError("--interval is 0.05 to 3600 seconds, and --timeout over 0 and at most 60")
    ca_file = Path(declared.ca_file) if declared is not None and declared.ca_file else None
    return Plan(chosen, endpoints, interval_seconds, timeout_seconds, ca_file=ca_file)


def _declared(declared: EnvironmentSettings | None) -> dict[str, str]:
    """The services of an environment, each at the path where its health is."""
    if declared is None:
        return {}
    services: Mapping[str, str] = getattr(declared, "services", {})
    return {name: f"{url.rstrip('/')}{declared.samples.path}" for name, url in services.items()}


def _typed(option: str) -> tuple[str, str]:
    name, separator, url = option.partition("=")
    if not separator:
        raise click.UsageError("--endpoint takes NAME=URL, like a1=https://a1.example/health")
    return name, url


def _check(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
        good = good and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if ENDPOINT.fullmatch(name) is None or not good:
        raise configuration(
            "an endpoint",
            "cannot be looked at",
            expected="a plain name of at most 40 characters and an http(s) URL without user",
            observed=f"{name[:40]!r} and a URL that is not shown" if ENDPOINT.fullmatch(name) else "another name",
            next_step="Correct --endpoint, or the environment's services.",
        )


def _span_seconds(span: str) -> float | None:
    if not span:
        return None
    match = _SPAN.fullmatch(span)
    if match is None or not int(match["number"]):
        raise click.UsageError(f"--for {span!r}: write a number and s, m, h or d, like 24h")
    return float(int(match["number"]) * _SECONDS[match["unit"]])
