"""Settings of a project: which file counts, what an environment becomes, and every way to a secret that leads nowhere."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import settings
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.environment import (
    Acknowledgement,
    ApprovalSettings,
    CapAmounts,
    Caps,
    DeclaredMode,
    EnvironmentSettings,
    LivePolicy,
    Payer,
    Settings,
)
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.log_settings import LogFields, LogKind
from pytest_paygate.core.money import Money
from pytest_paygate.core.samples import SampleSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = {"mode": "staging", "base_url": "https://s.example"}
SET_IT = "Set it where the reference points, then run again."
SECRET = "a secret behind the reference"


def resolved(file: str = "p.toml", **environment: object):
    """An environment that stands in a file, ready to be talked to."""
    read = settings.read_settings({"env": {"s": {**BASE, **environment}}}, file)
    return settings.resolve("s", read.env["s"], file)


def said(refused: str, observed: str, expected: str = SECRET, next_step: str = SET_IT) -> str:
    """A refusal's whole text."""
    money = "No money moved."
    return f"{refused}\n  expected  {expected}\n  observed  {observed}\n  money     {money}\n  next      {next_step}"


def refusal(**environment: object) -> str:
    """The whole text with which an environment is refused; what it came from is not hung on it."""
    with pytest.raises(ConfigurationError) as refused:
        resolved(**environment)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return str(refused.value)


