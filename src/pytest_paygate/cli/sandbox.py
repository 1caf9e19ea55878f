"""`paygate sandbox`: the emulated world on fixed ports, until somebody ends it or whoever started it has gone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click

from pytest_paygate.sandbox.delays import DELAYS
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.listening import BASE_DEFAULT, PORTS, Ports
from pytest_paygate.sandbox.parent import watch_parent
from pytest_paygate.sandbox.server import ENVIRONMENTS, Sandbox, load_registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.sandbox.description import SandboxDescription

_REGISTER_SECONDS = 30
_PORT_BASE_HELP = f"First of {PORTS} ports in a row; 0 takes free ones."
_LOG_HELP = "Append the fleet's log (A5) to this file as JSON Lines as well."
_DAY_HELP = "Give the fleet 24 hours of healthy samples that end now, as microcharge asks for."
_WEBHOOK_HELP = "Register a webhook endpoint of your own at the Stripe emulator; its secret is exported."
_ENV_FILE_HELP = "Write the `export` lines to this file once everything is up, for other shells to read."
_DELAY_HELP = "Make a party wait: " + ", ".join(DELAYS) + "."


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of text.")
@click.option("--port-base", type=int, default=BASE_DEFAULT, show_default=True, help=_PORT_BASE_HELP)
@click.option("--environment", type=click.Choice(ENVIRONMENTS), default="sandbox", show_default=True)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Switch a fault on from the start.")
@click.option("--list-faults", is_flag=True, help="List the faults and end.")
@click.option("--delay", "delays", multiple=True, metavar="NAME=SECONDS", help=_DELAY_HELP)
@click.option("--webhook", "webhooks", multiple=True, metavar="URL", help=_WEBHOOK_HELP)
@click.option("--env-file", type=click.Path(dir_okay=False, path_type=Path), help=_ENV_FILE_HELP)
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
    webhooks: Sequence[str],
    env_file: Path | None,
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
        exports = description.exports() | _registered(description, webhooks)
        if env_file is not None:
            _write_exports(env_file, exports)
        click.echo(description.to_json() if as_json else _text(description, exports), nl=True)
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


def _registered(description: SandboxDescription, urls: Sequence[str]) -> dict[str, str]:
    """Register each address over the emulator's own API, which chooses the secret; the first has no number."""
    secrets = {}
    for number, url in enumerate(urls, start=1):
        form = urlencode({"url": url, "enabled_events[]": "*"}).encode()
        request = Request(  # noqa: S310 - our own address on loopback
            f"{description.stripe_url}/v1/webhook_endpoints",
            form,
            {"Authorization": f"Bearer {description.stripe_secret_key}"},
        )
        try:
            with urlopen(request, timeout=_REGISTER_SECONDS) as answer:  # noqa: S310 - see above
                secret = str(json.load(answer)["secret"])
        except HTTPError as error:
            error.close()
            message = (
                f"--webhook {url}: the emulator does not take it; write an address like http://127.0.0.1:8001/path"
            )
            raise click.UsageError(message) from None
        secrets[f"PAYGATE_LOCAL_STRIPE_WEBHOOK_SECRET{'' if number == 1 else f'_{number}'}"] = secret
    return secrets


def _write_exports(path: Path, exports: Mapping[str, str]) -> None:
    """Write the lines for a shell, whole or not at all, readable by this user only."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(_export_lines(exports) + "\n")
        unfinished.replace(path)
    except OSError as error:
        message = f"--env-file {path}: cannot be written: {error.strerror}"
        raise click.UsageError(message) from None


def _export_lines(exports: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}='{value}'" for name, value in exports.items())


def _print_faults() -> None:
    load_registry()
    width = max(len(name) for name in REGISTRY)
    for fault in sorted(REGISTRY.values(), key=lambda one: (one.layer, one.name)):
        row = f"[row {fault.row}]" if fault.row else "[benign]"
        whose = "" if fault.gate == "e2e" else f" ({fault.gate})"
        click.echo(f"{fault.name:<{width}}  {fault.layer}: {fault.summary}{whose} {row}")


def _text(description: SandboxDescription, exports: Mapping[str, str]) -> str:
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
            _export_lines(exports),
            "",
            "Ctrl-C ends it.",
        ]
    )
