"""Gives every test of this folder the demo project, and keeps its example gate from being collected itself."""

from __future__ import annotations

from tests.plugin.project import project

__all__ = ["project"]
collect_ignore = ["examples"]
