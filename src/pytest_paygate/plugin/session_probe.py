"""What a pytest session of a project would be like, told as one line of JSON; nothing is collected and nothing runs.

Used by `paygate doctor` as `pytest -p pytest_paygate.plugin.session_probe`: only pytest itself knows its options,
plugins and conftests. Imports nothing but the standard library and pytest.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

from pytest_paygate.plugin.options import OPTIONS
from pytest_paygate.plugin.session_checks import findings
from pytest_paygate.plugin.stash import SPELLINGS
from pytest_paygate.version import __version__

MARK = "paygate-session-probe: "


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int:
    """Say it, and end the session before it begins."""
    active = config.stash.get(SPELLINGS, ())
    shorts = [f"--{option.short}" for option in OPTIONS if option.short]
    is_loaded = config.pluginmanager.hasplugin("paygate")
    found = {
        "version": __version__ if is_loaded else "",
        "pytest": pytest.__version__,
        "findings": list(findings(config, os.environ)),
        "foreign": [short for short in shorts if short not in active] if is_loaded else [],
    }
    sys.__stdout__.write(f"\n{MARK}{json.dumps(found)}\n")  # type: ignore[union-attr]  # a command always has one
    sys.__stdout__.flush()  # type: ignore[union-attr]
    return 0
