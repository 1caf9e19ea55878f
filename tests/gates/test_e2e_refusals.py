"""What the gate does when it cannot start or is asked for the impossible: a clear refusal, and nothing is run."""

from __future__ import annotations

import pytest

from tests.gate_runs import copy_gate, run_gate

LIVE = """
[env.prod]
mode = "live"
base_url = "http://127.0.0.1:9/api/v1"
"""


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (
            ("--env=stagin",),
            {},
            ["--env=stagin: is not a known environment", "one of: sandbox, prod."],
        ),
        (
            ("--payer=browsr",),
            {},
            ["--payer=browsr: is not a known payer", "one of: http, browser, person. Did you mean 'browser'?"],
        ),
        (
            ("--paygate-fault=login_refusd",),
            {},
            ["--paygate-fault=login_refusd: is not a known fault", "Did you mean 'login_refused'?"],
        ),
        (
            (),
            {"PAYGATE_SANDBOX_DSN": "postgresql://nobody@127.0.0.1:9/none"},
            ["the embedded sandbox: cannot be started", "No money moved."],
        ),
    ],
    ids=["environment", "payer", "fault", "no_postgresql"],
)
def test_refused_before_anything_runs(tmp_path, arguments, env, said):
    """A wrong option or a world that cannot start exits 4 with the refusal, and no run is written."""
    copy_gate(tmp_path)
    (tmp_path / "paygate.toml").write_text(LIVE)

    result = run_gate(tmp_path, "suites/e2e", *arguments, env=env)

    assert result.exit_code == 4, result.output
    assert result.folder is None
    for text in said:
        assert text in result.output


def test_a_live_environment_never_runs_money_rows(tmp_path):
    """An environment declared live runs pre-flight and reads only; here its target is down, so pre-flight is red."""
    copy_gate(tmp_path)
    (tmp_path / "paygate.toml").write_text(LIVE)

    result = run_gate(tmp_path, "suites/e2e", "--env=prod")

    assert result.exit_code == 1, result.output
    assert result.evidence["mode"] == "live"
    assert result.statuses["order"] == result.statuses["pay"] == result.statuses["refund"] == "BLOCKED"


def test_a_live_environment_blocks_every_money_row_of_a_healthy_target(tmp_path, live_sandbox):
    """Against a target that says it is live, the read-only rows pass and every money row is BLOCKED by name."""
    copy_gate(tmp_path)
    told = live_sandbox.description
    (tmp_path / "paygate.toml").write_text(
        f"""
[env.prod]
mode = "live"
base_url = "{told.api_url}"
values.buyer_email = "{told.buyer_email}"
values.operator_email = "{told.buyer_email}"
values.product_id = "{told.test_product_id}"
secrets.buyer_password = "env:T_PASSWORD"
providers.hyperswitch.base_url = "{told.hyperswitch_url}"
providers.hyperswitch.key = "env:T_HYPERSWITCH"
providers.stripe.base_url = "{told.stripe_url}"
providers.stripe.key = "env:T_STRIPE"
providers.stripe.account = "{told.stripe_account_id}"
"""
    )
    secrets = {
        "T_PASSWORD": told.buyer_password,
        "T_HYPERSWITCH": told.hyperswitch_api_key,
        "T_STRIPE": told.stripe_secret_key,
    }

    result = run_gate(tmp_path, "suites/e2e", "--env=prod", env=secrets)

    assert result.exit_code == 24, result.output
    passed = {name for name, status in result.statuses.items() if status == "PASS"}
    preflight = {"health", "environment", "processor", "replicas", "account", "catalogue", "operator_email"}
    assert passed == {*preflight, "order_refusals", "order_probes", "webhooks", "login", "products"}
    reasons = {row["id"]: row["reason"] for row in result.evidence["rows"]}
    assert reasons["order"] == "money rows need --live --confirm"
    assert live_sandbox.ledger() == []


@pytest.fixture
def live_sandbox():
    """A sandbox that calls itself live."""
    from pytest_paygate.sandbox.server import Sandbox

    with Sandbox.start(environment="live") as running:
        yield running
