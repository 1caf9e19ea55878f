"""The part of `paygate doctor` that asks: target, webhook endpoint, database, providers, and what live runs share.

Rules:
- every request is a read; nothing is created, changed, paid or refunded, and nothing is written here either;
- a key of the wrong mode or kind is never sent;
- each question has its deadline, and one that fails leaves the others their turn.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http import Api
from pytest_paygate.adapters.postgres import ReadOnlyDatabase
from pytest_paygate.adapters.postgres_rights import rights
from pytest_paygate.adapters.run_directory import journals
from pytest_paygate.checks import setup
from pytest_paygate.checks.setup import Level, Line, Rights
from pytest_paygate.cli.recover import is_open
from pytest_paygate.core.errors import ConfigurationError, DatabaseError, PaygateError, TargetError
from pytest_paygate.core.inert import inert
from pytest_paygate.core.ports import Capability
from pytest_paygate.exposure.recording import Unjournalled
from pytest_paygate.exposure.stores import FOLDER, store_of
from pytest_paygate.providers import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.adapters.answers import Answer
    from pytest_paygate.cli.project import Project
    from pytest_paygate.core.environment import Environment, ProviderAccess
    from pytest_paygate.core.secret import Secret

ASK_SECONDS = 10.0
_HTML_STARTS = (b"<!doctype html", b"<html")
_STORE_THERE = "SELECT to_regclass('paygate.exposures') IS NOT NULL AS there"
_STORE_OPEN = "SELECT run_id FROM paygate.exposures WHERE environment = %s AND settled_at IS NULL ORDER BY opened_at"


async def remote_lines(environment: Environment, key_lines: Sequence[Line]) -> Sequence[Line]:
    """Everything that is asked of others, all at once.

    Args:
        environment: the target; secrets that could not be had are left out of it.
        key_lines: what was found of its keys: a provider whose key is wrong is not asked.
    """
    wrong = {line.subject.split(".")[0] for line in key_lines if line.level is Level.FAIL}
    asked = [_service(environment, "", environment.base_url)]
    asked += [_service(environment, name, url) for name, url in environment.services.items()]
    asked += [_provider(environment, access) for name, access in environment.providers.items() if name not in wrong]
    if environment.webhook_url:
        asked.append(_webhook(environment))
    if environment.database is not None:
        asked.append(_database(environment.database))
    found = [line for lines in await asyncio.gather(*asked) for line in lines]
    order = list(setup.LINES)
    return sorted(found, key=lambda line: order.index(line.name))


def key_lines(environment: Environment) -> Iterator[Line]:
    """What each provider key says of itself."""
    for name, access in environment.providers.items():
        yield setup.key_line(name, access.key, environment.mode)
        if access.refund_key is not None:
            yield setup.key_line(f"{name}.refund_key", access.refund_key, environment.mode, for_refunds=True)


async def exposure_line(project: Project, environment: Environment) -> Line:
    """Money that runs of this environment have left open, by the store that live runs share and by the journals."""
    try:
        dsn = project.store_dsn()
        noted = await (_noted_locally(project, environment.name) if dsn is None else _noted(dsn, environment.name))
    except PaygateError as error:
        return _refused("exposure", error, "")
    folders = [path.parent for path in journals(project.reports)]
    journalled = [folder.name for folder in folders if is_open(folder, environment)]
    return setup.exposure_line(list(dict.fromkeys([*noted, *journalled])), environment.name)


async def _noted_locally(project: Project, environment: str) -> Sequence[str]:
    if not (project.reports / FOLDER / environment).is_dir():
        # Opening the store would make the folder; where it is not, no run has ever noted anything.
        return ()
    store = store_of(project.reports, None)
    try:
        return [record.run_id for record in await store.exposures(environment) if record.settled_at is None]
    finally:
        await store.aclose()


async def _noted(dsn: Secret, environment: str) -> Sequence[str]:
    """The shared store, read only: a live run would make its tables, this does not."""
    database = ReadOnlyDatabase(dsn, recorder=Unjournalled(), clock=SystemClock())
    try:
        (found,) = await database.rows(_STORE_THERE)
        if not found["there"]:
            return ()
        return [inert(str(row["run_id"])) for row in await database.rows(_STORE_OPEN, (environment,))]
    finally:
        await database.aclose()


async def _service(environment: Environment, name: str, url: str) -> Sequence[Line]:
    """`GET /health`, and the base URL itself where that brings no JSON: an answer of either kind will do."""
    lines: list[Line] = []
    try:
        async with _client(environment, url, name or "target", first_party=True) as api:
            for path in ("/health", "/"):
                answer = await api.get(path)
                line = setup.answer_line(name, answer.status, is_json=_is_json(answer), is_html=_is_html(answer))
                lines.append(line)
                if line.level is Level.OK:
                    break
            offset = api.clock_offset_seconds
    except (TargetError, ConfigurationError) as error:
        return (_refused("target", error, name),)
    best = next((line for line in lines if line.level is Level.OK), lines[0])
    return best, setup.clock_line(name or "target", offset)


async def _webhook(environment: Environment) -> Sequence[Line]:
    try:
        async with _client(environment, environment.webhook_url, "webhook", first_party=True) as api:
            answer = await api.get("/")
    except (TargetError, ConfigurationError) as error:
        return (_refused("webhook", error, ""),)
    return (setup.webhook_line(answer.status, is_html=_is_html(answer)),)


async def _provider(environment: Environment, access: ProviderAccess) -> Sequence[Line]:
    made: list[Api] = []

    def client(base_url: str) -> Api:
        made.append(_client(environment, base_url, access.name, first_party=False))
        return made[0]

    try:
        provider = build(access.name, access.key, access.base_url, client=client, clock=SystemClock())
    except PaygateError as error:
        return (_refused("account", error, access.name),)
    try:
        if Capability.ACCOUNT in provider.capabilities:
            account = await provider.account()
            line = setup.account_line(access.name, account, access.account, environment.mode)
        else:
            await provider.payments_since(datetime.now(UTC))
            line = Line("account", Level.OK, "the key is accepted; this provider shows no account", "", access.name)
    except PaygateError as error:
        line = _refused("account", error, access.name)
    finally:
        await provider.aclose()
    offset = made[0].clock_offset_seconds
    answered = offset is not None or line.level is Level.OK
    return (line, setup.clock_line(access.name, offset)) if answered else (line,)


async def _database(dsn: Secret) -> Sequence[Line]:
    database = ReadOnlyDatabase(dsn, recorder=Unjournalled(), clock=SystemClock())
    try:
        return (setup.rights_line(Rights(*await rights(database))),)
    except DatabaseError as error:
        return (_refused("database", error, ""),)
    finally:
        await database.aclose()


def _client(environment: Environment, url: str, party: str, *, first_party: bool) -> Api:
    return Api(
        url,
        party=party,
        recorder=Unjournalled(),
        clock=SystemClock(),
        trace_id="",
        deadline_seconds=ASK_SECONDS,
        ca_file=Path(environment.ca_file) if environment.ca_file else None,
        first_party=first_party,
    )


def _is_json(answer: Answer) -> bool:
    try:
        answer.json()
    except TargetError:
        return False
    return True


def _is_html(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    return kind == "text/html" or answer.body[:200].lstrip().lower().startswith(_HTML_STARTS)


def _refused(name: str, error: PaygateError, subject: str) -> Line:
    """What could not be asked, in the refusal's own words."""
    refusal = error.refusal
    return Line(name, Level.FAIL, f"{inert(refusal.refused)}: {inert(refusal.observed)}", refusal.next_step, subject)
