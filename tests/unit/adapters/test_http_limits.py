"""The body limits by themselves: what inflating may cost."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from pytest_paygate.adapters.http_limits import BodyRefusedError, BoundedBody


def test_a_bomb_costs_no_more_memory_than_the_cap() -> None:
    """A chunk that would inflate to two hundred megabytes is stopped while it inflates, not after."""
    bomb = zlib.compress(bytes(200_000_000))
    body = BoundedBody("deflate", 1_048_576)
    tracemalloc.start()
    try:
        with pytest.raises(BodyRefusedError, match="body_too_large"):
            body.feed(bomb)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000


def test_chunks_count_together() -> None:
    """The cap is that of the whole body, on the wire and decoded, however small its chunks."""
    body = BoundedBody("", 10)
    body.feed(b"12345")
    body.feed(b"67890")
    assert body.finish() == b"1234567890"
    with pytest.raises(BodyRefusedError):
        body.feed(b"1")
