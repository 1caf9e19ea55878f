"""Pre-flight: whether this is the system we think it is, and fit to sell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Mode, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_paygate import Api, Facts, Proofs, Provider, Run
    from suites.e2e.conftest import Buyer

# What `/status` must say for each life; a rehearsal looks live to everybody but the report.
ENVIRONMENT_SAID = {Mode.SANDBOX: "sandbox", Mode.STAGING: "staging", Mode.REHEARSAL: "live", Mode.LIVE: "live"}


# Enough looks for one stale replica of four to be among those asked in 996 of 1000 runs, however they are drawn.
REPLICA_LOOKS = 20
TRACE_LOOK_BACK = timedelta(minutes=10)


@pytest.mark.preflight
@pytest.mark.row("health")
async def test_health(api: Api, run: Run, facts: Facts, proofs: Proofs) -> None:
    """GET /health answers 200 with status ok; before this first request the target's log knows no trace of us."""
    await proofs.fresh()
    answer = await api.get("/health")
    facts["health_status"] = answer.status
    word = pick(answer.data, "status", str) if answer.status == 200 else ""
    run.verify(checks.status.healthy, answer.status, word)


@pytest.mark.preflight
@pytest.mark.row("environment")
async def test_environment(api: Api, run: Run, facts: Facts) -> None:
    """GET /status names the environment this run believes it is on."""
    answer = await api.get("/status")
    facts["target_environment"] = pick(answer.data, "environment", str)
    run.verify(checks.status.environment_named, facts["target_environment"], ENVIRONMENT_SAID[run.mode])


@pytest.mark.preflight
@pytest.mark.row("processor")
async def test_processor(api: Api, run: Run, facts: Facts) -> None:
    """Hyperswitch is not disabled."""
    answer = await api.get("/status")
    facts["processor_state"] = pick(answer.data, "services.hyperswitch.status", str)
    run.verify(checks.status.processor_enabled, facts["processor_state"])


@pytest.mark.preflight
@pytest.mark.row("replicas")
async def test_replicas(api: Api, run: Run, facts: Facts) -> None:
    """Every answer of twenty, each over a connection of its own, comes from the same release of the same system."""
    answers: list[Mapping[str, object]] = []
    for _ in range(REPLICA_LOOKS):
        answer = await api.request("GET", "/status", once=True)
        answers.append(pick(answer.data, "", dict))
    facts["replica_looks"] = len(answers)
    run.verify(checks.status.replicas_agree, answers)


@pytest.mark.preflight
@pytest.mark.row("account")
async def test_account(run: Run, facts: Facts, provider: Callable[[str], Provider]) -> None:
    """Stripe's key opens the pinned account in this run's mode; the orchestrator has no payment of our trace id yet."""
    account = await provider("stripe").account()
    facts["provider_account"] = account.account_id
    run.check_account(account, provider="stripe")
    since = datetime.now(UTC) - TRACE_LOOK_BACK
    known = await provider("hyperswitch").payments_since(since, trace_id=run.trace_id)
    run.verify(checks.charges.trace_unused, known)


@pytest.mark.preflight
@pytest.mark.row("catalogue")
async def test_catalogue(api: Api, buyer: Buyer, run: Run, facts: Facts) -> None:
    """The catalogue has at least one product; a target that hides it from strangers shows it to the buyer."""
    answer = await api.get("/marketplace/products")
    if answer.status == 401:
        await buyer.login()
        answer = await buyer.get("/marketplace/products")
    products = answer.data
    facts["product_count"] = len(products) if isinstance(products, list) else 0
    run.verify(checks.catalogue.has_products, facts["product_count"])


@pytest.mark.preflight
@pytest.mark.row("operator_email")
def test_operator_email(run: Run, facts: Facts) -> None:
    """The operator's e-mail address parses."""
    try:
        address = Address(addr_spec=run.value("operator_email"))
        facts["operator_email_valid"] = bool(address.username and "." in address.domain)
    except ValueError:
        facts["operator_email_valid"] = False
    run.check(
        "whether the operator's e-mail address parses",
        observed=facts["operator_email_valid"],
        expected=True,
        next_step="Correct values.operator_email of the environment in paygate.toml.",
    )