@pytest.fixture
def keyring(tmp_path, monkeypatch) -> Iterator[None]:
    """The interface of the package `keyring`, as a module that is found."""
    (tmp_path / "keyring.py").write_text(
        "class errors:\n"
        "    class KeyringError(Exception): pass\n"
        "class NoKeyringError(errors.KeyringError): pass\n"
        "def get_password(service, user):\n"
        "    if service == 'locked': raise NoKeyringError('what it holds is hunter2')\n"
        "    return {('shop', 'a/b'): 'from-the-keyring', ('shop', 'none'): ''}.get((service, user))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("keyring", None)


def test_the_first_file_there_is_counts(tmp_path):
    """One that is named, `paygate.toml`, then a table in pyproject.toml; each is told under its own name."""
    names = []
    for name, text in (
        ("", ""),
        ("pyproject.toml", "[project]\nname = 'x'\n"),
        ("pyproject.toml", "tool = 5\n"),
        ("pyproject.toml", "[tool.other]\n"),
        ("pyproject.toml", "[tool.paygate]\n"),
        ("pyproject.toml", "[tool.paygate]\nlive_env = 'pyproject'\n"),
        ("paygate.toml", "live_env = 'é'\n"),
    ):
        if name:
            (tmp_path / name).write_bytes(text.encode())
        found, file = settings.load(tmp_path)
        source = settings.source_of(tmp_path)
        names.append((found.live_env, file, source and source.relative_to(tmp_path).name))
    nothing = ("", "paygate.toml", None)
    assert names == [
        *[nothing] * 4,
        ("", "pyproject.toml", "pyproject.toml"),
        ("pyproject", "pyproject.toml", "pyproject.toml"),
        ("é", "paygate.toml", "paygate.toml"),
    ]
    other = tmp_path / "other.toml"
    other.write_text("live_env = 'other'\n")
    assert settings.load(tmp_path, other) == (Settings(live_env="other"), "other.toml")
    assert settings.source_of(tmp_path, other) == other


@pytest.mark.parametrize(
    ("name", "where", "text"),
    [
        ("pyproject.toml", "pyproject.toml [tool.paygate]: nope", "[tool.paygate]\nnope = 1\n"),
        ("paygate.toml", "paygate.toml: nope", "nope = 1\n"),
    ],
)
def test_a_wrong_key_is_told_with_its_file(tmp_path, name, where, text):
    """The name of the file, and of the table where it is one among others."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path)
    assert str(refused.value).startswith(f"{where}: is not a known key\n")
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path / "empty", (tmp_path / name).rename(tmp_path / "x.toml"))
    assert str(refused.value).startswith("x.toml: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """One that is not there, is no TOML or no UTF-8; what the system says is told in 160 characters."""
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    for text, observed in (
        (None, f"[Errno 2] No such file or directory: '{folder / 'f.toml'}'"[:160]),
        (b"a = '\xff'", "'utf-8' codec can't decode byte 0xff in position 5: invalid start byte"),
        (b"a = 1\na = 2", "Cannot overwrite a value (at end of document)"),
    ):
        if text is not None:
            (folder / "f.toml").write_bytes(text)
        with pytest.raises(ConfigurationError) as refused:
            settings.load(tmp_path, folder / "f.toml")
        expected, fix = "a readable UTF-8 TOML file", "Correct the file or its path."
        assert str(refused.value) == said("f.toml: cannot be read", observed, expected, fix)
        assert refused.value.__suppress_context__


def test_an_environment_has_everything_its_table_says(monkeypatch):
    """Each key arrives where it belongs, secrets revealed, addresses without their last slash."""
    for name in ("DB", "KEY", "REFUND", "ONE", "DSN", "TOKEN", "SAMPLES"):
        monkeypatch.setenv(f"T_{name}", f"the-{name}")
    provider = {"account": "acct_1", "dashboard_url": "https://d.example/", "base_url": "https://p.example//"}
    found = resolved(
        mode="live",
        base_url="https://s.example/X/",
        payer="http",
        database="env:T_DB",
        webhook_url="https://w.example/",
        ca_file="ca.pem",
        log={"kind": "loki", "url": "https://l.example/X/", "selector": '{a="b"}', "user": "u", "tenant": "t"}
        | {"token": "env:T_TOKEN", "event": "e", "at": "when", "trace_id": "id"}
        | {"lookback_seconds": 60, "deadline_seconds": 1},
        services={"a1": "https://a1.example/"},
        providers={
            "stripe": {"key": "env:T_KEY", "refund_key": "env:T_REFUND", **provider},
            "other": {"key": "env:T_KEY"},
        },
        values={"v": "w/"},
        secrets={"one": "env:T_ONE"},
        live_policy="drive",
        acknowledgement={"by": "Ann", "at": "2026-11-01", "ground": "in the contract", "until": "2027-11-01"},
        caps={"per_charge": "EUR 1.00", "per_run": "EUR 2.00", "per_day": "EUR 3.00"},
        approval={"required": 2},
        capacity={"budget": 5, "pause_below": 1, "period": "1d"},
        late_charge_seconds=7,
        samples={"interval_seconds": 1.0, "token": "env:T_SAMPLES"},
    )
    assert (found.name, found.mode, found.base_url, found.payer) == (
        "s",
        Mode.LIVE,
        "https://s.example/X",
        Payer.HTTP,
    )
    assert (found.log_url, found.webhook_url, found.ca_file) == ("", "https://w.example/", "ca.pem")
    assert (found.services, found.values) == ({"a1": "https://a1.example"}, {"v": "w/"})
    stripe, other = found.providers["stripe"], found.providers["other"]
    assert list(found.providers) == ["stripe", "other"]
    assert (stripe.name, stripe.base_url, stripe.account) == ("stripe", "https://p.example", "acct_1")
    assert stripe.dashboard_url == "https://d.example/"
    assert (other.name, other.base_url, other.account, other.dashboard_url) == ("other", "", "", "")
    assert other.refund_key is None
    log = found.log
    assert (log.kind, log.names, log.url) == (LogKind.LOKI, LogFields("e", "when", "id"), "https://l.example/X")
    assert (log.path, log.dsn, log.table, log.selector, log.tenant) == ("", None, "", '{a="b"}', "t")
    assert (log.user, log.lookback_seconds, log.deadline_seconds) == ("u", 60.0, 1.0)
    live = found.live
    days = {"at": date(2026, 11, 1), "until": date(2027, 11, 1)}
    assert (live.policy, live.approval) == (LivePolicy.DRIVE, ApprovalSettings(required=2))
    assert live.acknowledgement == Acknowledgement(by="Ann", ground="in the contract", **days)
    assert live.caps == CapAmounts(*(Money(minor, "EUR") for minor in (100, 200, 300)))
    assert live.capacity == CapacityRules(5, 1, timedelta(days=1))
    assert live.late_charge_seconds == 7.0
    assert found.samples == SampleSettings(interval_seconds=1.0, token="env:T_SAMPLES")
    held = (
        found.database,
        stripe.key,
        stripe.refund_key,
        other.key,
        found.secrets["one"],
        log.token,
        found.samples_token,
    )
    assert [(one.reveal(), one.source) for one in held] == [
        (f"the-{name}", f"env:T_{name}") for name in ("DB", "KEY", "REFUND", "KEY", "ONE", "TOKEN", "SAMPLES")
    ]


def test_a_log_of_a_table_or_a_file_arrives(monkeypatch):
    """The keys that the other kinds have no use for."""
    monkeypatch.setenv("T_DSN", "the-dsn")
    postgres = resolved(log={"kind": "postgres", "dsn": "env:T_DSN", "table": "a.b"}).log
    assert (postgres.kind, postgres.dsn.reveal(), postgres.table) == (LogKind.POSTGRES, "the-dsn", "a.b")
    assert postgres.token is None
    file = resolved(log={"kind": "file", "path": "a5/"}).log
    assert (file.kind, file.path, file.dsn) == (LogKind.FILE, "a5/", None)
    short = resolved(log_url="https://l.example/")
    assert (short.log_url, short.log) == ("https://l.example", None)


def test_caps_that_are_none_are_refused_here_too():
    """Also where an environment did not come from a file that was checked."""
    caps = Caps(per_charge="x", per_run="EUR 1.00", per_day="EUR 1.00")
    with pytest.raises(ConfigurationError) as refused:
        settings.resolve("s", EnvironmentSettings(mode=DeclaredMode.LIVE, base_url="http://h", caps=caps), "f.toml")
    assert refused.value.refusal.refused == "f.toml: env.s.caps: is not an amount"


def test_what_an_environment_leaves_out_is_not_there():
    """No secret is looked for, and the target is staging."""
    found = resolved()
    assert (found.database, found.samples_token, found.log, found.log_url) == (None, None, None, "")
    assert (dict(found.providers), dict(found.secrets), found.mode) == ({}, {}, Mode.STAGING)


def placed(key: str, text: str) -> dict:
    """An environment with this text below a dotted key, and what must stand beside it."""
    beside = {
        "log.dsn": {"log": {"kind": "postgres", "table": "t"}},
        "log.token": {"log": {"kind": "http", "url": "https://l.example"}},
        "providers.p.refund_key": {"providers": {"p": {"key": "cmd:echo k"}}},
        "providers.p.base_url": {"providers": {"p": {"key": "cmd:echo k"}}},
    }.get(key, {})
    where = environment = json.loads(json.dumps(beside))
    *path, last = key.split(".")
    for part in path:
        where = where.setdefault(part, {})
    where[last] = text
    return environment


PLACES = (
    "database",
    "secrets.one",
    "providers.p.key",
    "providers.p.refund_key",
    "log.dsn",
    "log.token",
    "samples.token",
)


@pytest.mark.parametrize("key", PLACES)
def test_every_secret_that_cannot_be_had_is_told_with_its_key(key, monkeypatch):
    """A variable that is not set, and one that is set to nothing."""
    monkeypatch.delenv("T_NONE", raising=False)
    where = f"f.toml: env.s.{key}: cannot be resolved from env:T_NONE"
    assert refusal(file="f.toml", **placed(key, "env:T_NONE")) == said(where, "the environment variable is not set")
    monkeypatch.setenv("T_NONE", "")
    assert refusal(file="f.toml", **placed(key, "env:T_NONE")) == said(where, "an empty value")


def test_secrets_of_the_whole_file(monkeypatch):
    """The store's and the notices' by their own keys; None where none is named; no sandbox can be asked for them."""
    assert (settings.store_dsn(Settings(), "f"), settings.notify_secret(Settings(), "f")) == (None, None)
    document = {"store": {"dsn": "env:T_A"}, "notify": {"webhook": "https://n.example", "secret": "env:T_B"}}
    read = settings.read_settings(document, "f.toml")
    monkeypatch.setenv("T_A", "the-dsn")
    monkeypatch.setenv("T_B", "the-key")
    assert settings.store_dsn(read, "f.toml").reveal() == "the-dsn"
    assert settings.notify_secret(read, "f.toml").reveal() == "the-key"
    document = {"store": {"dsn": "sandbox:a"}, "notify": {"webhook": "https://n.example", "secret": "sandbox:b"}}
    read = settings.read_settings(document, "f.toml")
    for key, find in (("store.dsn", settings.store_dsn), ("notify.secret", settings.notify_secret)):
        with pytest.raises(ConfigurationError) as refused:
            find(read, "f.toml")
        where = f"f.toml: {key}: cannot be resolved from a running sandbox"
        assert str(refused.value) == said(where, "no `sandbox` is named here")


def one(reference: str, **more: object) -> str:
    """What is behind a reference."""
    return resolved(secrets={"one": reference}, **more).secrets["one"].reveal()


ONE = "p.toml: env.s.secrets.one: cannot be resolved from"


def test_a_keyring_gives_what_it_holds(keyring):
    """Service and name stand on both sides of the first slash."""
    assert one("keyring:shop/a/b") == "from-the-keyring"


@pytest.mark.parametrize(
    ("name", "observed"), [("shop/none", "an empty value"), ("a/b", "an empty value"), ("locked/b", "NoKeyringError")]
)
def test_a_keyring_that_gives_nothing_is_refused(keyring, name, observed):
    """Also one that is locked, or not there on a machine without a desktop; what it said is not told."""
    assert refusal(secrets={"one": f"keyring:{name}"}) == said(f"{ONE} keyring:{name}", observed)


def test_a_keyring_needs_its_package(monkeypatch):
    """Without it the refusal says so."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    told = said(f"{ONE} keyring:a/b", "the package `keyring` is not installed")
    assert refusal(secrets={"one": "keyring:a/b"}) == told


def test_a_command_gives_what_it_prints():
    """Words as a shell would take them, without the space around what is printed, and nothing of its errors."""
    assert settings.COMMAND_TIMEOUT_SECONDS == 30
    assert one("cmd:printf ' %s \\n\\n' 'a b'") == "a b"
    assert one("cmd:sh -c 'echo no >&2; echo yes'") == "yes"


@pytest.mark.parametrize(
    ("command", "program", "observed"),
    [
        ("sh -c 'echo hunter2; exit 3'", "sh …", "CalledProcessError"),
        ("no-such-program-here op://vault", "no-such-program-here …", "FileNotFoundError"),
        ("printf '\\377' hunter2", "printf …", "UnicodeDecodeError"),
        ("sleep 2", "sleep …", "TimeoutExpired"),
        ("true op://vault", "true …", "an empty value"),
        ("printf ' \\n' op://vault", "printf …", "an empty value"),
        ("op 'read", "…", "what stands there is no command"),
        (" ", "…", "what stands there is no command"),
    ],
)
def test_a_command_that_gives_nothing_is_refused(monkeypatch, command, program, observed):
    """Of the command only the program is told, of the failure only its class: the rest may hold the secret."""
    monkeypatch.setattr(settings, "COMMAND_TIMEOUT_SECONDS", 0.1 if program == "sleep …" else 30)
    assert refusal(secrets={"one": f"cmd:{command}"}) == said(f"{ONE} cmd:{program}", observed)
