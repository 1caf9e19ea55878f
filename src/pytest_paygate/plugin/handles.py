"""What a suite holds in its hands: the run and its facts.

Thin views of a `GateRun`; everything they are told goes to the journal before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import (
    MissingFactError,
    PaygateError,
    Refusal,
    RowFailedError,
    configuration,
    nearest,
)
from pytest_paygate.core.facts import FactKind, FactShapeError, FactValue, from_json, to_json
from pytest_paygate.core.money import Money, MoneyError
from pytest_paygate.core.seats import Waiting
from pytest_paygate.exposure.planning import is_live_like
from pytest_paygate.plugin.row_checks import Checks, money_sentence
from pytest_paygate.plugin.seats import waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_paygate.adapters.answers import Answer
    from pytest_paygate.core.environment import Environment, ProviderAccess
    from pytest_paygate.core.events import Mode
    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.ports import Charge, Provider, Refund
    from pytest_paygate.core.secret import Secret
    from pytest_paygate.exposure.watching import GuardReader
    from pytest_paygate.plugin.gate_run import GateRun

T = TypeVar("T")
DASHBOARDS = {"stripe": "https://dashboard.stripe.com", "hyperswitch": "https://app.hyperswitch.io"}


class Facts:
    """The run's facts: `facts["order_id"] = …` journals one, `facts["order_id"]` reads it back, typed.

    A fact is written once. One that no earlier row recorded blocks the row that asks for it, by name.
    """

    def __init__(self, run: GateRun) -> None:
        self._run = run

    def __getitem__(self, name: str) -> Any:
        self._declared(name)
        if name not in self._run.state.facts:
            raise MissingFactError(
                name,
                Refusal(
                    refused=f"fact {name} is missing",
                    expected=f"an earlier row to have recorded {name}",
                    observed="no row of this run has",
                    money=money_sentence(self._run),
                    next_step="See which row records it in gate.toml, and why that row did not.",
                ),
            )
        return self._run.state.facts[name]

    def __setitem__(self, name: str, value: FactValue) -> None:
        kind = self._declared(name)
        try:
            encoded = to_json(kind, value)
            if self._run.holds_secret(str(encoded)):
                raise FactShapeError("the value holds a secret of this run")  # noqa: TRY301 - told as any other misfit
        except FactShapeError as error:
            raise RowFailedError(
                Refusal(
                    refused=f"fact {name} cannot be recorded",
                    expected=f"a value of kind {kind}",
                    observed=str(error),
                    money=money_sentence(self._run),
                    next_step="Look at what the target answered; a value that does not fit is not evidence.",
                )
            ) from None
        if name in self._run.state.facts:
            if from_json(kind, encoded) == self._run.state.facts[name]:
                return
            raise RowFailedError(
                Refusal(
                    refused=f"fact {name} changed during the run",
                    expected=f"still {self._run.plain(self._run.state.facts[name])}",
                    observed=self._run.plain(value),
                    money=money_sentence(self._run),
                    next_step="A fact is written once. Find out which of the two answers is right.",
                )
            )
        self._run.journal.record(ev.FactRecorded(name=name, fact_kind=kind, value=encoded))

    def __contains__(self, name: object) -> bool:
        return name in self._run.state.facts

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.state.facts)

    def _declared(self, name: str) -> FactKind:
        kind = self._run.gate.facts.get(name)
        if kind is None:
            raise configuration(
                f"{self._run.folder.path.name}/gate.toml: facts.{name}",
                "is not declared",
                expected=f"every fact in [facts] with its kind.{nearest(name, self._run.gate.facts)}",
                observed=f"a row used {name!r}",
                next_step="Declare the fact, or correct its name in the test.",
            )
        return kind


class GateTable(Mapping[str, T]):
    """A table of `gate.toml`, read-only; a name that it does not have is refused with the nearest one."""

    def __init__(self, run: GateRun, table: str, values: Mapping[str, T]) -> None:
        self._run = run
        self._table = table
        self._values = values

    def __getitem__(self, name: str) -> T:
        if name in self._values:
            return self._values[name]
        raise configuration(
            f"{self._run.folder.path.name}/gate.toml: {self._table}.{name}",
            "is missing",
            expected=f"every name a row reads in [{self._table}].{nearest(name, self._values)}",
            observed=f"the keys: {', '.join(self._values) or 'none'}",
            next_step=f"Add it to [{self._table}], or correct its name in the test.",
        )

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Run(Checks):
    """The run a row belongs to: what it is bound to, and how a row says what it saw."""

    @property
    def run_id(self) -> str:
        """The run's id, also the name of its folder."""
        return self._run.runs.identity

    @property
    def trace_id(self) -> str:
        """The id sent with every request and set on the payment."""
        return self._run.trace_id

    @property
    def elapsed_seconds(self) -> float:
        """Seconds on a clock that only runs forward, also while the machine sleeps; for differences."""
        return self._run.clock.elapsed_seconds()

    @property
    def mode(self) -> Mode:
        """Sandbox, staging, rehearsal or live."""
        return self._run.mode

    @property
    def livemode(self) -> bool:
        """What `livemode` must say on the provider's objects of this run; in a rehearsal too it is true."""
        return is_live_like(self._run.mode)

    @property
    def may_probe(self) -> bool:
        """Whether the target may be sent what it must refuse: in a dry run, never where money is real or rehearsed."""
        return not self._run.state.is_guarded

    @property
    def environment(self) -> Environment:
        """The target, with its plain values."""
        return self._run.environment

    @property
    def expect(self) -> Mapping[str, str | int | float | bool]:
        """The gate's `[expect]` table: what the plan says, independent of any answer.

        A name that it does not have raises `ConfigurationError`.
        """
        return GateTable(self._run, "expect", self._run.gate.expect)

    def expected_money(self, name: str) -> Money:
        """An amount of the gate's `[expect]` table, such as `price = "EUR 5.00"`.

        Raises:
            ConfigurationError: when the table does not have it, or it is no amount.
        """
        text = self.expect[name]
        try:
            return Money.parse(str(text))
        except MoneyError as error:
            raise configuration(
                f"{self._run.folder.path.name}/gate.toml: expect.{name}",
                "is not an amount",
                expected="an amount like 'EUR 5.00'",
                observed=str(error)[:120],
                next_step="Write currency and amount in quotes, or read the value as run.expect[...].",
            ) from None

    @property
    def thresholds(self) -> Mapping[str, int | float]:
        """The gate's `[thresholds]` table. A name that it does not have raises `ConfigurationError`."""
        return GateTable(self._run, "thresholds", self._run.gate.thresholds)

    def value(self, name: str) -> str:
        """A plain value of the environment, such as `buyer_email`.

        Raises:
            ConfigurationError: when `paygate.toml` does not set it.
        """
        return _setting(self._run, "values", self._run.environment.values, name)

    def secret(self, name: str) -> Secret:
        """A secret of the environment, such as `buyer_password`.

        Raises:
            ConfigurationError: when `paygate.toml` does not set it.
        """
        return _setting(self._run, "secrets", self._run.environment.secrets, name)

    def provider(self, name: str) -> ProviderAccess:
        """How the environment reaches a provider.

        Raises:
            ConfigurationError: when `paygate.toml` does not set it.
        """
        return _setting(self._run, "providers", self._run.environment.providers, name)

    def service(self, name: str) -> str:
        """The base URL of one service of the environment, such as `a8`, without a trailing slash.

        Raises:
            ConfigurationError: when `paygate.toml` does not set it.
        """
        return _setting(self._run, "services", self._run.environment.services, name)

    def keep(self, name: str, value: str) -> None:
        """Keep a value for a later row without journalling it: a payable URL, a token. It dies with the process."""
        self._run.resources[f"kept:{name}"] = value

    def kept(self, name: str) -> str:
        """A value an earlier row kept.

        Raises:
            MissingFactError: when no row has kept it in this process.
        """
        if f"kept:{name}" not in self._run.resources:
            raise MissingFactError(
                name,
                Refusal(
                    refused=f"kept value {name} is missing",
                    expected=f"an earlier row to have kept {name}",
                    observed="no row of this process has",
                    money=money_sentence(self._run),
                    next_step="Run the gate from its first row; kept values are never written to disk.",
                ),
            )
        return str(self._run.resources[f"kept:{name}"])

    def refund_through(self, refund: Callable[[], Awaitable[Answer]]) -> None:
        """Say how the target is asked to give back what this run bought, for when the run ends before its refund row.

        Args:
            refund: sends the request and returns the answer; a 2xx means that the target agreed.
        """

        async def ask(charge: ChargeState) -> str:
            del charge
            try:
                answer = await refund()
            except PaygateError as error:
                return type(error).__name__
            return "" if 200 <= answer.status < 300 else f"status {answer.status}"

        self._run.target_refund = ask

    def guard(self, guard_id: str, *, observed: object = None) -> None:
        """Look at a guard of the gate now, with what the row has observed, and stop the run when it does not hold.

        Args:
            guard_id: a guard that `gate.toml` declares.
            observed: the value, or a capacity's standing; left out, the guard's `fact` as it was recorded.

        Raises:
            GuardBreachError: when it does not hold; nothing after it runs.
        """
        guard = self._run.gate.guard(guard_id)
        if observed is None and guard is not None and guard.fact:
            observed = self._run.state.facts.get(guard.fact)
        self._run.watch.check(guard_id, observed)

    def watch_guard(self, guard_id: str, reader: GuardReader) -> None:
        """Say how a guard is read, so that it can be read again right before money moves.

        Args:
            guard_id: a guard that `gate.toml` declares.
            reader: returns the value, or something to wait for that does; what it raises counts as a breach.
        """
        self._run.watch.watch(guard_id, reader)

    async def read_guard(self, guard_id: str) -> None:
        """Look at a guard now as it will be looked at before money moves, and stop the run when it does not hold.

        Raises:
            GuardBreachError: when it does not hold, or cannot be read; nothing after it runs.
        """
        await self._run.watch.read(guard_id)

    async def refund_at_provider(self, provider: Provider, charge: Charge) -> Refund:
        """Give a charge back at its provider directly, where the target did not: asked once, under the run's own key.

        Args:
            provider: whose ledger the charge is in.
            charge: as that ledger shows it.

        Raises:
            InterlockError: when money may not move now, or the provider was asked before.
            ProviderError: when the provider refuses or does not answer.
        """
        return await self._run.desk.refund_at_provider(charge, provider, trace_id=self.trace_id)

    def dashboard_url(self, name: str, path: str) -> str:
        """Where a person finds an object at a provider: its dashboard, or its API address in a sandbox."""
        access = self.provider(name)
        return f"{(access.dashboard_url or access.base_url or DASHBOARDS.get(name, '')).rstrip('/')}/{path}"

    def countdown(
        self, title: str, *, since_seconds: float, limit_seconds: float, at_end: str
    ) -> AbstractContextManager[None]:
        """Show the person that time is running out, for as long as the context is open; it decides nothing.

        Args:
            title: what must happen in time, as a noun phrase.
            since_seconds: when the time began, as `elapsed_seconds` told it.
            limit_seconds: how long it lasts from then.
            at_end: what happens when it is over, as a sentence.
        """
        ends = since_seconds + limit_seconds
        return waiting(self._run, Waiting(self._run.told(title), since_seconds, ends, at_end=at_end, is_countdown=True))

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Run something asynchronous from a plain, synchronous row."""
        return self._run.loop.run_until_complete(awaitable)  # type: ignore[no-any-return]


def _setting(run: GateRun, table: str, values: Mapping[str, T], name: str) -> T:
    if name in values:
        return values[name]
    raise configuration(
        f"{run.runs.settings_file}: env.{run.environment.name}.{table}.{name}",
        "is missing",
        expected=f"a value the gate {run.gate.id} asks for.{nearest(name, values)}",
        observed=f"the keys: {', '.join(values) or 'none'}",
        next_step="Add it to the environment.",
    )
