"""References to secrets: their form, every place where one may stand, and the refusal of a literal."""

from __future__ import annotations

import pytest

from pytest_paygate.core.environment import EnvironmentSettings
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.references import check_reference, is_reference, plain_references, references

ENVIRONMENT = EnvironmentSettings.model_validate_json(
    b"""{
        "mode": "staging", "base_url": "https://shop.example.test", "database": "env:DSN",
        "samples": {"token": "env:SAMPLES"},
        "secrets": {"buyer": "env:BUYER", "empty": ""},
        "log": {"kind": "postgres", "dsn": "env:LOG", "token": "env:TOKEN"},
        "providers": {
            "stripe": {"key": "env:STRIPE", "refund_key": "env:REFUND"},
            "hyperswitch": {"key": "env:HYPER"}
        }
    }"""
)
PLAIN = (
    ("env.staging.database", "env:DSN"),
    ("env.staging.samples.token", "env:SAMPLES"),
    ("env.staging.secrets.buyer", "env:BUYER"),
    ("env.staging.secrets.empty", ""),
    ("env.staging.providers.stripe.key", "env:STRIPE"),
    ("env.staging.providers.stripe.refund_key", "env:REFUND"),
    ("env.staging.providers.hyperswitch.key", "env:HYPER"),
    ("env.staging.providers.hyperswitch.refund_key", ""),
)
LOG = (("env.staging.log.dsn", "env:LOG"), ("env.staging.log.token", "env:TOKEN"))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("env:NAME", True),
        ("env:_n4me_", True),
        ("env:4NAME", False),
        ("env:", False),
        ("env:NA-ME", False),
        ("ENV:NAME", False),
        ("keyring:service/name", True),
        ("keyring:service/a/b", True),
        ("keyring:service", False),
        ("keyring:/name", False),
        ("keyring:service/", False),
        ("cmd:op read x", True),
        ("cmd:", False),
        ("sandbox:key_1", True),
        ("sandbox:1", False),
        ("sandbox:Key", False),
        ("sk_live_1", False),
        ("a env:NAME", False),
        ("env:NAME\n", False),
        ("", False),
    ],
)
def test_the_form_of_a_reference(text, is_one):
    """One of four kinds, whole; a literal, half of one, or one with something around it is refused without being shown."""
    assert is_reference(text) is is_one
    if is_one or not text:
        check_reference("paygate.toml: env.prod.database", text)
        return
    with pytest.raises(ConfigurationError) as refused:
        check_reference("paygate.toml: env.prod.database", text)
    assert refused.value.refusal.text() == (
        "paygate.toml: env.prod.database: holds a literal secret\n"
        "  expected  a reference: env:NAME, keyring:service/name, cmd:command or, for a rehearsal, sandbox:name\n"
        f"  observed  {len(text)} characters that are not shown\n"
        "  money     No money moved.\n"
        "  next      Move the secret out of the file, treat it as leaked, and rotate it."
    )


def test_every_place_of_an_environment_where_a_secret_may_stand():
    """In a fixed order; those of the log only where there is one, and empty places only where they are asked for."""
    assert tuple(plain_references("env.staging", ENVIRONMENT)) == PLAIN
    filled = tuple(place for place in PLAIN if place[1])
    assert references("env.staging", ENVIRONMENT) == (*filled, *LOG)
    assert references("env.staging", ENVIRONMENT.model_copy(update={"log": None})) == filled
