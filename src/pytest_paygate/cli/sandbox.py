"""`paygate sandbox`: the emulated world on fixed ports, until somebody ends it or whoever started it has gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.sandbox.delays import DELAYS
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.listening import BASE_DEFAULT, PORTS, Ports
from pytest_paygate.sandbox.parent import watch_parent
from pytest_paygate.sandbox.server import ENVIRONMENTS, Sandbox, load_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.sandbox.description import SandboxDescription

_PORT_BASE_HELP = f"First of {PORTS} ports in a row; 0 takes free ones."
_LOG_HELP = "Append the fleet's log (A5) to this file as JSON Lines as well."
_DAY_HELP = "Give the fleet 24 hours of healthy samples that end now, as microcharge asks for."
_DELAY_HELP = "Make a party wait: " + ", ".join(DELAYS) + "."


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of text.")
@click.option("--port-base", type=int, default=BASE_DEFAULT, show_default=True, help=_PORT_BASE_HELP)
@click.option("--environment", type=click.Choice(ENVIRONMENTS), default="sandbox", show_default=True)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Switch a fault on from the start.")
@click.option("--list-faults", is_flag=True, help="List the faults and end.")
@click.option("--delay", "delays", multiple=True, metavar="NAME=SECONDS", help=_DELAY_HELP)
@click.option("--fleet-log", type=click.Path(dir_okay=False, path_type=Path), help=_LOG_HELP)
@click.option("--healthy-day", is_flag=True, help=_DAY_HELP)
@click.option("--orphan-ok", is_flag=True, help="Stay up when the process that started it has ended.")
def sandbox(  # noqa: PLR0913 - one parameter for each option
    *,
    as_json: bool,
    port_base: int,
    environment: str,
    faults: Sequence[str],
    list_faults: bool,
    delays: Sequence[str],
    fleet_log: Path | None,
    healthy_day: bool,
    orphan_ok: bool,
) -> None:
    """Start the emulated world, say where everything is, and stay until SIGTERM or Ctrl-C.

    Marketplace, fleet A1 to A8, Hyperswitch and Stripe emulators, hosted payment page, PostgreSQL, control surface:
    all on 127.0.0.1.
    """
    if list_faults:
        _print_faults()
        return
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: ended.set())
    if not orphan_ok:
        watch_parent(os.getppid(), ended.set)
    try:
        running = Sandbox.start(
            environment=environment,
            ports=Ports.from_base(port_base),
            delays_seconds=dict(_delay(one) for one in delays),
            faults={name: {} for name in faults},
            fleet_log=fleet_log,
        )
    except SandboxError as failure:
        raise click.ClickException(str(failure)) from None
    with running:
        if healthy_day:
            running.write_history()
        description = running.description
        click.echo(description.to_json() if as_json else _text(description), nl=True)
        sys.stdout.flush()
        ended.wait()


def _delay(option: str) -> tuple[str, float]:
    name, separator, seconds = option.partition("=")
    try:
        return name, float(seconds)
    except ValueError:
        wanted = "NAME=SECONDS" if not separator else f"{name}=SECONDS with a number"
        message = f"--delay {option}: write {wanted}"
        raise click.UsageError(message) from None


def _print_faults() -> None:
    load_registry()
    width = max(len(name) for name in REGISTRY)
    for fault in sorted(REGISTRY.values(), key=lambda one: (one.layer, one.name)):
        row = f"[row {fault.row}]" if fault.row else "[benign]"
        whose = "" if fault.gate == "e2e" else f" ({fault.gate})"
        click.echo(f"{fault.name:<{width}}  {fault.layer}: {fault.summary}{whose} {row}")


def _text(description: SandboxDescription) -> str:
    banner = (
        "REHEARSAL: it calls itself live, and there are no funds"
        if description.livemode
        else f"SANDBOX ({description.environment}): no real money"
    )
    named = {
        "marketplace": description.api_url,
        "hyperswitch": description.hyperswitch_url,
        "stripe": description.stripe_url,
        "control": f"{description.control_url}/_sandbox/",
        "database": description.marketplace_read_only_dsn,
        "buyer": f"{description.buyer_email} / {description.buyer_password}",
        "fleet A1 to A8": f"{description.a1_url} … {description.a8_url}",
        "fleet database": description.fleet_read_only_dsn,
        "fleet log": description.fleet_log_url,
        "stripe key": description.stripe_secret_key,
        "hyperswitch key": description.hyperswitch_api_key,
    }
    return "\n".join(
        [
            banner,
            "",
            *(f"  {name:<16} {value}" for name, value in named.items()),
            "",
            "Cards (any future expiry, any CVC):",
            *(f"  {number}  {outcome}" for outcome, number in description.cards.items()),
            "",
            "For paygate.toml:",
            "",
            description.environment_toml(),
            description.fleet_environment_toml(),
            "and for the shell it is read in:",
            "",
            *(f"export {name}='{value}'" for name, value in description.exports().items()),
            "",
            "Ctrl-C ends it.",
        ]
    )
