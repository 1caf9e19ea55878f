"""Which store live runs share: the folder below the reports, or the database that the settings name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.adapters.store_postgres import PostgresStore
from pytest_paygate.core.errors import StoreError
from pytest_paygate.core.live_ports import ExposureRecord
from pytest_paygate.core.money import Money
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure.stores import FOLDER, store_of

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
RECORD = ExposureRecord("run-1", "prod", "e2e", "E2E-1795262400-abcd", Money(500, "EUR"), NOW)


async def test_without_a_database_the_store_lies_below_the_reports(tmp_path):
    """The folder `.live` of the reports holds what live runs share; the next run finds it there."""
    store = store_of(tmp_path, None)
    assert isinstance(store, FileStore)
    await store.open_exposure(RECORD)
    assert FOLDER == ".live"
    assert [path.name for path in (tmp_path / ".live" / "prod").iterdir()] == ["exposure-run-1.open.json"]
    assert list(await store_of(tmp_path, None).exposures("prod")) == [RECORD]


async def test_a_database_is_asked_and_no_folder_made(tmp_path):
    """With a database nothing is kept here; one that cannot be reached is a refusal, never an empty answer."""
    store = store_of(tmp_path, Secret(f"host={tmp_path} dbname=store user=u"))
    assert isinstance(store, PostgresStore)
    with pytest.raises(StoreError):
        await store.exposures("prod")
    await store.aclose()
    assert list(tmp_path.iterdir()) == []
