"""`paygate orphans`: our charges that nobody gave back, from the ledger alone; refunded only when told to."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.typing_terminal import type_at_terminal
from pytest_paygate.core.money import Money
from pytest_paygate.core.verdict import EXIT_CODES, Verdict
from pytest_paygate.exposure import orphans as lost
from pytest_paygate.exposure.clients import provider_client
from pytest_paygate.exposure.recording import Unjournalled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.environment import Environment

_SPAN = re.compile(r"(?P<number>[0-9]{1,4})(?P<unit>[mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
# A refund that was just asked for may take a moment to show.
_SETTLE_SECONDS = 20


@click.command()
@click.option("--env", "environment_name", default="", metavar="NAME", help="Environment; default: live_env.")
@click.option("--since", default="72h", show_default=True, metavar="SPAN", help="How far back: 90m, 72h, 7d.")
@click.option("--provider", "provider_name", default="stripe", show_default=True, help="Whose ledger.")
@click.option("--refund", is_flag=True, help="Give back what is outstanding, after the total was typed.")
@click.option("--yes-refund", default="", metavar="TOTAL", help='The same without a terminal: the total, "EUR 5.00".')
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def orphans(  # noqa: PLR0913 - one parameter for each option
    *, environment_name: str, since: str, provider_name: str, refund: bool, yes_refund: str, as_json: bool
) -> None:
    """Find our charges that nobody gave back. Exit code 0 when there is none, 23 when there is."""
    match = _SPAN.fullmatch(since)
    if match is None:
        raise click.UsageError(f"--since {since!r}: write a number and m, h or d, like 72h")
    span = timedelta(seconds=int(match["number"]) * _SECONDS[match["unit"]])
    environment = open_project().environment(environment_name)
    if provider_name not in environment.providers:
        raise click.UsageError(f"--provider {provider_name}: the environment has {', '.join(environment.providers)}")
    found = asyncio.run(_find(environment, provider_name, datetime.now(UTC) - span))
    _show(found, environment.name, as_json=as_json)
    if found and (refund or yes_refund):
        totals = _totals(found)
        if yes_refund:
            if yes_refund != totals:
                raise click.UsageError(
                    f"--yes-refund {yes_refund!r}: what is outstanding is {totals}; nothing was sent"
                )
        else:
            type_at_terminal(f"\n  to give all of it back, type the total, like {totals}\n  > ", totals)
        found = asyncio.run(_give_back(environment, provider_name, found, datetime.now(UTC) - span))
        _show(found, environment.name, as_json=as_json)
    sys.exit(EXIT_CODES[Verdict.ESCALATED] if found else 0)


async def _find(environment: Environment, name: str, since: datetime) -> Sequence[lost.Orphan]:
    ledger = provider_client(
        environment, name, recorder=Unjournalled(), clock=SystemClock(), trace_id="", for_refunds=True
    )
    try:
        return await lost.find(ledger, since)
    finally:
        await ledger.aclose()


async def _give_back(
    environment: Environment, name: str, found: Sequence[lost.Orphan], since: datetime
) -> Sequence[lost.Orphan]:
    ledger = provider_client(
        environment, name, recorder=Unjournalled(), clock=SystemClock(), trace_id="", for_refunds=True
    )
    try:
        for orphan in found:
            refused = await lost.give_back(ledger, orphan)
            click.echo(f"  {orphan.charge_id}: {refused or f'asked for {orphan.outstanding}'}")
        for _ in range(_SETTLE_SECONDS):
            left = await lost.find(ledger, since)
            if not left:
                break
            await asyncio.sleep(1.0)
        return left
    finally:
        await ledger.aclose()


def _show(found: Sequence[lost.Orphan], environment: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "trace_id": orphan.trace_id,
                        "charge_id": orphan.charge_id,
                        "payment_id": orphan.payment_id,
                        "charged": str(orphan.charged),
                        "outstanding": str(orphan.outstanding),
                        "pending": str(orphan.pending),
                        "created": orphan.created.isoformat(),
                    }
                    for orphan in found
                ]
            )
        )
        return
    if not found:
        click.echo(f"no charge of ours is outstanding in {environment}")
        return
    click.echo(f"{len(found)} charges of ours are outstanding in {environment}: {_totals(found)}")
    for orphan in found:
        coming = f", {orphan.pending} on its way" if orphan.pending.minor else ""
        click.echo(
            f"  {orphan.charge_id}  {orphan.outstanding} of {orphan.charged}{coming}"
            f"  since {orphan.created.isoformat()}  trace {orphan.trace_id}"
        )


def _totals(found: Sequence[lost.Orphan]) -> str:
    """What is outstanding, currency by currency: two currencies never meet in one sum."""
    sums: dict[str, int] = {}
    for orphan in found:
        currency = orphan.outstanding.currency
        sums[currency] = sums.get(currency, 0) + orphan.outstanding.minor
    return " + ".join(str(Money(minor, currency)) for currency, minor in sorted(sums.items()))
