"""A live sandbox with proxies before every party, and one life of a purchase in it, driven without pytest.

Two sets of proxies: those the gate goes through, and those the target and the orchestrator go through.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http import Api
from pytest_paygate.adapters.operator_scripted import PUBLISHED_REHEARSAL_CARD
from pytest_paygate.adapters.payer import PayerError
from pytest_paygate.adapters.payer_http import pay
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import PaygateError, TargetError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.run import RunState, apply
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.settlement import Settlement, SettleOutcome, SettlePolicy
from pytest_paygate.exposure.desk import MoneyDesk
from pytest_paygate.exposure.settling import settle
from pytest_paygate.exposure.witnesses import Witnesses
from pytest_paygate.providers.hyperswitch import HyperswitchProvider
from pytest_paygate.providers.stripe import StripeProvider
from pytest_paygate.sandbox.listening import PORTS, Ports
from pytest_paygate.sandbox.server import Sandbox
from tests.network.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.ports import Provider

AMOUNT = Money(500, "EUR")
GATE = b"""
[gate]
id = "network"
title = "one purchase"
trace_prefix = "NET"
[facts]
up = "flag"
[purchase]
product = "product_id"
amount = "EUR 5.00"
tax = "EUR 0.83"
fee = "EUR 0.33"
ledger = "stripe"
payments = ["hyperswitch"]
says_live = "up"
refund = "at the provider"
[[preflight]]
id = "alive"
title = "it is up"
records = ["up"]
observed = "{up}"
[[rows]]
id = "order"
title = "buy"
money = true
records = ["up"]
observed = "{up}"
[[criteria]]
id = "bought"
title = "it was bought"
owner = "engineering"
rows = ["order"]
"""
_SHA = "0" * 64
_NUMBERS = itertools.count(1)


class MemoryRun:
    """A run whose journal is in memory, folded by the real rules; armed as a rehearsal is."""

    def __init__(self) -> None:
        self.trace_id = f"NET-{int(time.time())}-{next(_NUMBERS):08x}"
        self.run_id = f"run-{self.trace_id}"
        self.since = datetime.now(UTC) - timedelta(seconds=5)
        self.state = RunState()
        self.seq = 0
        gate = read_gate(GATE, "gate.toml")
        for event in (
            ev.RunStarted(
                run_id=self.run_id,
                gate=gate.model_dump(mode="json"),
                gate_sha256=_SHA,
                environment="rehearsal",
                mode=Mode.REHEARSAL,
                target="127.0.0.1",
                trace_id=self.trace_id,
                commit="unknown",
                tool_version="0",
                operator="operator",
                attended=True,
                with_refund=True,
                python="3",
                pytest="9",
            ),
            ev.RowStarted(row="alive"),
            ev.FactRecorded(name="up", fact_kind=FactKind.FLAG, value=True),
            ev.RowFinished(row="alive", status=ev.RowStatus.PASS),
            ex.ExposurePlanned(
                plan_sha256=_SHA,
                account="acct_1",
                host="127.0.0.1",
                product="p",
                amount_minor=500,
                cap_minor=500,
                currency="EUR",
                policy="drive",
                late_charge_seconds=1.0,
            ),
            ex.ApprovalConsumed(nonce="n", plan_sha256=_SHA, requester="a", approvers=("b",), signed=True, attempt=1),
            ex.FenceTaken(store="file", fence=1, holder="h", lease_seconds=30.0),
            ex.OperatorConfirmed(amount="EUR 5.00", waited_seconds=1.0, tries=1),
            ev.RowStarted(row="order"),
        ):
            self.record(event)

    def record(self, body: ev.EventBody) -> int:
        """Fold one event."""
        self.state = apply(self.state, body, self.seq, datetime.now(UTC).isoformat())
        self.seq += 1
        return self.seq - 1


@dataclass
class Lived:
    """How one life ended: what is said of the purchase, of the settlement, and what the provider's own ledger shows."""

    outcome: str = ""
    settled: str = ""
    status: int = 0
    charges: int = 0
    unrefunded: int = 0
    refunds: int = 0
    payable: int = 0
    state: RunState = field(default_factory=RunState)


# A webhook that is repeated arrives within this time, also on a machine with other work.
COMPLETED_SECONDS = 20.0


