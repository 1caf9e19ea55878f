"""A served page with an operator, and a client that has entered it."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.page.scene import Browser, served


@pytest.fixture
def scene():
    """The page alone, without a terminal."""
    with served() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="function")
async def browser(scene):
    """Whoever opened the address."""
    client = Browser(scene)
    await client.enter()
    yield client
    await client.close()
