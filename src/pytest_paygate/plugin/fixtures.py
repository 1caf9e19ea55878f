"""The fixtures a suite asks for. Each belongs to the gate of the test that asks.

Registered only in sessions that have a gate. Clients are made on first use and closed on the session's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.previous_run import Asked
from pytest_paygate.plugin.handles import Facts, Run
from pytest_paygate.plugin.log_sources import log_of
from pytest_paygate.plugin.proofs import Proofs
from pytest_paygate.plugin.protocol import folder_of
from pytest_paygate.plugin.seats import operator_of, settling, usual_seconds, waiting
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_paygate.adapters.http import Api
    from pytest_paygate.adapters.logs import LogSource
    from pytest_paygate.adapters.polling import Poll
    from pytest_paygate.adapters.postgres import ReadOnlyDatabase
    from pytest_paygate.core.ports import Operator, Provider
    from pytest_paygate.core.previous_run import PreviousRun
    from pytest_paygate.exposure.capacity import Capacity
    from pytest_paygate.plugin.gate_run import GateRun
    from pytest_paygate.plugin.windows import Windows


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def paygate_loop(request: pytest.FixtureRequest) -> AsyncIterator[asyncio.AbstractEventLoop]:
    """The session's event loop; on its way out it closes every client the gates have opened."""
    with contextlib.ExitStack() as stack:
        if request.config.stash[RUNS].is_confirmed:
            from pytest_paygate.plugin.live import signals_interrupt

            stack.enter_context(signals_interrupt())
        yield asyncio.get_running_loop()
        for folder in request.config.stash[RUNS].folders.values():
            if folder.run is not None:
                await _end(folder.run)


@pytest.fixture
def paygate_gate_run(request: pytest.FixtureRequest, paygate_loop: asyncio.AbstractEventLoop) -> GateRun:
    """The gate run behind the test that asks; the other fixtures are views of it."""
    folder = folder_of(request.node)
    if folder is None or folder.run is None:
        raise configuration(
            str(request.node.nodeid),
            "asks for a gate fixture outside a gate",
            expected="a test in a folder with a gate.toml, bound to a row",
            observed="a test of no gate",
            next_step="Move the test into the gate's folder, or use a fixture of your own.",
        )
    folder.run.loop = paygate_loop
    return folder.run


@pytest_asyncio.fixture(loop_scope="session")
async def paygate_money(request: pytest.FixtureRequest, paygate_gate_run: GateRun) -> None:
    """Asked for by every row that can move money: a live run is armed here, before anything else of the row."""
    del request
    if paygate_gate_run.state.exposure.intent is None:
        paygate_gate_run.watch.require_readers()
    if paygate_gate_run.state.is_guarded and paygate_gate_run.armed is None:
        from pytest_paygate.plugin.live import arm

        armed = await arm(paygate_gate_run)
        armed.target = lambda: paygate_gate_run.target_refund
        paygate_gate_run.armed = armed


@pytest.fixture
def run(paygate_gate_run: GateRun) -> Run:
    """The run: what it is bound to, and how a row says what it saw."""
    return Run(paygate_gate_run)


@pytest.fixture
def facts(paygate_gate_run: GateRun) -> Facts:
    """The run's journalled facts, typed as gate.toml declares them."""
    return Facts(paygate_gate_run)


@pytest.fixture
def trace_id(paygate_gate_run: GateRun) -> str:
    """The id sent with every request of this run."""
    return paygate_gate_run.trace_id


@pytest.fixture
def api(paygate_gate_run: GateRun) -> Api:
    """The target over HTTP, bound to the run's environment."""
    return _made(paygate_gate_run, "api", _api)  # type: ignore[no-any-return]


@pytest.fixture
def service(paygate_gate_run: GateRun) -> Callable[[str], Api]:
    """`service("a8")`: one service of the environment over HTTP, by name. Money moves through the target only."""
    return lambda name: _made(paygate_gate_run, f"service:{name}", lambda run: _service(run, name))


@pytest.fixture
def poll(paygate_gate_run: GateRun) -> Poll:
    """Deadline polling, read-only and journalled."""
    from pytest_paygate.adapters.polling import Poll as Polling

    run = paygate_gate_run
    return Polling(
        recorder=run.journal,
        clock=run.clock,
        shown=lambda wait: waiting(run, wait),
        usual_seconds=lambda: usual_seconds(run),
    )


@pytest.fixture
def db(paygate_gate_run: GateRun) -> ReadOnlyDatabase | None:
    """The target's database, read-only; None when the environment declares none."""
    return _made(paygate_gate_run, "db", _db)  # type: ignore[no-any-return]


