"""Shell completion, tried in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_paygate.cli import COMMANDS, paygate

# Types a line, asks bash's own machinery for what it would offer, one a line.
BASH = r"""
source "$1"
COMP_WORDS=({words}) COMP_CWORD={index}
_paygate_completion paygate
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(tmp_path, *words):
    """What bash offers for the last of the words."""
    script = tmp_path / "paygate.bash"
    printed = CliRunner().invoke(paygate, ["completion", "bash"], prog_name="paygate")
    assert printed.exit_code == 0
    script.write_text(printed.output)
    quoted = " ".join(f"'{word}'" for word in words)
    line = BASH.replace("{words}", quoted).replace("{index}", str(len(words) - 1))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line, "bash", str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=170,
        check=True,
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_commands(tmp_path):
    """Bash offers every command, and of a beginning the ones that begin so."""
    assert set(COMMANDS) <= set(bash(tmp_path, "paygate", ""))
    assert bash(tmp_path, "paygate", "co") == ["completion", "config", "countersign"]


def test_bash_completes_options_and_values(tmp_path):
    """Bash offers a command's options, and the values of one that takes a choice."""
    assert {"--explain", "--env"} <= set(bash(tmp_path, "paygate", "config", "--e"))
    assert bash(tmp_path, "paygate", "sandbox", "--environment", "s") == ["sandbox", "staging"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_theirs(tmp_path, shell):
    """The script defines the completion of `paygate`; where the shell is here, it reads the script without a complaint."""
    printed = CliRunner().invoke(paygate, ["completion", shell], prog_name="paygate")
    assert "_PAYGATE_COMPLETE" in printed.output
    script = tmp_path / "script"
    script.write_text(printed.output)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True, timeout=30)


def test_an_unknown_shell_is_told_which_are_known():
    """Another shell is refused with the list."""
    done = CliRunner().invoke(paygate, ["completion", "tcsh"], prog_name="paygate")
    assert done.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in done.output
