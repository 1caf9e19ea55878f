"""The table of an application's log: what each kind needs and takes, every shape, bound and default, each refusal."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.log_settings import LogAccess, LogFields, LogKind, LogSettings, check, references
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.secret import Secret

NEEDED = {
    LogKind.FILE: {"path": "a5.jsonl"},
    LogKind.HTTP: {"url": "https://s.example/log"},
    LogKind.POSTGRES: {"dsn": "env:DSN", "table": "a5_log"},
    LogKind.LOKI: {"url": "https://l.example", "selector": '{app="a5"}'},
}
TAKEN = {
    LogKind.FILE: ("path",),
    LogKind.HTTP: ("url", "token"),
    LogKind.POSTGRES: ("dsn", "table"),
    LogKind.LOKI: ("url", "selector", "token", "user", "tenant", "lookback_seconds"),
}
SOME = {
    "path": "p",
    "url": "u",
    "dsn": "env:D",
    "table": "t",
    "selector": '{a="b"}',
    "token": "env:T",
    "user": "u",
    "tenant": "t",
    "lookback_seconds": 60.0,
}


def table(kind: LogKind, **more: object) -> LogSettings:
    """A table of this kind with what it needs, and more."""
    return LogSettings(kind=kind, **{**NEEDED[kind], **more})


def refusal(settings: LogSettings) -> str:
    """The whole text with which a table is refused."""
    with pytest.raises(ConfigurationError) as refused:
        check("paygate.toml: env.s.log", settings)
    return str(refused.value)


def said(refused: str, expected: str, observed: str) -> str:
    """A refusal's whole text."""
    return (
        f"paygate.toml: env.s.log.{refused}\n"
        f"  expected  {expected}\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md."
    )


def test_what_a_table_leaves_out():
    """The kinds there are, the names a log usually has, a day to look back and ten seconds to wait."""
    assert [one.value for one in LogKind] == ["file", "http", "postgres", "loki"]
    assert LogSettings(kind=LogKind.FILE).model_dump() == {
        **dict.fromkeys(("url", "path", "dsn", "table", "selector", "tenant", "user", "token"), ""),
        "kind": LogKind.FILE,
        "event": "event",
        "at": "at",
        "trace_id": "trace_id",
        "lookback_seconds": 86_400.0,
        "deadline_seconds": 10.0,
    }
    assert asdict(LogAccess(LogKind.HTTP)) == {
        **dict.fromkeys(("url", "path", "table", "selector", "tenant", "user"), ""),
        "kind": LogKind.HTTP,
        "names": {"event": "event", "at": "at", "trace_id": "trace_id"},
        "dsn": None,
        "token": None,
        "lookback_seconds": 86_400.0,
        "deadline_seconds": 10.0,
    }
    assert LogAccess(LogKind.HTTP).names == LogFields("event", "at", "trace_id")


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("lookback_seconds", (60, 2_592_000), (59.9, 2_592_000.1)),
        ("deadline_seconds", (0.001, 60), (0, 60.1)),
        ("user", ("", "u" * 100), ("u" * 101,)),
    ],
)
def test_each_bound_is_accepted_and_no_more(key, right, wrong):
    """A minute to thirty days to look back, at most a minute to wait, a user of a hundred characters."""
    for value in right:
        assert getattr(LogSettings(kind=LogKind.LOKI, **{key: value}), key) == value
    for value in wrong:
        with pytest.raises(ValidationError, match=key):
            LogSettings(kind=LogKind.LOKI, **{key: value})


@pytest.mark.parametrize("kind", LogKind)
def test_a_kind_is_content_with_what_it_needs(kind):
    """And with every key that it takes, the names of the three fields and a deadline besides."""
    common = {"event": "e", "at": "a", "trace_id": "t", "deadline_seconds": 1.0}
    assert check("w", table(kind)) is None
    assert check("w", table(kind, **common)) is None
    assert check("w", table(kind, **{key: SOME[key] for key in TAKEN[kind]}, **common)) is None


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, needs in NEEDED.items() for key in needs])
def test_a_kind_without_what_it_needs_is_refused(kind, key):
    """The missing key is named, all that is needed, and what is there; empty is as good as missing."""
    others = {one: value for one, value in NEEDED[kind].items() if one != key}
    needs = ", ".join(NEEDED[kind])
    for given in (others, {**others, key: ""}):
        observed = ", ".join(one for one in SOME if one in given) or "none of them"
        assert refusal(LogSettings(kind=kind, **given)) == said(f"{key}: is missing for kind {kind}", needs, observed)