@pytest.fixture
def provider(paygate_gate_run: GateRun) -> Callable[[str], Provider]:
    """`provider("stripe")`: a payment provider of the environment, by name."""
    return lambda name: _made(paygate_gate_run, f"provider:{name}", lambda run: _provider(run, name))


@pytest.fixture
def logs(paygate_gate_run: GateRun) -> LogSource | None:
    """The target's application log by trace id; None when the environment declares neither `log` nor `log_url`."""
    return _made(paygate_gate_run, "logs", log_of)  # type: ignore[no-any-return]


@pytest.fixture
def proofs(paygate_gate_run: GateRun, logs: LogSource | None) -> Proofs:
    """The run's proofs: what each independent witness says of its claims."""
    return Proofs(paygate_gate_run, logs)


@pytest.fixture
def previous_run(paygate_gate_run: GateRun) -> Callable[..., PreviousRun]:
    """`previous_run("e2e", max_age_hours=24)`: whether the newest run of another gate passed, on this commit, in time.

    It is looked for in this run's environment, or in the one that `environment=` names.
    """
    run = paygate_gate_run

    def find(gate_id: str, *, max_age_hours: float, environment: str = "") -> PreviousRun:
        from pytest_paygate.reporting.previous import previous_run as newest

        asked = Asked(
            gate_id=gate_id,
            environment=environment or run.environment.name,
            commit=run.source.commit,
            max_age=timedelta(hours=max_age_hours),
            clean_only=run.state.is_guarded,
        )
        return newest(run.runs.choice.reports, asked, datetime.now(UTC), besides=run.runs.identity)

    return find


@pytest.fixture
def capacity(paygate_gate_run: GateRun) -> Capacity:
    """The environment's capacity: `await capacity.standing()` tells what is left, and why none may be taken."""
    return paygate_gate_run.capacity


@pytest.fixture
def windows(paygate_gate_run: GateRun) -> Windows:
    """Health of the environment's services over whole windows, from the samples it names."""
    from pytest_paygate.plugin.windows import Windows as Judge

    return Judge(paygate_gate_run)


@pytest.fixture
def operator(paygate_gate_run: GateRun) -> Operator:
    """The person at the gate, or the payer that stands in for one in an unattended dry run."""
    return _made(paygate_gate_run, "operator", operator_of)  # type: ignore[no-any-return]


def _made(run: GateRun, name: str, make: Callable[[GateRun], Any]) -> Any:
    if name not in run.resources:
        run.resources[name] = make(run)
    return run.resources[name]


async def _end(run: GateRun) -> None:
    """Settle what is open, then close every client; the guardian takes over whatever is cut off here."""
    try:
        if run.armed is not None:
            with settling(run):
                await run.armed.settle()
    finally:
        await _close(run)


def _api(run: GateRun) -> Api:
    return _client(run, run.environment.base_url, "target")


def _service(run: GateRun, name: str) -> Api:
    return _client(run, Run(run).service(name), name, first_party=True)


def _client(run: GateRun, base_url: str, party: str, *, first_party: bool = False) -> Api:
    from pytest_paygate.adapters.http import Api as Client  # httpx, on first use
    from pytest_paygate.adapters.http_requests import origin

    # Whatever reaches the target passes the money desk, under whichever name it is called.
    is_target = party == "target" or (first_party and origin(base_url) == origin(run.environment.base_url))
    return Client(
        base_url,
        party=party,
        recorder=run.journal,
        clock=run.clock,
        trace_id=run.trace_id,
        extra_fields=run.gate.facts,
        ca_file=Path(run.environment.ca_file) if run.environment.ca_file else None,
        # A log has no use for our trace headers.
        first_party=first_party or is_target,
        desk=run.desk if is_target else None,
    )


def _db(run: GateRun) -> ReadOnlyDatabase | None:
    if run.environment.database is None:
        return None
    from pytest_paygate.adapters.postgres import ReadOnlyDatabase as Database

    return Database(run.environment.database, recorder=run.journal, clock=run.clock, extra_fields=run.gate.facts)


def _provider(run: GateRun, name: str) -> Provider:
    from pytest_paygate.exposure.clients import provider_client  # SDKs, on first use

    Run(run).provider(name)
    return provider_client(
        run.environment,
        name,
        recorder=run.journal,
        clock=run.clock,
        trace_id=run.trace_id,
        extra_fields=run.gate.facts,
    )


async def _close(run: GateRun) -> None:
    for resource in run.resources.values():
        if hasattr(resource, "aclose"):
            await resource.aclose()
        elif hasattr(resource, "close"):
            resource.close()
    run.resources.clear()
