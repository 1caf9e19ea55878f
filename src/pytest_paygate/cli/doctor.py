"""`paygate doctor`: everything a run needs, looked at and listed, each line with its fix. It only reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.settings import FILE, resolve, source_of
from pytest_paygate.checks.setup import LINES, Level, Line, policy_line
from pytest_paygate.cli import doctor_local as local
from pytest_paygate.cli import doctor_remote as remote
from pytest_paygate.cli.project import Project, open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.core.environment import (
    SANDBOX,
    DeclaredMode,
    Environment,
    EnvironmentSettings,
    LiveRules,
    Payer,
    ProviderSettings,
    Settings,
    cap_amounts,
    choose,
    mode_of,
)
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.inert import inert, terminal_text
from pytest_paygate.core.references import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.sandbox.description import SandboxDescription


@dataclass(frozen=True, slots=True)
class Looked:
    """One environment as far as it can be talked to. `environment` lacks what could not be resolved."""

    environment: Environment
    declared: EnvironmentSettings
    lines: Sequence[Line]


@click.command()
@click.option("--env", "name", default=SANDBOX, show_default=True, metavar="NAME", help="Environment to look at.")
@click.option("--reports", default="", metavar="DIR", help="Where runs are; default: reports/.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def doctor(*, name: str, reports: str, as_json: bool) -> None:
    """Check everything a run needs, and say of each line what to do about it.

    Only reads: no money is moved, nothing is written, and a key of the wrong kind is never sent.
    """
    lines = tuple(_looked_at(name, reports))
    ordered = sorted(lines, key=lambda line: list(LINES).index(line.name))
    failed = sum(line.level is Level.FAIL for line in ordered)
    if as_json:
        click.echo(json.dumps({"environment": name, "ok": not failed, "lines": [asdict(line) for line in ordered]}))
    else:
        for text in _shown(ordered, name):
            click.echo(terminal_text(text))
    sys.exit(1 if failed else 0)


def _looked_at(name: str, reports: str) -> Iterator[Line]:
    try:
        project, settings_line = open_project(reports=reports), None
        if name != SANDBOX:
            choose(project.settings, name, project.settings_file)
    except ConfigurationError as error:
        refusal = error.refusal
        settings_line = Line("settings", Level.FAIL, f"{refusal.refused}: {refusal.observed}", refusal.next_step)
        # Whatever the file says cannot be relied on: the rest is looked at for the embedded sandbox.
        project, name = Project(Path.cwd(), Settings(), FILE, Path(reports or "reports").resolve()), SANDBOX
    yield settings_line or _settings_line(project)
    with contextlib.ExitStack() as stack:
        looked = _embedded(stack) if name == SANDBOX else declared_environment(project, name)
        yield from looked.lines
        environment = looked.environment
        yield from local.machine_lines(environment.mode, environment.payer)
        yield from local.session_lines(project.root, project.settings.default_gate, environment.mode)
        yield from local.key_file_lines(project, name, looked.declared)
        if settings_line is None:
            yield local.gate_line(project)
        signers_there = (project.root / environment.live.approval.signers).is_file()
        today = datetime.now(UTC).date()
        yield policy_line(environment.live, environment.mode, today, signers_there=signers_there)
        if not environment.base_url:
            return
        keys = tuple(remote.key_lines(environment))
        yield from keys
        yield from asyncio.run(remote.remote_lines(environment, keys))
        if name != SANDBOX:
            yield asyncio.run(remote.exposure_line(project, environment))


def _settings_line(project: Project) -> Line:
    source = source_of(project.root)
    if source is None:
        fix = "Run `paygate init`; the embedded sandbox needs no settings."
        return Line("settings", Level.WARN, f"no {FILE} here", fix)
    names = ", ".join([SANDBOX, *project.settings.env])
    return Line("settings", Level.OK, f"{source.name}: {names}")


def declared_environment(project: Project, name: str) -> Looked:
    """An environment of the settings: whole, or without its secrets and a line for each that is not there.

    Raises:
        ConfigurationError: when the settings have no such environment.
    """
    file = project.settings_file
    declared = choose(project.settings, name, file)
    held = references(f"env.{name}", declared)
    try:
        environment = resolve(name, declared, file)
    except ConfigurationError as error:
        lines = list(_missing(error, held))
        return Looked(_without_secrets(name, declared, file), declared, lines)
    return Looked(environment, declared, [Line("secrets", Level.OK, f"{len(held)} references lead to a secret")])


def _missing(error: ConfigurationError, held: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """Every variable that is not set; else the one reference that could not be followed."""
    unset = [(key, reference[4:]) for key, reference in held if reference.startswith("env:")]
    unset = [(key, variable) for key, variable in unset if not os.environ.get(variable)]
    for key, variable in unset:
        fix = f"Set {variable} in the shell, or by your secrets manager, and run this again."
        yield Line("secrets", Level.FAIL, f"{variable} is not set", fix, key)
    if not unset:
        refusal = error.refusal
        seen = f"{inert(refusal.refused)}: {inert(refusal.observed)}"
        yield Line("secrets", Level.FAIL, seen, refusal.next_step)


def _without_secrets(name: str, declared: EnvironmentSettings, file: str) -> Environment:
    """What can be looked at without a secret: an address that a sandbox would publish is left out too."""
    where = f"{file}: env.{name}"
    plain = {key: url for key, url in declared.services.items() if not url.startswith("sandbox:")}
    return Environment(
        name=name,
        mode=mode_of(declared.mode, ()),
        base_url="" if declared.base_url.startswith("sandbox:") else declared.base_url,
        payer=declared.payer,
        webhook_url=declared.webhook_url,
        ca_file=declared.ca_file,
        services=plain,
        live=LiveRules(
            policy=declared.live_policy,
            acknowledgement=declared.acknowledgement,
            caps=cap_amounts(f"{where}.caps", declared.caps),
            approval=declared.approval,
        ),
    )


def _embedded(stack: contextlib.ExitStack) -> Looked:
    """The embedded world, really started, and ended with the stack."""
    fix = "pip install 'pytest-paygate[sandbox]'"
    try:
        from pytest_paygate.sandbox.errors import SandboxError
        from pytest_paygate.sandbox.server import Sandbox
    except ImportError as error:
        return _no_world(Line("sandbox", Level.FAIL, f"no module named {error.name}", fix))
    try:
        world = stack.enter_context(Sandbox.start())
    except ImportError as error:
        return _no_world(Line("sandbox", Level.FAIL, f"no module named {error.name}", fix))
    except SandboxError as error:
        return _no_world(Line("sandbox", Level.FAIL, inert(str(error)), "Do what the message says."))
    declared = _published(world.description)
    line = Line("sandbox", Level.OK, "started, and ended when this list is done")
    return Looked(resolve(SANDBOX, declared, FILE), declared, [line])


def _no_world(line: Line) -> Looked:
    declared = EnvironmentSettings(mode=DeclaredMode.SANDBOX, base_url="http://127.0.0.1", payer=Payer.HTTP)
    nowhere = Environment(SANDBOX, mode_of(declared.mode, ()), "", Payer.HTTP)
    return Looked(nowhere, declared, [line])


def _published(description: SandboxDescription) -> EnvironmentSettings:
    """The running world's marketplace as an environment would declare it; its secrets are the ones it publishes."""
    stripe = ProviderSettings(
        key="sandbox:stripe_secret_key", base_url=description.stripe_url, account=description.stripe_account_id
    )
    hyperswitch = ProviderSettings(key="sandbox:hyperswitch_api_key", base_url=description.hyperswitch_url)
    return EnvironmentSettings(
        mode=DeclaredMode.SANDBOX,
        base_url=description.api_url,
        payer=Payer.HTTP,
        sandbox=description.control_url,
        database="sandbox:marketplace_read_only_dsn",
        providers={"stripe": stripe, "hyperswitch": hyperswitch},
    )


def _shown(lines: Sequence[Line], name: str) -> Iterator[str]:
    heads = [f"{line.name} {line.subject}".strip() for line in lines]
    width = max(map(len, heads))
    for head, line in zip(heads, lines, strict=True):
        yield f"  {line.level:<4}  {head:<{width}}  {line.seen}"
        if line.fix and line.level is not Level.OK:
            yield f"  {'':<4}  {'':<{width}}  fix: {line.fix}"
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    yield f"{name}: {counts[Level.OK]} ok, {counts[Level.WARN]} warn, {counts[Level.FAIL]} fail"
