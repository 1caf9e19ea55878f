"""The machine's clock, and TLS that takes nothing from the environment."""

from __future__ import annotations

import ssl
import time
from datetime import UTC

import pytest

from pytest_paygate.adapters import tls
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.core.errors import ConfigurationError


def test_now_is_aware_and_utc() -> None:
    """Times are UTC and aware."""
    assert SystemClock().now().tzinfo is UTC


def test_elapsed_seconds_count_through_suspend_where_the_system_can(monkeypatch) -> None:
    """The boot clock is used where there is one, the monotonic clock elsewhere."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert before <= SystemClock().elapsed_seconds() <= time.clock_gettime(time.CLOCK_BOOTTIME)
        monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= SystemClock().elapsed_seconds() <= time.monotonic()


@pytest.mark.asyncio(loop_scope="function")
async def test_sleep_lets_time_pass_and_takes_nothing_for_less_than_nothing() -> None:
    """A sleep is at least as long as asked; a negative one returns."""
    clock = SystemClock()
    before = clock.elapsed_seconds()
    await clock.sleep(0.01)
    await clock.sleep(-5)
    assert clock.elapsed_seconds() - before >= 0.009


def test_no_key_log_is_ever_written(tmp_path, monkeypatch) -> None:
    """SSLKEYLOGFILE, which the default context obeys, has no effect on ours."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert ssl.create_default_context().keylog_filename is not None
    made = tls.context()
    assert made.keylog_filename is None
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.cert_store_stats()["x509_ca"] > 50


def test_a_context_without_authorities_trusts_nobody() -> None:
    """The cheap context for plain HTTP still verifies, and knows no authority."""
    made = tls.context(needed=False)
    assert (made.verify_mode, made.cert_store_stats()["x509"]) == (ssl.CERT_REQUIRED, 0)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_unusable_ca_file_is_refused(tmp_path, content) -> None:
    """A CA file that is missing, empty or no PEM is refused, never ignored."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="ca_file: cannot be used"):
        tls.context(path)
