"""The whole sandbox behind one synchronous handle: start it, read where everything is, stop it.

Rules:
- start-up either succeeds as a whole or leaves nothing behind;
- the emulated world runs in a thread of its own, with its own asyncio loop; the handle may be used from any thread;
- heavy packages are imported while PostgreSQL starts, not when this module is.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_paygate.sandbox import delays as known_delays
from pytest_paygate.sandbox import listening
from pytest_paygate.sandbox.clock import Clock
from pytest_paygate.sandbox.description import FLEET_APPS, PUBLISHED_CARDS, REHEARSAL_CARDS, SandboxDescription
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.faults import REGISTRY, Faults
from pytest_paygate.sandbox.identifiers import Identifiers
from pytest_paygate.sandbox.listening import Ports
from pytest_paygate.sandbox.world import (
    REHEARSAL_HYPERSWITCH_KEY,
    REHEARSAL_STRIPE_KEY,
    REHEARSAL_STRIPE_REFUND_KEY,
    Addresses,
    Keys,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path
    from typing import Self

    from pytest_paygate.sandbox.assembly import Plan, RunningWorld
    from pytest_paygate.sandbox.fleet.history import History
    from pytest_paygate.sandbox.postgres import PostgresServer
    from pytest_paygate.sandbox.world import World

ENVIRONMENTS = ("sandbox", "staging", "live")
_STOP_SECONDS_MAX = 20.0
T = TypeVar("T")


class Sandbox:
    """One running emulated world. Make it with `start`; it is a context manager that stops it."""

    def __init__(self, postgres: PostgresServer, loop_thread: _LoopThread, description: SandboxDescription) -> None:
        self._postgres = postgres
        self._loop_thread = loop_thread
        self.description = description

    @classmethod
    def start(  # noqa: PLR0913 - the whole choice of a sandbox, all by keyword
        cls,
        *,
        environment: str = "sandbox",
        seed: int | None = None,
        frozen_at: float | None = None,
        ports: Ports | None = None,
        delays_seconds: Mapping[str, float] | None = None,
        faults: Mapping[str, Mapping[str, object]] | None = None,
        detours: Mapping[str, str] | None = None,
        fleet_log: Path | None = None,
    ) -> Self:
        """Start everything and wait until everything answers.

        Args:
            environment: what the marketplace says it is: sandbox, staging or live. `live` is a rehearsal.
            seed: the same seed gives the same ids; None gives random ones.
            frozen_at: seconds since the epoch at which the sandbox's clock stands; None lets it run.
            ports: fixed ports; None takes free ones.
            delays_seconds: waits by name, see `delays.DELAYS`.
            faults: faults to switch on from the start, with their parameters.
            detours: other addresses under which the parties reach each other, by name, such as a proxy before one.
            fleet_log: a file to which A5 of the fleet appends its log as JSON Lines as well.

        Raises:
            SandboxError: when it cannot start; the text names the cause and the remedy, and nothing is left running.
        """
        if environment not in ENVIRONMENTS:
            message = f"unknown sandbox environment {environment!r}: choose one of {', '.join(ENVIRONMENTS)}"
            raise SandboxError(message)
        waits = known_delays.checked(delays_seconds or {})
        identifiers = Identifiers(seed)
        switches = _switched(faults or {})
        sockets = listening.listen(ports or Ports())
        postgres: PostgresServer | None = None
        try:
            postgres = _start_postgres_while_importing()
            from pytest_paygate.sandbox.assembly import Plan

            direct = {name: listening.address(one) for name, one in sockets.items()}
            addresses = Addresses(**{**direct, **(detours or {})})
            plan = Plan(
                environment=environment,
                addresses=addresses,
                keys=_keys(environment, identifiers),
                clock=Clock(frozen_at),
                identifiers=identifiers,
                faults=switches,
                delays_seconds=waits,
                sockets=sockets,
                provider_dsn=postgres.dsn("provider"),
                marketplace_dsn=postgres.dsn("marketplace"),
                fleet_dsn=postgres.dsn("fleet"),
                fleet_log=fleet_log,
            )
            loop_thread = _LoopThread(plan)
            running = loop_thread.start()
        except BaseException:
            listening.close(sockets)
            if postgres is not None:
                postgres.stop()
            raise
        description = _describe(running.world, postgres)
        running.told["description"] = description.to_json()
        return cls(postgres, loop_thread, description)

    @property
    def faults(self) -> Faults:
        """The fault switches."""
        return self._loop_thread.running.world.faults

    def ledger(self) -> list[dict[str, Any]]:
        """Every movement of money, oldest first: the independent witness."""
        return self._loop_thread.run(self._loop_thread.running.ledger())

    def log(self, trace_id: str | None = None) -> list[dict[str, object]]:
        """The marketplace's application log, of one trace or of all."""
        return self._loop_thread.running.marketplace.log.entries(trace_id)

    def write_history(self, history: History | None = None) -> int:
        """Replace the fleet's probe samples by such a history that ends now: a healthy day where none is given.

        Returns:
            How many samples were written.
        """
        from pytest_paygate.sandbox.fleet.history import History

        return self._loop_thread.run(self._loop_thread.running.write_history(history or History()))

    def advance_clock(self, seconds: float) -> None:
        """Move the sandbox's clock forward and let everything that became due happen.

        Raises:
            ValueError: for a negative step.
        """
        self._loop_thread.running.world.clock.advance(seconds)
        self._loop_thread.wake()

    def set_delays(self, delays_seconds: Mapping[str, float]) -> None:
        """Change waits by name.

        Raises:
            SandboxError: for an unknown name or an impossible value.
        """
        self._loop_thread.running.world.delays_seconds.update(known_delays.checked(delays_seconds))
        self._loop_thread.wake()

    def stop(self) -> None:
        """Stop everything and leave nothing behind; a second call does nothing."""
        try:
            self._loop_thread.stop()
        finally:
            self._postgres.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


