"""The network cells: every fault at every call that matters, each with what must come of it.

What must come of a cell is written here and read off the proxy's book and the provider's ledger; none of it is asked of the
code under test. Run by hand: `python -m tests.network.cells --size full`.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.money import Money
from tests.network.certificates import certificates
from tests.network.faults import FAULTS, Fault, chosen
from tests.network.proxy import Exchange, Proxy, Rule
from tests.network.scene import MemoryRun, Scene

# A whole 2xx answer came back, whatever is in it; everything else that reached the target leaves the purchase unclear.
SEEN = {
    "clean",
    "a Date header of another day",
    "a slow answer",
    "truncated JSON without a length",
    "a page instead of JSON",
    "a captive portal",
    "one key twice",
    "NaN",
    "amounts as text",
    "an array",
    "an empty body",
}
# What the official SDK repeats when a read meets it, so that the read then succeeds.
REPEATED = {
    "reset before it was processed",
    "reset after it was processed",
    "ended before it was processed",
    "ended after it was processed",
    "no answer, not processed",
    "no answer, processed",
    "half a status line",
    "half the headers",
    "half the body",
    "truncated JSON without a length",
    "a dripping answer",
    "a page instead of JSON",
    "a captive portal",
    "one key twice",
    "NaN",
    "an empty body",
    "500, not processed",
    "502 from a gateway",
    "503 though processed",
    "a huge body",
    "a compressed bomb",
    "huge headers",
    "a redirect to another host",
    "a redirect after it was processed",
}
# What every provider's reads wait for and ask again, whether an SDK is between or not.
WAITED_FOR = {"429", "429 with Retry-After 1"}
AT_ONCE = 10
# A cell that takes longer has not ended by its own deadlines.
CELL_SECONDS = 90.0


@dataclass
class NetworkResult:
    """What came of the cells."""

    cells: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, name: str, problems: list[str]) -> None:
        """Count one cell."""
        self.cells += 1
        if problems:
            self.wrong += 1
            self.problems.append(f"{name}: {'; '.join(problems)}")


Cell = tuple[str, Callable[[], Awaitable[list[str]]]]


def _rule(proxy: Proxy, fault: Fault, start: str, mark: str) -> Rule:
    def matches(exchange: Exchange) -> bool:
        return exchange.line.startswith(start) and mark.encode() in exchange.request

    rule = Rule(matches, fault.name, fault.act)
    proxy.rules.append(rule)
    return rule


def _money(lived: object, *, charges: int | None = None) -> list[str]:
    """What must be true of the ledger after every cell."""
    problems = []
    if lived.settled != "settled":
        problems.append(f"the settlement is {lived.settled}")
    if lived.unrefunded or lived.payable:
        problems.append(f"{lived.unrefunded} charges and {lived.payable} links are open")
    if lived.charges > 1 or lived.refunds > lived.charges:
        problems.append(f"{lived.charges} charges, {lived.refunds} refunds")
    if charges is not None and lived.charges != charges:
        problems.append(f"{lived.charges} charges instead of {charges}")
    return problems


async def purchase_cell(scene: Scene, fault: Fault) -> list[str]:
    """Gate to target: the one purchase meets a fault; it is sent once, named rightly, and nothing stays open."""
    run = MemoryRun()
    rule = _rule(scene.target, fault, "POST /api/v1/orders", run.trace_id)
    order = await scene.buy(run, scene.target.base_url)
    # An order that was processed behind a broken answer is there; nobody pays it, and its link must be closed.
    lived = await scene.settle(run, late_charge_seconds=1.5)
    expected = "seen" if fault.name in SEEN else "ambiguous"
    problems = _money(lived, charges=0)
    sent = [one for one in scene.target.lines("POST /api/v1/orders") if run.trace_id.encode() in one.request]
    if not rule.fired:
        problems.append("the fault did not act")
    if len(sent) != 1:
        problems.append(f"the purchase was sent {len(sent)} times")
    if lived.outcome != expected:
        problems.append(f"called {lived.outcome} instead of {expected}")
    if fault.readable != (order is not None):
        problems.append("an order came out of a broken answer" if order else "a whole answer gave no order")
    return problems


async def unsent_cell(scene: Scene, url: str, expected: str, *, ca_file: Path | None = None) -> list[str]:
    """Gate to target: no connection comes about; nothing is sent, and that is known."""
    run = MemoryRun()
    await scene.buy(run, url, ca_file=ca_file)
    lived = await scene.settle(run, late_charge_seconds=0.2)
    problems = _money(lived, charges=0)
    if lived.outcome != expected:
        problems.append(f"called {lived.outcome} instead of {expected}")
    return problems


async def settling_cell(scene: Scene, fault: Fault, where: str, start: str, *, paid: bool) -> list[str]:
    """Gate to provider while settling: a read or a refund meets a fault; all is settled with one refund."""
    run = MemoryRun()
    order = await scene.buy(run, scene.target.base_url, deadline_seconds=10.0)
    if paid:
        await scene.pay(order)
    outer = scene.stripe if where == "stripe" else scene.hyperswitch
    # A proxy of its own, so that the fault meets this run's request and no other's.
    async with Proxy(upstream=outer.upstream) as proxy:
        rule = _rule(proxy, fault, start, "")
        urls = {f"{where}_url": proxy.base_url}
        lived = await scene.settle(run, late_charge_seconds=0.6, **urls)
    problems = _money(lived, charges=int(paid))
    if not rule.fired:
        problems.append("the fault did not act")
    if paid and lived.refunds != 1:
        problems.append(f"{lived.refunds} refunds")
    return problems


async def inner_cell(scene: Scene, fault: Fault, proxy: Proxy, start: str) -> list[str]:
    """Target to provider: whatever the target makes of the fault, nothing is charged twice and nothing stays open.

    A payment that the orchestrator keeps in the air, because its processor never heard of it, is a person's work.
    """
    run = MemoryRun()
    rule = _rule(proxy, fault, start, run.trace_id)
    order = await scene.buy(run, scene.target.base_url, deadline_seconds=1.5)
    await scene.pay(order)
    if start.endswith("refunds"):
        # The target completes the order with a webhook; before that it refunds nothing.
        await scene.completed(order)
    # The target gives its provider ten seconds, and asks again after that.
    lived = await scene.settle(run, late_charge_seconds=14.0, order=order, look_floor_seconds=1.0, give_up_seconds=25.0)
    in_the_air = start == "POST /v1/payment_intents" and not fault.processed and lived.charges == 0
    if in_the_air and lived.settled == "escalated" and "could not be closed" in lived.state.escalated[0].reason:
        lived.settled, lived.payable = "settled", 0
    problems = _money(lived)
    if not rule.fired:
        problems.append("the fault did not act")
    return problems


READS = {
    "stripe": ("account", "payment", "charges_since", "refunds"),
    "hyperswitch": ("payment", "payments_since", "refunds"),
}


@dataclass
class Paid:
    """One purchase that was paid and refunded, for reads to look at."""

    run: MemoryRun
    ids: dict[str, str]
    refund_ids: dict[str, str]
    since: datetime

    def call(self, provider: object, name: str, method: str) -> Awaitable[object]:
        """One read of a provider."""
        if method == "account":
            return provider.account()
        if method in {"charges_since", "payments_since"}:
            return getattr(provider, method)(self.since, trace_id=self.run.trace_id)
        if method == "read_refund":
            return provider.read_refund(self.refund_ids[name])
        return getattr(provider, method)(self.ids[name])


async def paid_once(scene: Scene) -> Paid:
    """Buy, pay, refund through the target, and wait until both providers show it."""
    run = MemoryRun()
    since = run.since
    order = await scene.buy(run, scene.target.base_url, deadline_seconds=10.0)
    await scene.pay(order)
    # The target completes the order with a webhook; before that it refunds nothing.
    await asyncio.sleep(1.0)
    await scene.settle(run, order=order, late_charge_seconds=1.0)
    stripe = scene.provider("stripe", run, scene.direct_stripe)
    hyperswitch = scene.provider("hyperswitch", run, scene.direct_hyperswitch)
    (charge,) = await stripe.charges_since(since, trace_id=run.trace_id)
    ids = {"stripe": charge.payment_id, "hyperswitch": str(order["hyperswitch_payment_id"])}
    refunds = {
        "stripe": (await stripe.refunds(ids["stripe"]))[0].refund_id,
        "hyperswitch": (await hyperswitch.refunds(ids["hyperswitch"]))[0].refund_id,
    }
    await stripe.aclose()
    await hyperswitch.aclose()
    return Paid(run, ids, refunds, since)


async def read_cell(scene: Scene, paid: Paid, fault: Fault, name: str, method: str) -> list[str]:
    """Gate to provider, one read: the true value or a refusal, never another value, never another exception."""
    outer = scene.stripe if name == "stripe" else scene.hyperswitch
    direct = scene.provider(name, paid.run, outer.upstream)
    truth = await paid.call(direct, name, method)
    await direct.aclose()
    async with Proxy(upstream=outer.upstream) as proxy:
        rule = _rule(proxy, fault, "GET ", "")
        provider = scene.provider(name, paid.run, proxy.base_url)
        try:
            said: object = await paid.call(provider, name, method)
        except ProviderError:
            said = "refused"
        await provider.aclose()
    repeated = WAITED_FOR | (REPEATED if name == "stripe" else set())
    good = fault.readable or fault.name == "a redirect to itself" or fault.name in repeated
    problems = []
    if not rule.fired:
        problems.append("the fault did not act")
    if good and said != truth:
        problems.append("refused" if said == "refused" else "another value")
    if not good and said != "refused":
        problems.append("a value came out of a broken answer")
    return problems


async def write_cell(scene: Scene, fault: Fault, name: str, method: str) -> list[str]:
    """Gate to provider, one refund or one closing: sent once, told as done only when a whole answer says so."""
    run = MemoryRun()
    order = await scene.buy(run, scene.target.base_url, deadline_seconds=10.0)
    if method == "refund":
        await scene.pay(order)
    payment_id = str(order["hyperswitch_payment_id"])
    since = run.since
    if name == "stripe":
        direct = scene.provider("stripe", run, scene.direct_stripe)
        (charge,) = await direct.charges_since(since, trace_id=run.trace_id)
        payment_id = charge.payment_id
        await direct.aclose()
    outer = scene.stripe if name == "stripe" else scene.hyperswitch
    async with Proxy(upstream=outer.upstream) as proxy:
        rule = _rule(proxy, fault, "POST ", "")
        provider = scene.provider(name, run, proxy.base_url, deadline_seconds=4.0)
        try:
            if method == "refund":
                await provider.refund(
                    payment_id, Money(500, "EUR"), idempotency_key=f"key-{run.trace_id}", trace_id=run.trace_id
                )
            else:
                await provider.close_payment(payment_id)
            done = True
        except ProviderError:
            done = False
        await provider.aclose()
        posts = len(proxy.lines("POST "))
    lived = await scene.settle(run, late_charge_seconds=0.6)
    problems = _money(lived, charges=int(method == "refund"))
    if not rule.fired:
        problems.append("the fault did not act")
    if posts != 1:
        problems.append(f"sent {posts} times")
    if done != fault.readable:
        problems.append("told as done" if done else "a whole answer was refused")
    return problems


async def _all(scene: Scene, size: str) -> list[Cell]:
    faults = chosen(size)
    paid_run = await paid_once(scene)
    # Reads first: they look at a ledger that is still short.
    cells: list[Cell] = [
        (f"{name}.{method} / {one.name}", lambda one=one, n=name, m=method: read_cell(scene, paid_run, one, n, m))
        for name, methods in READS.items()
        for method in methods
        for one in faults
    ]
    cells += [(f"purchase / {one.name}", lambda one=one: purchase_cell(scene, one)) for one in faults]
    calls = (
        ("stripe", "GET /v1/charges", True),
        ("stripe", "GET /v1/refunds", True),
        ("stripe", "POST /v1/refunds", True),
        ("hyperswitch", "GET /payments/list", False),
        ("hyperswitch", "POST /payments", False),
    )
    for where, start, paid in calls:
        cells += [
            (
                f"settling, {start} / {one.name}",
                lambda one=one, where=where, start=start, paid=paid: settling_cell(scene, one, where, start, paid=paid),
            )
            for one in faults
        ]
    if size == "full":
        inner = (
            (scene.inner_hyperswitch, "POST /payments"),
            (scene.inner_stripe, "POST /v1/payment_intents"),
            (scene.inner_hyperswitch, "POST /refunds"),
            (scene.inner_stripe, "POST /v1/refunds"),
        )
        for proxy, start in inner:
            cells += [
                (f"inside, {start} / {one.name}", lambda one=one, p=proxy, s=start: inner_cell(scene, one, p, s))
                for one in FAULTS[::3]
            ]
        cells += [
            (f"{name}.{method} / {one.name}", lambda one=one, n=name, m=method: write_cell(scene, one, n, m))
            for name, method in (("stripe", "refund"), ("hyperswitch", "refund"), ("hyperswitch", "close"))
            for one in FAULTS
        ]
    return cells


async def _unsent(scene: Scene, result: NetworkResult) -> None:
    """Connections that never come about, TLS among them, and one that is dropped before a byte was read."""
    with tempfile.TemporaryDirectory() as folder:
        for name, made in certificates(Path(folder)).items():
            async with Proxy(upstream=scene.target.upstream, certificate=made.context) as proxy:
                cell = unsent_cell(scene, proxy.base_url, "not_sent", ca_file=made.trusted)
                result.note(f"purchase / {name}", await cell)
    async with Proxy(upstream=scene.target.upstream) as proxy:
        plain = proxy.base_url.replace("http://", "https://")
        result.note("purchase / TLS to a plain port", await unsent_cell(scene, plain, "not_sent"))
        proxy.drops = 1
        result.note("purchase / dropped on arrival", await unsent_cell(scene, proxy.base_url, "ambiguous"))
    result.note("purchase / refused", await unsent_cell(scene, "http://127.0.0.1:9", "not_sent"))
    result.note("purchase / no such host", await unsent_cell(scene, "http://nowhere.invalid", "not_sent"))


async def _run(size: str) -> NetworkResult:
    result = NetworkResult()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, cell: Callable[[], Awaitable[list[str]]]) -> None:
        async with gate:
            try:
                async with asyncio.timeout(CELL_SECONDS):
                    result.note(name, await cell())
            except Exception as error:  # noqa: BLE001 - whatever a cell dies of is its result
                result.note(name, [f"{type(error).__name__}: {error}"])

    async with Scene() as scene:
        await _unsent(scene, result)
        cells = await _all(scene, size)
        await asyncio.gather(*(one(name, cell) for name, cell in cells))
    return result


def run(size: str) -> NetworkResult:
    """Every cell of a size."""
    return asyncio.run(_run(size))


def main() -> None:
    """Print what came of the cells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=["smoke", "full"], default="smoke")
    result = run(parser.parse_args().size)
    print(f"cells={result.cells} wrong={result.wrong}")
    print("\n".join(result.problems))


if __name__ == "__main__":
    main()
