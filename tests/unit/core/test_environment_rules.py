"""Environments as data: what a table may say and says by itself, and each refusal word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.core import environment as env
from pytest_paygate.core.capacity_rules import CapacitySettings
from pytest_paygate.core.environment import (
    Acknowledgement,
    ApprovalSettings,
    CapAmounts,
    Caps,
    DeclaredMode,
    Environment,
    EnvironmentSettings,
    LivePolicy,
    LiveRules,
    Payer,
    ProviderAccess,
    ProviderSettings,
    Settings,
    StoreSettings,
    cap_amounts,
    check_url,
    choose,
    mode_of,
    read_settings,
    secrets_of,
)
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.log_settings import LogAccess, LogKind
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.money import Money
from pytest_paygate.core.notices import NotifySettings
from pytest_paygate.core.samples import SampleSettings
from pytest_paygate.core.secret import Secret

FIX = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."
LITERAL = "a reference: env:NAME, keyring:service/name, cmd:command or, for a rehearsal, sandbox:name"
URL = "http(s)://host[:port][/path] without user, query or fragment"
BASE = {"mode": "staging", "base_url": "https://s.example"}
HUNTED = "hunter2"


def refusal(document: dict) -> str:
    """What is said of a document that is refused."""
    with pytest.raises(ConfigurationError) as refused:
        read_settings(document, "paygate.toml")
    return str(refused.value)


def said(refused: str, expected: str, observed: str, next_step: str = FIX) -> str:
    """A refusal as it is printed."""
    return f"{refused}\n  expected  {expected}\n  observed  {observed}\n  money     No money moved.\n  next      {next_step}"


def test_what_a_table_leaves_out_has_its_published_value():
    """A person pays, live environments look on, one approval, a late charge is waited for a minute."""
    assert EnvironmentSettings(mode=DeclaredMode.LIVE, base_url="u").model_dump() == {
        "mode": DeclaredMode.LIVE,
        "base_url": "u",
        "payer": Payer.PERSON,
        "sandbox": "",
        "database": "",
        "log_url": "",
        "log": None,
        "webhook_url": "",
        "ca_file": "",
        "services": {},
        "providers": {},
        "values": {},
        "secrets": {},
        "live_policy": LivePolicy.OBSERVE,
        "acknowledgement": None,
        "caps": None,
        "approval": {"required": 1, "signers": "allowed_signers", "unsigned": False},
        "capacity": None,
        "late_charge_seconds": 60.0,
        "samples": SampleSettings().model_dump(),
    }
    assert Settings().model_dump() == {
        "default_gate": "",
        "live_env": "",
        "signing_key": "",
        "signing_as": "",
        "store": {"dsn": ""},
        "notify": NotifySettings().model_dump(),
        "env": {},
    }
    assert ProviderSettings(key="k").model_dump() == {
        "key": "k",
        "refund_key": "",
        "base_url": "",
        "account": "",
        "dashboard_url": "",
    }
    assert StoreSettings().dsn == ""


def test_what_a_run_knows_of_a_target_by_default():
    """An environment has what it was given and nothing of its own; it allows no charge."""
    bare = Environment("staging", Mode.STAGING, "https://s.example:8443/api", Payer.HTTP)
    assert (bare.name, bare.mode, bare.payer) == ("staging", Mode.STAGING, Payer.HTTP)
    assert (bare.log_url, bare.webhook_url, bare.ca_file) == ("", "", "")
    assert (bare.services, bare.providers, bare.values, bare.secrets) == ({}, {}, {}, {})
    assert (bare.database, bare.log, bare.samples_token, bare.samples) == (None, None, None, SampleSettings())
    assert bare.live == LiveRules(LivePolicy.OBSERVE, None, None, ApprovalSettings(), None, 60.0)
    assert ProviderAccess("stripe", Secret("k"), "", "", "").refund_key is None


def test_the_words_of_a_settings_file():
    """Modes, policies and payers as they are written, and the names nobody else may have."""
    assert [one.value for one in DeclaredMode] == ["sandbox", "staging", "live"]
    assert [one.value for one in LivePolicy] == ["observe", "drive"]
    assert [one.value for one in Payer] == ["http", "browser", "person"]
    assert env.SANDBOX == "sandbox"
    assert frozenset({"127.0.0.1", "localhost", "::1"}) == env.LOOPBACK
    assert (
        frozenset({"sk_live_PaygateRehearsalNoFunds000000", "prd_PaygateRehearsalNoFunds" + "0" * 41})
        == env.REHEARSAL_KEYS
    )


SIGNED = {"by": "Ann", "at": "2026-11-01", "ground": "in the contract", "until": "2027-11-01"}


@pytest.mark.parametrize(
    ("model", "good", "right", "wrong"),
    [
        (ApprovalSettings, {}, {"required": 1}, {"required": 0}),
        (ApprovalSettings, {}, {"required": 6}, {"required": 7}),
        (EnvironmentSettings, {"mode": DeclaredMode.LIVE, "base_url": "u"}, {"late_charge_seconds": 0.0}, {"late_charge_seconds": -0.1}),
        (EnvironmentSettings, {"mode": DeclaredMode.LIVE, "base_url": "u"}, {"late_charge_seconds": 86_400.0}, {"late_charge_seconds": 86_400.1}),
        (Acknowledgement, SIGNED, {"by": "A"}, {"by": ""}),
        (Acknowledgement, SIGNED, {"by": "A" * 80}, {"by": "A" * 81}),
        (Acknowledgement, SIGNED, {"ground": "g" * 10}, {"ground": "g" * 9}),
        (Acknowledgement, SIGNED, {"ground": "g" * 400}, {"ground": "g" * 401}),
    ],
)  # fmt: skip
def test_each_number_and_text_has_its_bounds(model, good, right, wrong):
    """The bound itself is accepted, one step further is refused."""
    ((key, value),) = right.items()
    assert getattr(model(**{**good, **right}), key) == value
    with pytest.raises(ValidationError, match=key):
        model(**{**good, **wrong})


def test_a_whole_file_is_read():
    """Everything that may stand in a file comes back, and none of it is refused."""
    read = read_settings(
        {
            "default_gate": "e2e",
            "store": {"dsn": "env:STORE"},
            "notify": {"webhook": "https://n.example", "secret": "env:N"},
            "env": {
                "a": BASE,
                "prod-1_": {
                    **BASE,
                    "base_url": "sandbox:marketplace",
                    "webhook_url": "https://s.example/hook",
                    "log_url": "sandbox:log",
                    "services": {"a1": "http://a1.example:80/x", "b-_2": "sandbox:fleet"},
                    "providers": {"stripe": {"key": "env:K", "refund_key": "cmd:k"}},
                    "secrets": {"one": "keyring:a/b"},
                    "caps": {"per_charge": "EUR 5.00", "per_run": "EUR 5.00", "per_day": "EUR 10.00"},
                    "capacity": {"budget": 5, "pause_below": 1, "period": "1d"},
                    "acknowledgement": SIGNED,
                },
                "b" * 31: {**BASE, "log": {"kind": "http", "url": "https://l.example", "token": "env:T"}},
            },
        },
        "paygate.toml",
    )
    assert list(read.env) == ["a", "prod-1_", "b" * 31]
    assert read.env["prod-1_"].capacity == CapacitySettings(budget=5, pause_below=1, period="1d")
    assert choose(read, "a", "paygate.toml") is read.env["a"]


@pytest.mark.parametrize("name", ["sandbox", "", "A", "aB", "0a", "_a", "a b", "a" * 32])
def test_an_environment_has_a_plain_name_of_its_own(name):
    """A lower-case word of at most 31 characters; `sandbox` is taken."""
    assert refusal({"env": {name: BASE}}) == said(
        f"paygate.toml: env.{name}: cannot have this name",
        "a lower-case word other than 'sandbox', which is the embedded world",
        repr(name),
    )


@pytest.mark.parametrize("name", ["target", "log", "stripe", "", "A", "aB", "0a", "a b", "a" * 32, "A" * 50])
def test_a_service_has_a_plain_name_of_its_own(name):
    """Not that of the target, the log or a provider; a journal could not tell them apart."""
    stripe = {"stripe": {"key": "env:K"}}
    document = {"env": {"s": {**BASE, "services": {name: "https://a.example"}, "providers": stripe}}}
    assert refusal(document) == said(
        f"paygate.toml: env.s.services.{name}: cannot have this name",
        "a lower-case word other than log, stripe, target",
        repr(name[:40]),
    )


@pytest.mark.parametrize(
    ("url", "observed"),
    [
        ("", "''"),
        ("s.example", "'s.example'"),
        ("ftp://s.example", "'ftp://s.example'"),
        ("HTTPS//s.example", "'HTTPS//s.example'"),
        ("http://", "'http://'"),
        ("http://s.example?a=b", "'http://s.example?a=b'"),
        ("http://s.example#f", "'http://s.example#f'"),
        ("http://[s.example", "'http://[s.example'"),
        ("ftp://" + "a" * 90, repr("ftp://" + "a" * 74)),
        ("http://u@s.example", "something else"),
        (f"http://:{HUNTED}@s.example", "something else"),
        (f"http://u:{HUNTED}@s.example", "something else"),
    ],
)
def test_an_address_is_a_plain_base_url(url, observed):
    """What is not one is repeated up to 80 characters, but for what could hold a password."""
    places = {
        "base_url": {**BASE, "base_url": url},
        "services.a1": {**BASE, "services": {"a1": url}},
        "webhook_url": {**BASE, "webhook_url": url},
        "log_url": {**BASE, "log_url": url},
        "log.url": {**BASE, "log": {"kind": "http", "url": url}},
    }
    optional = () if url else ("webhook_url", "log_url", "log.url")
    for key, table in places.items():
        if key not in optional:
            told = said(f"paygate.toml: env.s.{key}: is not a base URL", URL, observed)
            assert refusal({"env": {"s": table}}) == told
    with pytest.raises(ConfigurationError) as refused:
        check_url("here", url)
    assert str(refused.value) == said("here: is not a base URL", URL, observed)


def test_only_a_sandbox_may_publish_an_address():
    """A reference of another kind is no address, and a webhook's or a log table's is written out."""
    for key, url in (("base_url", "env:URL"), ("base_url", "sandbox:"), ("webhook_url", "sandbox:hook")):
        told = said(f"paygate.toml: env.s.{key}: is not a base URL", URL, repr(url))
        assert refusal({"env": {"s": {**BASE, key: url}}}) == told


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"env": {"s": {**BASE, "database": HUNTED}}}, "env.s.database"),
        ({"env": {"s": {**BASE, "secrets": {"one": HUNTED}}}}, "env.s.secrets.one"),
        ({"env": {"s": {**BASE, "providers": {"p": {"key": HUNTED}}}}}, "env.s.providers.p.key"),
        ({"env": {"s": {**BASE, "samples": {"token": HUNTED}}}}, "env.s.samples.token"),
        ({"env": {"s": {**BASE, "log": {"kind": "http", "url": "http://l", "token": HUNTED}}}}, "env.s.log.token"),
        ({"store": {"dsn": HUNTED}}, "store.dsn"),
        ({"notify": {"webhook": "https://n.example", "secret": HUNTED}}, "notify.secret"),
    ],
)
def test_a_literal_secret_is_refused_wherever_it_stands(document, key):
    """Each place of a secret is looked at, and none is repeated."""
    assert refusal(document) == said(
        f"paygate.toml: {key}: holds a literal secret",
        LITERAL,
        "7 characters that are not shown",
        "Move the secret out of the file, treat it as leaked, and rotate it.",
    )


@pytest.mark.parametrize(
    ("document", "first_line"),
    [
        ({"env": {"s": {**BASE, "samples": {"source": "x"}}}}, "paygate.toml: env.s.samples.source: cannot be used"),
        ({"env": {"s": {**BASE, "log": {"kind": "file"}}}}, "paygate.toml: env.s.log.path: is missing for kind file"),
        ({"notify": {"webhook": "https://n.example"}}, "paygate.toml: notify.secret: is missing beside webhook"),
        ({"env": {"s": {"mode": "staging"}}}, "paygate.toml: env.s.base_url: is missing"),
        ({"envs": {}}, "paygate.toml: envs: is not a known key"),
    ],
)
def test_every_table_is_checked_under_its_own_name(document, first_line):
    """What other rules find wrong is told with file and key, and what to do."""
    told = refusal(document)
    assert told.splitlines()[0] == first_line
    assert told.endswith("  next      " + (FIX.replace("the file", "[notify]").replace("paygate-toml", "notices") if "notify" in document else FIX))  # fmt: skip


def test_a_log_is_named_once():
    """The short form and the table exclude each other."""
    document = {"env": {"s": {**BASE, "log_url": "http://l", "log": {"kind": "http", "url": "http://l"}}}}
    assert refusal(document) == said(
        "paygate.toml: env.s.log_url: stands beside [log]",
        "one of the two: log_url is the short form of a log behind HTTP",
        "both",
    )


def caps(*amounts: str) -> dict:
    """A document with these caps."""
    return {"env": {"s": {**BASE, "caps": dict(zip(("per_charge", "per_run", "per_day"), amounts, strict=True))}}}


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        (("EUR 5.00", "EUR 4.99", "EUR 5.00"), "EUR 5.00, EUR 4.99, EUR 5.00"),
        (("EUR 5.00", "EUR 5.00", "EUR 4.99"), "EUR 5.00, EUR 5.00, EUR 4.99"),
        (("EUR 0.00", "EUR 0.00", "EUR 0.00"), "EUR 0.00, EUR 0.00, EUR 0.00"),
        (("USD 1.00", "EUR 1.00", "EUR 1.00"), "USD 1.00, EUR 1.00, EUR 1.00"),
        (("EUR 1.00", "USD 1.00", "EUR 1.00"), "EUR 1.00, USD 1.00, EUR 1.00"),
        (("EUR 1.00", "EUR 1.00", "USD 1.00"), "EUR 1.00, EUR 1.00, USD 1.00"),
    ],
)
def test_caps_are_of_one_currency_and_in_order(amounts, told):
    """One charge is within a run, a run within a day, and none of them is nothing."""
    assert refusal(caps(*amounts)) == said(
        "paygate.toml: env.s.caps: are not in order",
        "one currency, and per_charge ≤ per_run ≤ per_day, all above zero",
        told,
    )


def test_a_cap_is_an_amount():
    """What is no amount is told in at most 120 characters; caps of one cent are caps, and so are three alike."""
    for text in ("5", "x" * 200):
        with pytest.raises(ConfigurationError) as refused:
            cap_amounts("here", Caps(per_charge=text, per_run="EUR 1.00", per_day="EUR 1.00"))
        told = f"{text!r} is not an amount; write it like 'EUR 5.00'"[:120]
        assert str(refused.value) == said("here: is not an amount", "amounts like 'EUR 10.00'", told)
        assert refused.value.__suppress_context__
    cents = Caps(per_charge="EUR 0.01", per_run="EUR 0.02", per_day="EUR 0.03")
    assert cap_amounts("here", cents) == CapAmounts(Money(1, "EUR"), Money(2, "EUR"), Money(3, "EUR"))
    alike = Caps(per_charge="EUR 0.02", per_run="EUR 0.02", per_day="EUR 0.02")
    assert cap_amounts("here", alike) == CapAmounts(Money(2, "EUR"), Money(2, "EUR"), Money(2, "EUR"))
    assert cap_amounts("here", None) is None


def test_an_unknown_environment_names_those_there_are():
    """The embedded world first, the nearest one again, and where to declare it."""
    with pytest.raises(ConfigurationError) as refused:
        choose(read_settings({"env": {"staging": BASE}}, "paygate.toml"), "stagin", "p.toml")
    assert str(refused.value) == said(
        "--env=stagin: is not a known environment",
        "one of: sandbox, staging. Did you mean 'staging'?",
        "'stagin'",
        "Declare [env.stagin] in p.toml, or use one of the known ones.",
    )


REHEARSAL = (Secret("sk_live_PaygateRehearsalNoFunds000000"), Secret("prd_PaygateRehearsalNoFunds" + "0" * 41))


@pytest.mark.parametrize(
    ("declared", "keys", "mode"),
    [
        (DeclaredMode.SANDBOX, (), Mode.SANDBOX),
        (DeclaredMode.SANDBOX, REHEARSAL, Mode.SANDBOX),
        (DeclaredMode.STAGING, (), Mode.STAGING),
        (DeclaredMode.STAGING, REHEARSAL, Mode.STAGING),
        (DeclaredMode.LIVE, (), Mode.LIVE),
        (DeclaredMode.LIVE, REHEARSAL, Mode.REHEARSAL),
        (DeclaredMode.LIVE, (*REHEARSAL, Secret("sk_live_x")), Mode.LIVE),
        (DeclaredMode.LIVE, (Secret("sk_live_x"),), Mode.LIVE),
    ],
)
def test_an_environment_is_what_it_declares(declared, keys, mode):
    """Live is a rehearsal only when every key is a published one, and there is one."""
    assert mode_of(declared, keys) is mode


def test_hosts_are_those_of_the_target_and_its_services():
    """With their ports, the target first."""
    services = {"a1": "http://a1.example:80/x", "a2": "https://a2.example"}
    one = Environment("s", Mode.STAGING, "https://s.example:8443/api", Payer.HTTP, services=services)
    assert (one.host, one.hosts) == ("s.example:8443", ("s.example:8443", "a1.example:80", "a2.example"))


def test_a_log_is_reached_by_its_table_or_its_short_form():
    """The table stands; without one a `log_url` is a log behind HTTP; without either there is none."""
    table = LogAccess(LogKind.FILE, path="a.log")
    plain = ("s", Mode.STAGING, "https://s.example", Payer.HTTP)
    assert Environment(*plain).log_access is None
    assert Environment(*plain, log_url="http://l").log_access == LogAccess(LogKind.HTTP, url="http://l")
    assert Environment(*plain, log=table).log_access is table
    assert Environment(*plain, log=table, log_url="http://l").log_access is table


def test_every_secret_of_an_environment_is_known():
    """The database's, the samples', each provider's two, the named ones and the log's; none that is not there."""
    held = [Secret(str(number)) for number in range(7)]
    whole = Environment(
        "s",
        Mode.STAGING,
        "https://s.example",
        Payer.HTTP,
        database=held[0],
        samples_token=held[1],
        providers={"p": ProviderAccess("p", held[2], "", "", "", held[3])},
        secrets={"one": held[4]},
        log=LogAccess(LogKind.LOKI, dsn=held[5], token=held[6]),
    )
    assert secrets_of(whole) == tuple(held)
    keyless = {"p": ProviderAccess("p", held[2], "", "", "")}
    assert secrets_of(Environment("s", Mode.STAGING, "u", Payer.HTTP, providers=keyless)) == (held[2],)
