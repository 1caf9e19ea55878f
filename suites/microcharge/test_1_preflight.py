"""Preconditions: all of them hold before any money may move. Nothing here writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Mode, Money, checks, minimum_charge, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_paygate import Api, Capacity, Facts, PreviousRun, Proofs, Provider, Run, WindowResult, Windows

from suites.microcharge.conftest import CORE, status_of
from suites.microcharge.looks import keeps_keys

# What A5 must say for each life; a rehearsal looks live to everybody but the report.
ENVIRONMENT_SAID = {Mode.SANDBOX: "sandbox", Mode.STAGING: "staging", Mode.REHEARSAL: "live", Mode.LIVE: "live"}


@pytest.mark.preflight
@pytest.mark.row("environment")
async def test_environment(api: Api, run: Run, facts: Facts, proofs: Proofs) -> None:
    """A5 names environment and mode on each of its replicas; before this first request its log knows no trace of us."""
    await proofs.fresh()
    answer = await api.get("/api/status")
    said = as_object(answer.json())
    facts["target_environment"] = pick(said, "environment", str)
    if answer.answered_at is None:
        # The rows go on by our own clock; a proof must have a time of its own.
        run.anomaly("no_date_header", "A5 sends no Date header, so its HTTP proof will be missing")
    run.keep("began_at", (answer.answered_at or datetime.now(UTC)).isoformat())
    # A connection of its own for each look, so that a balancer may send every one to another replica.
    looks = int(run.thresholds["status_looks"])
    more = [as_object((await api.request("GET", "/api/status", once=True)).json()) for _ in range(looks - 1)]
    keeps_keys(run, answer, "GET /api/status")
    run.verify(checks.status.environment_named, facts["target_environment"], ENVIRONMENT_SAID[run.mode])
    run.verify(checks.checkouts.target_mode, said=flag(said, "livemode"), livemode=run.livemode)
    run.verify(checks.status.replicas_agree, [said, *more])


@pytest.mark.preflight
@pytest.mark.row("account")
async def test_account(run: Run, facts: Facts, provider: Callable[[str], Provider]) -> None:
    """The key opens the pinned account, in this run's mode and in order, whatever A5 says of itself."""
    account = await provider("stripe").account()
    facts["account_id"] = account.account_id
    run.check_account(account, provider="stripe")
    run.verify(checks.accounts.account_in_order, account)


@pytest.mark.preflight
@pytest.mark.row("capacity")
async def test_capacity(run: Run, facts: Facts, capacity: Capacity) -> None:
    """At least five charges are left in this period, or somebody has overridden the pause just now."""
    standing = await capacity.standing()
    facts["capacity_left"] = standing.left
    facts["pause_level"] = standing.pause_level
    if standing.override is not None:
        facts["override_by"] = standing.override.by
    await run.read_guard("capacity")


@pytest.mark.preflight
@pytest.mark.row("core_window")
async def test_core_window(run: Run, facts: Facts, windows: Windows) -> None:
    """A3, A6 and A8 answered 200 over a whole day, and somebody was looking all the time."""
    found = await windows.check_all(CORE, hours=float(run.thresholds["window_hours"]))
    look_at(run, found)
    facts["core_samples"] = sum(result.seen for result in found.values())
    facts["core_coverage_percent"] = min(result.coverage_percent for result in found.values())


@pytest.mark.preflight
@pytest.mark.row("a1_window")
async def test_a1_window(run: Run, facts: Facts, windows: Windows) -> None:
    """A1's warm P95 kept its limit over a whole day."""
    limit = int(run.thresholds["a1_p95_ms"])
    found = await windows.check_all(["a1"], hours=float(run.thresholds["window_hours"]), p95_ms=limit)
    look_at(run, found)
    facts["a1_samples"] = found["a1"].seen
    facts["a1_p95_ms"] = found["a1"].p95_ms or 0


@pytest.mark.preflight
@pytest.mark.row("previous_e2e")
async def test_previous_e2e(run: Run, facts: Facts, previous_run: Callable[..., PreviousRun]) -> None:
    """The newest e2e run of this environment is a believed PASS, of this commit and young enough."""
    environment = str(run.environment.values.get("e2e_environment", ""))
    found = previous_run("e2e", max_age_hours=float(run.thresholds["previous_run_hours"]), environment=environment)
    if run.mode is Mode.SANDBOX and (not found.run_id or found.verdict == "PASS"):
        # A world made for this session has no past, and no commit or age to ask for; no other life is let off.
        facts["previous_run"] = f"{found.run_id} PASS" if found.run_id else "none: an embedded sandbox has no past"
        return
    run.verify(checks.previous.previous_run_passed, found)
    facts["previous_run"] = f"{found.run_id} {found.verdict}"


@pytest.mark.preflight
@pytest.mark.row("minimum_charge")
async def test_minimum_charge(run: Run, facts: Facts, provider: Callable[[str], Provider]) -> None:
    """Fifty cents are allowed only where the account's settlement currency has no higher minimum."""
    account = await provider("stripe").account()
    amount = Money.parse(str(run.expect["amount"]))
    settles_in = amount.currency if amount.currency in account.settles_in else account.default_currency
    facts["settlement_currency"] = settles_in or "unknown"
    run.verify(checks.minimum_charge.reaches_minimum, amount, settles_in)
    facts["minimum_charge"] = minimum_charge(settles_in, amount.currency) or amount


@pytest.fixture(autouse=True)
def guards(run: Run, core: dict[str, Api]) -> None:
    """Say how the guards of this gate are read, so that they can be read again right before money moves."""
    for name, api in core.items():
        run.watch_guard(f"{name}_up", lambda api=api: status_of(api))


def look_at(run: Run, found: Mapping[str, WindowResult]) -> None:
    """Each window was answered, covered, unbroken and, where there is a limit, fast."""
    for result in found.values():
        run.verify(checks.windows.window_answered, result)
        run.verify(checks.windows.window_covered, result)
        run.verify(checks.windows.window_unbroken, result)
        run.verify(checks.windows.window_fast, result)


def as_object(document: object) -> dict[str, object]:
    """A document that is an object; what it lacks is told by whoever asks for it."""
    return document if isinstance(document, dict) else {}


def flag(document: Mapping[str, object], name: str) -> bool | None:
    """A truth value of a document, None where it does not tell one."""
    value = document.get(name)
    return value if isinstance(value, bool) else None
