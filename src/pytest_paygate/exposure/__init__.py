"""Exposure in practice: arming a live run, the desk its money passes, settling, the guardian, recovery and orphans.

Puts adapters, providers and reports together around the rules in `core`. Knows nothing of pytest.
"""
