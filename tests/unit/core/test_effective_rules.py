"""The settings in effect: every value once, where it came from, what wins over it, and never a secret."""

from __future__ import annotations

import pytest

from pytest_paygate.core.effective import HIDDEN, Value, effective
from pytest_paygate.core.environment import Settings, read_settings

FILE = "paygate.toml"
BASE = {"mode": "staging", "base_url": "https://s.example"}
KEY = "sk_test_0123456789abcdefABCDEF"


def values(document: dict, lines: dict[tuple[str, ...], int] | None = None) -> dict[str, Value]:
    """The values in effect by their key; what a reference points at stands in brackets after it."""
    settings = read_settings(document, FILE)
    found = effective(settings, lines or {}, FILE, standing=lambda reference: f"<{reference}>")
    assert len({one.key for one in found}) == len(found)
    return {one.key: one for one in found}


def shown(document: dict) -> dict[str, str]:
    """What a person sees of each value."""
    return {key: one.shown for key, one in values(document).items()}


DEFAULTS = {
    "payer": "person",
    "live_policy": "observe",
    "approval.required": "1",
    "approval.signers": "allowed_signers",
    "approval.unsigned": "false",
    "late_charge_seconds": "60.0",
    "samples.source": "store",
    "samples.interval_seconds": "10.0",
    "samples.path": "/health",
    "samples.status_query": "probe_http_status_code",
    "samples.status_kind": "code",
    "samples.duration_query": "probe_duration_seconds",
    "samples.endpoint_label": "service",
}
OCCASIONS = "operator_needed, refund_overdue, verdict"


def test_without_settings_only_the_occasions_of_notices_are_in_effect():
    """What is empty is not told; several words stand side by side."""
    value = Value("notify.on", OCCASIONS, "default")
    assert effective(Settings(), {}, FILE, standing=str) == (value,)
    assert (value.secret, value.instead) == (False, "")


def test_a_bare_environment_has_its_defaults():
    """The file's top first, then the environments, each with its keys in a fixed order."""
    told = shown({"env": {"b": BASE, "a": {**BASE, "approval": {"unsigned": True}}}})
    expected = {"notify.on": OCCASIONS}
    for name, unsigned in (("b", "false"), ("a", "true")):
        expected |= {f"env.{name}.mode": "staging", f"env.{name}.base_url": "https://s.example"}
        expected |= {f"env.{name}.{key}": value for key, value in DEFAULTS.items()}
        expected[f"env.{name}.approval.unsigned"] = unsigned
    assert list(told.items()) == list(expected.items())


def test_a_value_below_a_table_or_a_mapping_has_its_whole_key():
    """Names of the project's own stand in the key as they are, and nothing in them is taken for a key of ours."""
    more = {"services": {"a1": "http://a1.example"}, "values": {"payer": "x", "a.b": "", "c.d": "y"}}
    signed = {"by": "Ada", "at": "2026-11-20", "ground": "the first release", "until": "2026-11-30"}
    told = values({"env": {"s": {**BASE, **more, "acknowledgement": signed, "log": {"kind": "file", "path": "l"}}}})
    default = {
        "env.s.services.a1": "http://a1.example",
        "env.s.values.payer": "x",
        "env.s.values.c.d": "y",
        **{f"env.s.acknowledgement.{key}": value for key, value in signed.items()},
        "env.s.log.kind": "file",
        "env.s.log.path": "l",
    }
    for key, value in default.items():
        assert told[key] == Value(key, value, "default")
    assert "env.s.values.a.b" not in told
    assert "env.s.log.url" not in told


def test_a_value_has_its_line_or_is_a_default():
    """The line is looked for under the whole path, and line 0 would be one."""
    document = {"default_gate": "g", "env": {"s": {**BASE, "values": {"k": "v"}}}}
    lines = {("default_gate",): 0, ("env", "s", "base_url"): 6, ("env", "s", "values", "k"): 9, ("mode",): 1}
    told = values(document, lines)
    assert told["default_gate"].origin == "paygate.toml:0"
    assert told["env.s.base_url"].origin == "paygate.toml:6"
    assert told["env.s.values.k"].origin == "paygate.toml:9"
    assert told["env.s.mode"].origin == "default"


def test_what_the_command_line_may_say_instead_is_named():
    """The gate, the live environment and the payer, where they are settings; nothing else has a word there."""
    told = values({"default_gate": "g", "live_env": "s", "env": {"s": {**BASE, "values": {"payer": "x"}}}})
    assert {key: one.instead for key, one in told.items() if one.instead != ""} == {
        "default_gate": "a path on the command line",
        "live_env": "--env",
        "env.s.payer": "--payer",
    }


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("env:NAME", "env:NAME"),
        ("keyring:shop/refunds key", "keyring:shop/refunds key"),
        ("sandbox:secret_key", "sandbox:secret_key"),
        ("cmd:op", "cmd:op …"),
        ("cmd:op read op://vault/key", "cmd:op …"),
        ("cmd:op\x1bread op://vault/key", "cmd:op …"),
        ("keyring:shop/\x1b[2Jkey", "keyring:shop/ [2Jkey"),
    ],
)
def test_every_secret_is_told_as_its_reference(reference, told):
    """With what it points at, asked with the reference as it is written; of a command only its program."""
    log = {"kind": "loki", "url": "https://l.example", "selector": '{a="b"}', "token": reference}
    postgres = {"kind": "postgres", "dsn": reference, "table": "t"}
    everywhere = {
        **BASE,
        "database": reference,
        "log": log,
        "providers": {"stripe": {"key": reference, "refund_key": reference}},
        "secrets": {"one": reference, "a.b": reference},
        "samples": {"token": reference},
    }
    found = values(
        {
            "store": {"dsn": reference},
            "notify": {"webhook": "https://n.example", "secret": reference},
            "env": {"s": everywhere, "z": {**BASE, "log": postgres}},
        },
        {("store", "dsn"): 3},
    )
    secrets = {key: one for key, one in found.items() if one.secret}
    assert sorted(secrets) == [
        "env.s.database",
        "env.s.log.token",
        "env.s.providers.stripe.key",
        "env.s.providers.stripe.refund_key",
        "env.s.samples.token",
        "env.s.secrets.a.b",
        "env.s.secrets.one",
        "env.z.log.dsn",
        "notify.secret",
        "store.dsn",
    ]
    for key, one in secrets.items():
        origin = "paygate.toml:3" if key == "store.dsn" else "default"
        assert one == Value(key, f"{told}, <{reference}>", origin, secret=True)


def test_a_plain_value_that_looks_like_a_secret_is_not_shown():
    """It is told to be one, with its line; a value that only does something to a terminal is shown without that."""
    document = {"env": {"s": {**BASE, "values": {"note": f"key {KEY}", "odd": "a\x1b[2J\u202eb"}}}}
    told = values(document, {("env", "s", "values", "note"): 7})
    assert HIDDEN == "not shown: it looks like a secret"
    assert told["env.s.values.note"] == Value("env.s.values.note", HIDDEN, "paygate.toml:7")
    assert told["env.s.values.odd"].shown == "a [2J b"
    assert KEY not in repr(told)