@pytest.mark.parametrize("kind", LogKind)
def test_a_kind_with_what_it_has_no_use_for_is_refused(kind):
    """Even empty: the key is named, all that are taken, and what is there in the order of the reference."""
    for key in SOME:
        if key not in TAKEN[kind]:
            value = 60.0 if key == "lookback_seconds" else ""
            given = ", ".join(one for one in SOME if one == key or one in NEEDED[kind])
            told = said(f"{key}: has no use for kind {kind}", ", ".join(TAKEN[kind]), given)
            assert refusal(table(kind, **{key: value})) == told


TABLE = "a table, or schema.table, of letters, digits and _"
SELECTOR = 'a label selector alone, like {app="a5"}'
NAME = "the name of one field or column"


@pytest.mark.parametrize(
    ("kind", "key", "expected", "right", "wrong"),
    [
        (
            LogKind.POSTGRES,
            "table",
            TABLE,
            ("A", "_z9", "Zz_9.aA", "s" * 63 + "." + "t" * 63),
            ("9a", "a.b.c", "a.", ".a", "a b", "a-b", "a;b", "a.9b", "s" * 64, "s." + "t" * 64),
        ),
        (
            LogKind.LOKI,
            "selector",
            SELECTOR,
            (
                '{app="a5"}',
                '{Zz_09=""}',
                '{_a!="x",A=~"y",b!~"z"}',
                '{ a = "b" , c =~ "d" }',
                '{a="b", A_9="}"}',
            ),
            (
                "{}",
                "a",
                '{a="b"',
                'a="b"}',
                '{a="b",}',
                '{a="b" c="d"}',
                '{9a="b"}',
                '{a="b",9c="d"}',
                '{a=="b"}',
                '{a="b\\n"}',
                '{a="b\n"}',
                '{a="b",c="\n"}',
                '{a="b",c="\\"}',
                '{a="b"} |= "x"',
                '{a="b",c>"d"}',
                'x{a="b"}',
            ),
        ),
        (LogKind.LOKI, "tenant", "a tenant's id", ("aA", "Zz09_.|-", "t" * 150), ("a b", "a\n", "a/b", "t" * 151)),
        *(
            (LogKind.POSTGRES, key, NAME, ("a", "Z_9", "_Aa", "c" * 63), ("9a", "a.b", "@a", "a-b", "c" * 64))
            for key in ("event", "at", "trace_id")
        ),
        *(
            (kind, key, NAME, ("a", "Z_9", "_Aa", "@t.A-@9", "c" * 63), ("9a", ".a", "-a", "a b", "a\n", "c" * 64))
            for kind in (LogKind.FILE, LogKind.HTTP, LogKind.LOKI)
            for key in ("event", "at", "trace_id")
        ),
    ],
)
def test_a_value_of_another_shape_is_refused(kind, key, expected, right, wrong):
    """What goes into a query can be nothing but what it is meant to be; a column has no dots, a field of JSON may."""
    for value in right:
        assert check("w", table(kind, **{key: value})) is None
    for value in wrong:
        told = said(f"{key}: cannot be used", expected, repr(value[:80]))
        assert refusal(table(kind, **{key: value})) == told


def test_a_value_is_told_in_eighty_characters():
    """The rest of a long one is left out."""
    for length in (80, 81):
        assert f"  observed  '{'x' * 79} '\n" in refusal(table(LogKind.FILE, at="x" * 79 + " " * (length - 79)))


def test_a_user_needs_a_token():
    """A user alone would be asked for a password that nobody wrote down; a token alone is enough."""
    told = said("token: is missing beside user", "user and token, or neither", "url, selector, user")
    assert refusal(table(LogKind.LOKI, user="12")) == told
    assert check("w", table(LogKind.LOKI, token="env:T")) is None


def test_secrets_are_those_that_are_there():
    """The DSN before the token; a log without any has none. The references stand under their own keys."""
    dsn, token = Secret("d", "env:D"), Secret("t", "env:T")
    assert LogAccess(LogKind.LOKI, dsn=dsn, token=token).secrets() == (dsn, token)
    assert LogAccess(LogKind.POSTGRES, dsn=dsn).secrets() == (dsn,)
    assert LogAccess(LogKind.FILE).secrets() == ()
    told = list(references("env.s.log", LogSettings(kind=LogKind.LOKI, dsn="env:D", token="env:T")))
    assert told == [("env.s.log.dsn", "env:D"), ("env.s.log.token", "env:T")]