class _LoopThread:
    """The thread the world lives in, and its asyncio loop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ready: Future[RunningWorld] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, name="paygate-sandbox", daemon=True)

    @property
    def running(self) -> RunningWorld:
        """The running world."""
        return self._ready.result()

    def start(self) -> RunningWorld:
        """Start the thread; returns once everything answers, raises what kept it from that."""
        self._thread.start()
        try:
            return self._ready.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the world and wait for the thread."""
        if self._loop is not None and self._end is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_STOP_SECONDS_MAX)

    def wake(self) -> None:
        """Make everybody in the world look again."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.running.wake)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one piece of asynchronous work in the world's loop and wait for it."""
        if self._loop is None or self._loop.is_closed():
            work.close()
            message = "the sandbox has been stopped"
            raise SandboxError(message)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as failure:
            if self._ready.done():
                raise
            self._ready.set_exception(failure)

    async def _live(self) -> None:
        from pytest_paygate.sandbox.assembly import running

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with running(self._plan) as world:
            self._ready.set_result(world)
            await self._end.wait()


def _start_postgres_while_importing() -> PostgresServer:
    try:
        with ThreadPoolExecutor(1, "paygate-postgres") as helper:
            starting = helper.submit(_start_postgres)
            # Both take time, and neither needs the other.
            import_module("pytest_paygate.sandbox.assembly")
    except ImportError as failure:
        if starting.exception() is None:
            starting.result().stop()
        if failure.name is None or failure.name.startswith("pytest_paygate"):
            raise
        message = f"The sandbox was not started: {failure.name} is not installed; pip install 'pytest-paygate[sandbox]'"
        raise SandboxError(message) from None
    return starting.result()


