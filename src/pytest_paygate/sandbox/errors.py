"""How the sandbox says that it cannot run: one text with the cause and what to do next."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot start or was asked for something that does not exist."""
