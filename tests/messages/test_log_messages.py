"""Every refusal of a log that cannot be read, word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters import log_file, log_loki, logs
from pytest_paygate.adapters.log_file import FileLog
from pytest_paygate.adapters.logs import WatchedLog, unreadable
from pytest_paygate.core.errors import TargetError
from pytest_paygate.core.log_settings import LogFields
from tests.unit.adapters.wire import Journal


def text(observed: str, next_step: str = "") -> str:
    """The refusal as it is printed."""
    return (
        "the target's log cannot be read\n"
        "  expected  JSON objects with event, time and trace id, whole and within the limits of one look\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      "
        + (next_step or "Check the log of the environment in paygate.toml, and that it can be read by hand.")
    )


def test_a_log_that_cannot_be_read() -> None:
    """What was observed is ours; the log's own text is never shown."""
    assert str(unreadable("status 500")) == text("status 500")


@pytest.mark.asyncio(loop_scope="function")
async def test_a_file_that_is_too_large(tmp_path) -> None:
    """A log that is too large says how to make it smaller."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(log_file.FILE_BYTES_MAX + 1)
    with pytest.raises(TargetError) as caught:
        await WatchedLog(FileLog(path, LogFields()), Journal(), 5.0).entries("A-1795262400-abcdef")
    assert str(caught.value) == text(
        "a file of more than 268435456 bytes",
        "Point `path` at the log of one application, and rotate it before the run.",
    )


def test_the_limits_are_those_of_the_reference() -> None:
    """The figures that docs/reference/paygate-toml.md names are the code's."""
    assert (logs.ENTRIES_MAX, log_loki.LINES_MAX) == (5_000, 1_000)
    assert (log_file.FILE_BYTES_MAX, log_file.LINE_BYTES_MAX) == (256 * 2**20, 2**20)
