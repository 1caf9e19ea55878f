"""`paygate config --explain`: each value with the line it stands on, and no secret, whatever its form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_paygate.cli import paygate
from pytest_paygate.core.origins import lines_of

KEY = "sk_test_0123456789abcdefABCDEF"
SETTINGS = f"""\
# a comment
live_env = "prod"

[env.prod]
mode = "live"
base_url = "https://shop.example"
database = "env:T_DSN"

[env.prod.values]
note = "{KEY}"
"quoted.key" = "x"

[env.prod.providers.stripe]
key = "cmd:op read op://vault/stripe/key"
refund_key = "keyring:shop/refunds"

[env.other]
mode = "staging"
base_url = "http://127.0.0.1:1"
"""


def run(*arguments):
    """`paygate config …`."""
    done = CliRunner().invoke(paygate, ["config", *arguments], prog_name="paygate")
    return done.exit_code, done.output


def values(*arguments):
    """The values by key."""
    code, output = run("--json", *arguments)
    assert code == 0, output
    return {one["key"]: one for one in json.loads(output)}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with settings, entered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T_DSN", "postgresql://gate:hunter2hunter2@db/shop")
    (tmp_path / "paygate.toml").write_text(SETTINGS)
    return tmp_path


def test_each_value_has_its_line_or_is_a_default(project):
    """What the file says is shown with file and line, what it leaves open as a default."""
    found = values("--env", "prod")
    assert found["live_env"]["origin"] == "paygate.toml:2"
    assert found["env.prod.base_url"]["origin"] == "paygate.toml:6"
    assert found["env.prod.values.quoted.key"]["origin"] == "paygate.toml:11"
    assert found["env.prod.payer"] == {
        "key": "env.prod.payer",
        "shown": "person",
        "origin": "default",
        "secret": False,
        "instead": "--payer",
    }
    assert not any(key.startswith("env.other") for key in found)


def test_no_secret_is_shown(project):
    """A secret is its reference and whether it is set; a command is its program; a key in the wrong place is hidden."""
    found = values()
    assert found["env.prod.database"]["shown"] == "env:T_DSN, set"
    assert found["env.prod.providers.stripe.key"]["shown"] == "cmd:op …, not run here"
    assert found["env.prod.providers.stripe.refund_key"]["shown"] == "keyring:shop/refunds, not opened here"
    assert found["env.prod.values.note"]["shown"] == "not shown: it looks like a secret"
    for arguments in ((), ("--explain",), ("--json",)):
        _, output = run(*arguments)
        assert KEY not in output
        assert "hunter2" not in output
        assert "op://" not in output


def test_a_variable_that_is_not_set_is_told(project, monkeypatch):
    """`not set` is what a person looks for."""
    monkeypatch.delenv("T_DSN")
    assert values()["env.prod.database"]["shown"] == "env:T_DSN, not set"


def test_the_text_names_what_wins(project):
    """The list says which word on the command line would win over a value."""
    code, output = run("--explain", "--env", "prod")
    assert code == 0
    line = next(line for line in output.splitlines() if line.startswith("env.prod.payer"))
    assert line.split()[1:3] == ["person", "default"]
    assert line.endswith("(--payer wins over it)")


def test_settings_in_pyproject_have_its_lines(tmp_path, monkeypatch):
    """`[tool.paygate]` is found, with the lines of pyproject.toml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n\n[tool.paygate]\nlive_env = "prod"\n')
    assert values()["live_env"]["origin"] == "pyproject.toml:5"


def test_without_settings_there_is_the_sandbox(tmp_path, monkeypatch):
    """No file is no mistake: the embedded world needs none."""
    monkeypatch.chdir(tmp_path)
    code, output = run("--explain")
    assert code == 0
    assert "env.sandbox is the embedded world" in output


def test_an_unknown_environment_is_refused(project):
    """The refusal names the nearest."""
    code, output = run("--env", "pord")
    assert code == 2
    assert "Did you mean 'prod'?" in output


def test_hostile_text_stays_text(tmp_path, monkeypatch):
    """Control characters of a value do not reach the terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paygate.toml").write_text(
        '[env.x]\nmode = "staging"\nbase_url = "http://h"\n[env.x.values]\na = "\\u001b[2J\\u202eevil"\n'
    )
    _, output = run("--explain")
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "evil" in output


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("[t]\n\n# c\nx = [\n 1,\n 2]\ny = 3\n", ("t", "y"), 7),
        ("[t]\nx = [\n 1,\n 2]\n", ("t", "x"), 2),
        ('t.x = """\n[no]\nk = 1\n"""\nt.y = 1\n', ("t", "y"), 5),
        ('["a.b"."c"]\nd = 1\n', ("a.b", "c", "d"), 2),
        ("t = { x = 1, u = { v = 2 } }\n", ("t", "u", "v"), 1),
        ("[t]\r\nx = 1\r\n", ("t", "x"), 2),
        ("[t] # [u]\nx = 1 # y = 2\n", ("t", "x"), 2),
    ],
)
def test_lines_are_those_of_the_file(text, path, line):
    """Multi-line values, quoted keys, inline tables and comments do not shift a line."""
    assert lines_of(text)[path] == line


def test_every_key_of_the_checkout_s_settings_has_its_line():
    """Each line that is found really holds the key."""
    text = (Path(__file__).parents[2] / "paygate.toml").read_text()
    lines = text.splitlines()
    found = lines_of(text)
    assert len(found) > 40
    for path, number in found.items():
        assert lines[number - 1].startswith(f"{path[-1]} =")