class Scene:
    """Everything that runs for the cells. The gate's proxies are `target`, `hyperswitch`, `stripe`."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self.clock = SystemClock()
        self.target, self.hyperswitch, self.stripe = Proxy(), Proxy(), Proxy()
        self.inner_hyperswitch, self.inner_stripe = Proxy(), Proxy()

    async def __aenter__(self) -> Self:
        base = _free_ports()
        place = [f"http://127.0.0.1:{base + number}" for number in range(4)]
        for proxy, upstream in (
            (self.target, place[0]),
            (self.hyperswitch, place[1]),
            (self.stripe, place[2]),
            (self.inner_hyperswitch, place[1]),
            (self.inner_stripe, place[2]),
        ):
            proxy.upstream = upstream
            await self._stack.enter_async_context(proxy)
        detours = {"hyperswitch": self.inner_hyperswitch.base_url, "stripe": self.inner_stripe.base_url}
        self.sandbox = await asyncio.to_thread(
            Sandbox.start, environment="live", ports=Ports.from_base(base), detours=detours
        )
        self.direct_stripe, self.direct_hyperswitch = place[2], place[1]
        answer = await self._login(place[0])
        self.token = Secret(str(answer["access_token"]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.sandbox.stop)
        await self._stack.aclose()

    async def _login(self, url: str) -> dict[str, object]:
        run = MemoryRun()
        async with Api(f"{url}/api/v1", party="target", recorder=run, clock=self.clock, trace_id=run.trace_id) as api:
            described = self.sandbox.description
            body = {"email": described.buyer_email, "password": described.buyer_password}
            return (await api.post("/auth/login", json=body)).data

    def provider(self, name: str, run: MemoryRun, base_url: str, *, deadline_seconds: float = 2.0) -> Provider:
        """A provider through some address, with short deadlines."""
        described = self.sandbox.description
        client = Api(
            base_url,
            party=name,
            recorder=run,
            clock=self.clock,
            trace_id=run.trace_id,
            deadline_seconds=deadline_seconds,
            first_party=False,
        )
        if name == "stripe":
            return StripeProvider(
                Secret(described.stripe_secret_key), http=client, clock=self.clock, call_deadline_seconds=8.0
            )
        return HyperswitchProvider(Secret(described.hyperswitch_api_key), http=client, clock=self.clock)

    async def buy(
        self, run: MemoryRun, base_url: str, *, deadline_seconds: float = 1.0, ca_file: Path | None = None
    ) -> dict[str, object] | None:
        """Send the one purchase through the desk; the order when it is known."""
        desk = MoneyDesk(
            run.run_id,
            recorder=run,
            state=lambda: run.state,
            cap=AMOUNT,
            closed=lambda: "",
            holds_lock=_yes,
        )
        async with Api(
            f"{base_url}/api/v1",
            party="target",
            recorder=run,
            clock=self.clock,
            trace_id=run.trace_id,
            deadline_seconds=deadline_seconds,
            ca_file=ca_file,
            desk=desk,
        ) as api:
            body = {"product_id": self.sandbox.description.test_product_id}
            try:
                key = {"Idempotency-Key": f"{run.trace_id}-order"}
                answer = await api.post("/orders", json=body, headers=key, bearer=self.token, charge=AMOUNT)
                order = answer.data
            except (PaygateError, ValueError):
                return None
        return order if isinstance(order, dict) and "payment_url" in order else None

    async def pay(self, order: dict[str, object] | None) -> None:
        """Pay an order, if it is known and can be paid."""
        if order is not None:
            try:
                await pay(str(order["payment_url"]), card=PUBLISHED_REHEARSAL_CARD, timeout_seconds=15.0)
            except PayerError:
                return

    async def completed(self, order: dict[str, object] | None) -> None:
        """Wait until the target has completed a paid order, asked without any proxy; at most as long as it can take."""
        if order is None:
            return
        run = MemoryRun()
        until = self.clock.elapsed_seconds() + COMPLETED_SECONDS
        async with Api(
            f"{self.target.upstream}/api/v1", party="target", recorder=run, clock=self.clock, trace_id=run.trace_id
        ) as api:
            while self.clock.elapsed_seconds() < until:
                read = (await api.get(f"/orders/{order['order_id']}", bearer=self.token)).data
                if read.get("status") == "completed":
                    return
                await self.clock.sleep(0.1)

    async def settle(
        self,
        run: MemoryRun,
        *,
        stripe_url: str = "",
        hyperswitch_url: str = "",
        late_charge_seconds: float = 0.3,
        order: dict[str, object] | None = None,
        look_floor_seconds: float = 0.25,
        give_up_seconds: float = 60.0,
    ) -> Lived:
        """Settle the run, with the target's help when its order is known, and read the provider's own ledger."""
        run.record(ev.RowFinished(row="order", status=ev.RowStatus.FAIL, reason="cell"))
        lived = Lived()
        sent = run.state.exposure.sent
        lived.outcome = sent.outcome.value if sent is not None else "none"
        lived.status = sent.status if sent is not None else 0
        purchase = run.state.gate.purchase
        since = run.since
        if run.state.exposure.is_open:
            providers = {
                "stripe": self.provider("stripe", run, stripe_url or self.direct_stripe),
                "hyperswitch": self.provider("hyperswitch", run, hyperswitch_url or self.direct_hyperswitch),
            }
            looks = Witnesses(purchase, providers, trace_id=run.trace_id, since=since)
            policy = SettlePolicy(
                late_charge_seconds=late_charge_seconds,
                through_target=order is not None,
                target_seconds=4.0,
                repeat_seconds=1.0,
                give_up_seconds=give_up_seconds,
                look_floor_seconds=look_floor_seconds,
            )
            run.record(ex.PhaseStarted(phase="settling"))
            settlement = Settlement(run.run_id, lambda: run.state.exposure, policy, self.clock.elapsed_seconds)
            target = self._target_refund(run, order) if order is not None else None
            outcome = await settle(settlement, looks, recorder=run, clock=self.clock, target=target)
            lived.settled = outcome.value
            await looks.aclose()
        else:
            lived.settled = SettleOutcome.SETTLED.value
        lived.state = run.state
        await self.read_ledger(run, since, lived)
        return lived

    def _target_refund(self, run: MemoryRun, order: dict[str, object]) -> object:
        async def ask(charge: ChargeState) -> str:
            del charge
            async with Api(
                f"{self.target.base_url}/api/v1",
                party="target",
                recorder=run,
                clock=self.clock,
                trace_id=run.trace_id,
                deadline_seconds=1.0,
            ) as api:
                body = {"reason": "requested_by_customer"}
                try:
                    answer = await api.post(f"/orders/{order['order_id']}/refund", json=body, bearer=self.token)
                except TargetError as error:
                    return error.failure
                return "" if answer.status < 300 else str(answer.status)

        return ask

    async def read_ledger(self, run: MemoryRun, since: datetime, lived: Lived) -> None:
        """What the provider shows of this run, asked without any proxy."""
        run.record(ex.RescueStarted(by=ex.Rescuer.RECOVER, at_line=run.seq, torn_bytes=0))
        stripe = self.provider("stripe", run, self.direct_stripe, deadline_seconds=10.0)
        hyperswitch = self.provider("hyperswitch", run, self.direct_hyperswitch, deadline_seconds=10.0)
        charges = [one for one in await stripe.charges_since(since, trace_id=run.trace_id) if one.succeeded]
        lived.charges = len(charges)
        for charge in charges:
            refunds = [one for one in await stripe.refunds(charge.payment_id) if one.status.value == "succeeded"]
            lived.refunds += len(refunds)
            lived.unrefunded += sum(one.amount.minor for one in refunds) < charge.captured.minor
        payments = await hyperswitch.payments_since(since, trace_id=run.trace_id)
        lived.payable = sum(one.status.value.startswith("requires_") for one in payments)
        await stripe.aclose()
        await hyperswitch.aclose()


async def _yes() -> bool:
    return True


def _free_ports() -> int:
    """Enough ports in a row for a sandbox that nobody uses, below the range the system hands out."""
    for base in _bases():
        try:
            with AsyncPorts(base):
                return base
        except OSError:
            continue
    raise RuntimeError("no ports in a row are free")


def _bases() -> Iterator[int]:
    import os

    yield from range(20_000 + (os.getpid() * PORTS) % 8_000, 31_000, PORTS)


class AsyncPorts:
    """A socket for each port, held for a moment to see that they can be had."""

    def __init__(self, base: int) -> None:
        self._sockets = []
        for number in range(PORTS):
            one = socket.socket()
            self._sockets.append(one)
            try:
                one.bind(("127.0.0.1", base + number))
            except OSError:
                self.__exit__()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()
