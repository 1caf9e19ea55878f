"""Starting twice on the same database."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_paygate.sandbox.hyperswitch import routes

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_second_start_replaces_the_endpoint(setting: Any) -> None:
    """A restarted emulator does not subscribe twice: Stripe keeps one endpoint for it."""
    async with routes.background(setting.world):
        headers = {"authorization": f"Bearer {setting.world.keys.stripe_secret}"}
        listed = (await setting.wire.client.get(f"{setting.wire.target}/v1/webhook_endpoints", headers=headers)).json()
    assert len(listed["data"]) == 1


async def test_start_without_stripe_is_refused(setting: Any) -> None:
    """When Stripe does not show its endpoints, the start fails with the reason instead of half working."""
    setting.wire.lose_answer_to, setting.wire.lose_request = "/v1/webhook_endpoints", True
    with pytest.raises(RuntimeError, match="cannot read its webhook endpoints: no usable answer"):
        async with routes.background(setting.world):
            pass
