"""paygate.toml: what it may say, where secrets come from, and every way it is refused."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters import settings
from pytest_paygate.core.environment import SANDBOX, Payer, Settings, choose, read_settings
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode

GOOD = """
[env.staging]
mode = "staging"
base_url = "https://staging.example/api/"
database = "env:T_DSN"
values = { buyer_email = "b@example.com" }
secrets = { buyer_password = "cmd:echo from-a-command" }
providers.stripe = { key = "env:T_KEY", account = "acct_1" }
"""


def test_an_environment_is_resolved(tmp_path, monkeypatch):
    """References become secrets, the base URL loses its trailing slash, the payer is a person unless said otherwise."""
    (tmp_path / "paygate.toml").write_text(GOOD)
    monkeypatch.setenv("T_DSN", "postgresql://x")
    monkeypatch.setenv("T_KEY", "sk_test_1")
    loaded, file = settings.load(tmp_path)
    environment = settings.resolve("staging", choose(loaded, "staging", file), file)
    assert environment.mode is Mode.STAGING
    assert environment.base_url == "https://staging.example/api"
    assert environment.payer is Payer.PERSON
    assert environment.host == "staging.example"
    assert environment.secrets["buyer_password"].reveal() == "from-a-command"
    assert environment.providers["stripe"].key.reveal() == "sk_test_1"
    assert "sk_test_1" not in repr(environment)


def test_paygate_toml_wins_over_pyproject(tmp_path):
    """`[tool.paygate]` counts only where there is no paygate.toml."""
    (tmp_path / "pyproject.toml").write_text('[tool.paygate]\ndefault_gate = "from_pyproject"\n')
    assert settings.load(tmp_path)[0].default_gate == "from_pyproject"
    (tmp_path / "paygate.toml").write_text('default_gate = "from_file"\n')
    assert settings.load(tmp_path)[0].default_gate == "from_file"
    other = tmp_path / "other.toml"
    other.write_text('default_gate = "explicit"\n')
    assert settings.load(tmp_path, other)[0].default_gate == "explicit"


def test_no_file_is_no_environments(tmp_path):
    """Without any file only the sandbox exists."""
    assert settings.load(tmp_path) == (Settings(), "paygate.toml")


def staging(**changes):
    """A settings document with one environment."""
    return {"env": {"staging": {"mode": "staging", "base_url": "https://s.example", **changes}}}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            staging(bas_url="x"),
            "paygate.toml: env.staging.bas_url: is not a known key\n"
            "  expected  one of: acknowledgement, approval, base_url, ca_file, capacity, caps, database,"
            " late_charge_seconds, live_policy, log, log_url, mode, payer, providers, samples, sandbox, secrets, services, values, webhook_url."
            " Did you mean 'base_url'?\n"
            "  observed  'x'\n"
            "  money     No money moved.\n"
            "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.",
        ),
        (
            staging(mode="prod"),
            "paygate.toml: env.staging.mode: is not one of the allowed values\n"
            "  expected  one of: sandbox, staging, live.\n"
            "  observed  'prod'\n"
            "  money     No money moved.\n"
            "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.",
        ),
        (
            staging(database="postgresql://user:hunter2@db/x"),
            "paygate.toml: env.staging.database: holds a literal secret\n"
            "  expected  a reference: env:NAME, keyring:service/name, cmd:command or, for a rehearsal, sandbox:name\n"
            "  observed  30 characters that are not shown\n"
            "  money     No money moved.\n"
            "  next      Move the secret out of the file, treat it as leaked, and rotate it.",
        ),
        (
            staging(base_url="https://user:hunter2@s.example"),
            "paygate.toml: env.staging.base_url: is not a base URL\n"
            "  expected  http(s)://host[:port][/path] without user, query or fragment\n"
            "  observed  something else\n"
            "  money     No money moved.\n"
            "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.",
        ),
        (
            {"env": {"sandbox": {"mode": "sandbox", "base_url": "http://x"}}},
            "paygate.toml: env.sandbox: cannot have this name\n"
            "  expected  a lower-case word other than 'sandbox', which is the embedded world\n"
            "  observed  'sandbox'\n"
            "  money     No money moved.\n"
            "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.",
        ),
    ],
    ids=["unknown_key", "bad_mode", "literal_secret", "user_in_url", "reserved_name"],
)
def test_wrong_settings_are_refused(document, text):
    """Each refusal names file, key, value and what would do; a secret is never quoted."""
    with pytest.raises(ConfigurationError) as refused:
        read_settings(document, "paygate.toml")
    assert str(refused.value) == text
    assert "hunter2" not in str(refused.value)


def test_an_unknown_environment_names_the_nearest():
    """--env with a typo names the environments there are and the nearest."""
    with pytest.raises(ConfigurationError) as refused:
        choose(read_settings(staging(), "paygate.toml"), "stagin", "paygate.toml")
    assert str(refused.value) == (
        "--env=stagin: is not a known environment\n"
        f"  expected  one of: {SANDBOX}, staging. Did you mean 'staging'?\n"
        "  observed  'stagin'\n"
        "  money     No money moved.\n"
        "  next      Declare [env.stagin] in paygate.toml, or use one of the known ones."
    )


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        ("env:T_NOT_SET", "the environment variable is not set"),
        ("keyring:service/name", "the package `keyring` is not installed"),
        ("cmd:false", "CalledProcessError"),
        ("cmd:no-such-program-here", "FileNotFoundError"),
        ("cmd:true", "an empty value"),
    ],
)
def test_a_secret_that_cannot_be_had_names_its_reference(reference, cause):
    """An unresolved reference says which and why, never what a command printed."""
    document = read_settings(staging(secrets={"buyer_password": reference}), "paygate.toml")
    with pytest.raises(ConfigurationError) as refused:
        settings.resolve("staging", document.env["staging"], "paygate.toml")
    assert refused.value.refusal.observed == cause
    assert refused.value.refusal.refused.startswith(
        "paygate.toml: env.staging.secrets.buyer_password: cannot be resolved from "
    )
    assert refused.value.refusal.next_step == "Set it where the reference points, then run again."


def test_unreadable_toml_names_the_place(tmp_path):
    """A half-written file is refused with the parser's line."""
    (tmp_path / "paygate.toml").write_text("[env.staging\n")
    with pytest.raises(ConfigurationError, match=r"paygate.toml: cannot be read") as refused:
        settings.load(tmp_path)
    assert "line 1" in refused.value.refusal.observed
