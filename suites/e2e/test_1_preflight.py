"""Pre-flight: whether this is the system we think it is, and fit to sell."""

from __future__ import annotations

from email.headerregistry import Address
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Mode, pick

if TYPE_CHECKING:
    from pytest_paygate import Api, Facts, Proofs, Run
    from suites.e2e.conftest import Buyer

# What `/status` must say for each life; a rehearsal looks live to everybody but the report.
ENVIRONMENT_SAID = {Mode.SANDBOX: "sandbox", Mode.STAGING: "staging", Mode.REHEARSAL: "live", Mode.LIVE: "live"}


@pytest.mark.preflight
@pytest.mark.row("health")
async def test_health(api: Api, run: Run, facts: Facts, proofs: Proofs) -> None:
    """GET /health answers 200 with status ok; before this first request the target's log knows no trace of us."""
    await proofs.fresh()
    answer = await api.get("/health")
    facts["health_status"] = answer.status
    run.check("the status of GET /health", observed=answer.status, expected=200)
    run.check("data.status of GET /health", observed=pick(answer.data, "status", str), expected="ok")


@pytest.mark.preflight
@pytest.mark.row("environment")
async def test_environment(api: Api, run: Run, facts: Facts) -> None:
    """GET /status names the environment this run believes it is on."""
    answer = await api.get("/status")
    run.check("the status of GET /status", observed=answer.status, expected=200)
    facts["target_environment"] = pick(answer.data, "environment", str)
    run.check(
        "the environment the target says it is",
        observed=facts["target_environment"],
        expected=ENVIRONMENT_SAID[run.mode],
        next_step="Point the environment in paygate.toml at the right target, or correct its mode.",
    )


@pytest.mark.preflight
@pytest.mark.row("processor")
async def test_processor(api: Api, run: Run, facts: Facts) -> None:
    """Hyperswitch is not disabled."""
    answer = await api.get("/status")
    facts["processor_state"] = pick(answer.data, "services.hyperswitch.status", str)
    if facts["processor_state"] not in {"operational", "degraded"}:
        run.fail(
            "the state of Hyperswitch",
            observed=facts["processor_state"],
            expected="operational or degraded",
            next_step="Enable Hyperswitch on the target; a purchase now would not be charged.",
        )


@pytest.mark.preflight
@pytest.mark.row("catalogue")
async def test_catalogue(api: Api, buyer: Buyer, run: Run, facts: Facts) -> None:
    """The catalogue has at least one product; a target that hides it from strangers shows it to the buyer."""
    answer = await api.get("/marketplace/products")
    if answer.status == 401:
        await buyer.login()
        answer = await buyer.get("/marketplace/products")
    run.check("the status of GET /marketplace/products", observed=answer.status, expected=200)
    products = answer.data
    facts["product_count"] = len(products) if isinstance(products, list) else 0
    if facts["product_count"] < 1:
        run.fail("the number of products", observed="0", expected="at least 1", next_step="Publish the test product.")


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
