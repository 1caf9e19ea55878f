"""The part of `paygate doctor` that looks at this machine and this project; nothing is sent anywhere.

Owns how each fact is come by; whether it is good enough is `checks.setup`'s business.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters import pdf
from pytest_paygate.adapters.payer import PayerError
from pytest_paygate.adapters.payer_browser import browser_version
from pytest_paygate.checks import setup
from pytest_paygate.checks.setup import Level, Line
from pytest_paygate.core.environment import Payer
from pytest_paygate.core.errors import ConfigurationError, PaygateError
from pytest_paygate.core.inert import inert
from pytest_paygate.core.references import references
from pytest_paygate.core.secret import looks_secret
from pytest_paygate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.cli.project import Project
    from pytest_paygate.core.environment import EnvironmentSettings
    from pytest_paygate.core.events import Mode

# pytest loads it itself: this layer imports nothing of the plugin.
PROBE = "pytest_paygate.plugin.session_probe"
PROBE_MARK = "paygate-session-probe: "
PROBE_SECONDS = 60
BROWSER_SECONDS = 30
TOOL_SECONDS = 10
_TERMINAL = "/dev/tty"
_OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def machine_lines(mode: Mode, payer: Payer) -> Iterator[Line]:
    """Interpreter, terminal and tools."""
    version = sys.version_info
    yield setup.python_line((version.major, version.minor, version.micro), optimized=bool(sys.flags.optimize))
    yield setup.terminal_line(mode, there=_has_terminal())
    yield _ssh_keygen()
    yield _chromium(payer)
    try:
        yield Line("pdf", Level.OK, f"WeasyPrint {pdf.version()}")
    except ConfigurationError as error:
        yield Line("pdf", Level.WARN, f"not here: {inert(error.refusal.observed)}", error.refusal.next_step)


def session_lines(root: Path, default_gate: str, mode: Mode) -> Iterator[Line]:
    """What pytest itself says of a session in this project: plugin, conflicts, options."""
    gate = [default_gate] if default_gate and (root / default_gate).is_dir() else []
    line = [sys.executable, "-m", "pytest", "-p", PROBE, *gate]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            line, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        yield Line("plugin", Level.FAIL, f"pytest did not start within {PROBE_SECONDS} s", "Run `pytest --version`.")
        return
    told = next((one for one in done.stdout.splitlines() if one.startswith(PROBE_MARK)), "")
    if not told:
        reason = next((one for one in (done.stderr + done.stdout).splitlines() if one.strip()), "no word")
        shown = "something that looks like a secret" if looks_secret(reason) else inert(reason.strip())[:120]
        fix = "Run `pytest --collect-only` here and mend what it says: a conftest, an option, a plugin."
        yield Line("plugin", Level.FAIL, f"pytest does not start here: {shown}", fix)
        return
    found: dict[str, Any] = json.loads(told.removeprefix(PROBE_MARK))
    yield _plugin(found)
    yield setup.session_line([inert(one) for one in found["findings"]], mode)
    yield setup.options_line(found["foreign"])


def key_file_lines(project: Project, name: str, declared: EnvironmentSettings) -> Iterator[Line]:
    """Files that references and settings name: a key is for its owner only, a program must not be for all to change."""
    named = [("signing_key", project.settings.signing_key)] if project.settings.signing_key else []
    for key, reference in references(f"env.{name}", declared):
        scheme, _, command = reference.partition(":")
        if scheme == "cmd":
            named += [(key, word) for word in _words(command)]
    for key, text in named:
        path = Path(text).expanduser()
        path = path if path.is_absolute() else project.root / path
        if path.is_file() and not _is_of_the_system(path):
            yield _file(key, path)
        elif key == "signing_key":
            yield Line("key_files", Level.FAIL, f"{path.name} is not there", "Correct signing_key.", key)


def gate_line(project: Project) -> Line:
    """The default gate."""
    if not project.settings.default_gate:
        fix = 'Write default_gate = "suites/e2e" at the top of the settings, or type the path each time.'
        return Line("gate", Level.WARN, "no default_gate", fix)
    try:
        folder, gate, _ = project.gate("")
    except PaygateError as error:
        return Line("gate", Level.FAIL, inert(error.refusal.refused), error.refusal.next_step)
    return Line("gate", Level.OK, f"{folder.relative_to(project.root)}: {len(gate.rows)} rows")


def _plugin(found: dict[str, Any]) -> Line:
    if not found["version"]:
        fix = "Take `-p no:paygate` out of addopts and unset PYTEST_DISABLE_PLUGIN_AUTOLOAD, or type -p pytest_paygate."
        return Line("plugin", Level.FAIL, "pytest does not load it", fix)
    seen = f"pytest-paygate {found['version']} on pytest {found['pytest']}"
    if found["version"] != __version__:
        fix = "Install one version: this command and pytest use different ones."
        return Line("plugin", Level.FAIL, f"{seen}; this command is {__version__}", fix)
    return Line("plugin", Level.OK, seen)


def _has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ssh_keygen() -> Line:
    program = shutil.which("ssh-keygen")
    fix = "Install OpenSSH 8.2 or newer (apt-get install openssh-client); until then only unsigned approvals count."
    if program is None:
        return Line("ssh_keygen", Level.WARN, "not on PATH", fix)
    try:
        done = subprocess.run(  # noqa: S603 - the program that was found
            [program, "-Y", "sign"], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Line("ssh_keygen", Level.WARN, "it does not run", fix)
    if "option" in done.stderr and "Y" in done.stderr and "unknown" in done.stderr:
        return Line("ssh_keygen", Level.WARN, "too old to sign files", fix)
    return Line("ssh_keygen", Level.OK, program)


def _chromium(payer: Payer) -> Line:
    try:
        return Line("chromium", Level.OK, asyncio.run(browser_version(timeout_seconds=BROWSER_SECONDS)))
    except PayerError as error:
        level = Level.FAIL if payer is Payer.BROWSER else Level.WARN
        fix = "Install Chromium and the extra `browser`; only --payer=browser needs them."
        return Line("chromium", level, inert(error.refusal.observed)[:160], fix)


def _words(command: str) -> Sequence[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return ()


def _is_of_the_system(path: Path) -> bool:
    """A program of the system, such as `cat`: changed by root only, and none of ours."""
    found = path.stat()
    return found.st_uid == 0 and os.access(path, os.X_OK) and not found.st_mode & _OTHERS_WRITE


def _file(key: str, path: Path) -> Line:
    mode = path.stat().st_mode
    is_program = bool(mode & stat.S_IXUSR)
    if mode & (_OTHERS_WRITE if is_program else _OTHERS_READ):
        seen = f"{path.name} has mode {stat.S_IMODE(mode):04o}"
        return Line("key_files", Level.FAIL, seen, f"chmod {'go-w' if is_program else '600'} {path}", key)
    return Line("key_files", Level.OK, f"{path.name}: for its owner only", subject=key)