def _start_postgres() -> PostgresServer:
    from pytest_paygate.sandbox.fleet.schema import SCHEMA as FLEET
    from pytest_paygate.sandbox.hyperswitch.schema import SCHEMA as HYPERSWITCH
    from pytest_paygate.sandbox.marketplace.schema import SCHEMA as MARKETPLACE
    from pytest_paygate.sandbox.postgres import PostgresServer, PostgresUnavailableError
    from pytest_paygate.sandbox.stripe.schema import SCHEMA as STRIPE
    from pytest_paygate.sandbox.webhooks.schema import SCHEMA as WEBHOOKS

    try:
        provider = STRIPE + HYPERSWITCH + WEBHOOKS
        return PostgresServer.start({"provider": provider, "marketplace": MARKETPLACE, "fleet": FLEET})
    except PostgresUnavailableError as failure:
        message = str(failure)
        raise SandboxError(message) from failure


def load_registry() -> None:
    """Fill the registry with every fault of every part."""
    for part in ("marketplace", "fleet", "hyperswitch", "stripe", "webhooks"):
        import_module(f"pytest_paygate.sandbox.{part}.faults")
    import_module("pytest_paygate.sandbox.fleet.faults_probes")
    import_module("pytest_paygate.sandbox.stripe.microcharge_faults")
    import_module("pytest_paygate.sandbox.stripe.untruths")


def _switched(wanted: Mapping[str, Mapping[str, object]]) -> Faults:
    switches = Faults()
    if wanted:
        load_registry()
    for name, parameters in wanted.items():
        if name not in REGISTRY:
            message = f"unknown fault {name!r}: see `paygate sandbox --list-faults`"
            raise SandboxError(message)
        switches.set(name, parameters)
    return switches


def _keys(environment: str, identifiers: Identifiers) -> Keys:
    live = environment == "live"
    return Keys(
        livemode=live,
        stripe_secret=REHEARSAL_STRIPE_KEY if live else identifiers.make("sk_test", 32),
        hyperswitch_api=REHEARSAL_HYPERSWITCH_KEY if live else identifiers.make("snd", 64),
        stripe_webhook=identifiers.make("whsec", 32),
        hyperswitch_hash=identifiers.token(64),
        buyer_email="buyer@example.test",
        buyer_password=identifiers.token(20),
        fleet_webhook=identifiers.make("whsec", 32),
    )


def _describe(world: World, postgres: PostgresServer) -> SandboxDescription:
    from pytest_paygate.sandbox.marketplace.orders import TEST_PRODUCT_ID

    return SandboxDescription(
        environment=world.environment,
        livemode=world.keys.livemode,
        pid=os.getpid(),
        marketplace_url=world.addresses.marketplace,
        hyperswitch_url=world.addresses.hyperswitch,
        stripe_url=world.addresses.stripe,
        control_url=world.addresses.control,
        marketplace_dsn=postgres.dsn("marketplace"),
        marketplace_read_only_dsn=postgres.read_only_dsn("marketplace"),
        provider_dsn=postgres.dsn("provider"),
        provider_read_only_dsn=postgres.read_only_dsn("provider"),
        stripe_secret_key=world.keys.stripe_secret,
        # Only a rehearsal has a restricted key; elsewhere the secret key does its work.
        stripe_refund_key=REHEARSAL_STRIPE_REFUND_KEY if world.keys.livemode else world.keys.stripe_secret,
        hyperswitch_api_key=world.keys.hyperswitch_api,
        stripe_webhook_secret=world.keys.stripe_webhook,
        hyperswitch_webhook_secret=world.keys.hyperswitch_hash,
        stripe_account_id=world.stripe_account_id,
        seller_account_id=world.seller_account_id,
        buyer_email=world.keys.buyer_email,
        buyer_password=world.keys.buyer_password,
        test_product_id=TEST_PRODUCT_ID,
        fleet_dsn=postgres.dsn("fleet"),
        fleet_read_only_dsn=postgres.read_only_dsn("fleet"),
        fleet_webhook_secret=world.keys.fleet_webhook,
        fleet_log_url=f"{world.addresses.a5}/internal/log",
        **{f"{name}_url": getattr(world.addresses, name) for name in FLEET_APPS},
        cards=dict(REHEARSAL_CARDS if world.keys.livemode else PUBLISHED_CARDS),
    )
