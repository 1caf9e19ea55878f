"""The search at the end of a session finds what is there, and nothing that is not."""

from __future__ import annotations

import os

from tests.attack import planted


def test_every_planted_secret_is_found():
    """In every kind of file a session leaves, in every encoding, by its name and at its place."""
    figures = planted.run(os.environ.get("PAYGATE_SWEEP", "smoke"))
    assert figures.missed == []
    assert figures.found == figures.planted >= 400
    assert len(figures.kinds) >= 18
