"""`[env.NAME.log]`: each kind with its own keys, secrets by reference, and refusals that name key and remedy."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters.settings import resolve
from pytest_paygate.core.environment import choose, read_settings, secrets_of
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.log_settings import LogAccess, LogFields, LogKind

NEXT = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."


def document(**environment):
    """A settings document with one environment."""
    return {"env": {"staging": {"mode": "staging", "base_url": "https://s.example", **environment}}}


def resolved(**environment):
    """The environment, ready to be talked to."""
    settings = read_settings(document(**environment), "paygate.toml")
    return resolve("staging", choose(settings, "staging", "paygate.toml"), "paygate.toml")


def test_the_short_form_is_a_log_behind_http():
    """`log_url` alone is kind http with the usual names."""
    assert resolved(log_url="https://s.example/log").log_access == LogAccess(
        LogKind.HTTP, url="https://s.example/log", names=LogFields("event", "at", "trace_id")
    )
    assert resolved().log_access is None


@pytest.mark.parametrize(
    "log",
    [
        {"kind": "file", "path": "a5.jsonl", "event": "msg", "at": "@timestamp", "trace_id": "trace.id"},
        {"kind": "http", "url": "https://s.example/log", "deadline_seconds": 3},
        {"kind": "loki", "url": "https://loki.example", "selector": '{app="a5", env=~"prod|live"}', "tenant": "shop"},
        {"kind": "loki", "url": "https://loki.example/", "selector": '{app="a5"}', "lookback_seconds": 600},
    ],
    ids=["file", "http", "loki", "loki_range"],
)
def test_every_kind_is_read(log):
    """What the table says stands in the environment."""
    access = resolved(log=log).log_access
    assert access.kind == log["kind"]
    assert access.names.event == log.get("event", "event")
    assert not access.url.endswith("/")


def test_secrets_are_resolved_and_searched_for(monkeypatch):
    """DSN and token come from their references, and are among the secrets no file may hold."""
    monkeypatch.setenv("T_DSN", "postgresql://reader:hunter2@db/a5")
    monkeypatch.setenv("T_TOKEN", "glc_hunter2")
    postgres = resolved(log={"kind": "postgres", "dsn": "env:T_DSN", "table": "audit.a5_log"})
    assert postgres.log.dsn.reveal() == "postgresql://reader:hunter2@db/a5"
    loki = resolved(
        log={"kind": "loki", "url": "https://l.example", "selector": '{app="a5"}', "user": "12", "token": "env:T_TOKEN"}
    )
    assert [secret.reveal() for secret in secrets_of(loki)] == ["glc_hunter2"]
    assert "hunter2" not in repr(postgres) + repr(loki)


@pytest.mark.parametrize(
    ("environment", "refused", "expected", "observed"),
    [
        (
            {"log": {"kind": "file"}},
            "log.path: is missing for kind file",
            "path",
            "none of them",
        ),
        (
            {"log": {"kind": "postgres", "table": "a5_log"}},
            "log.dsn: is missing for kind postgres",
            "dsn, table",
            "table",
        ),
        (
            {"log": {"kind": "file", "path": "x", "url": "https://l.example"}},
            "log.url: has no use for kind file",
            "path",
            "path, url",
        ),
        (
            {"log": {"kind": "syslog"}},
            "log.kind: is not one of the allowed values",
            "one of: file, http, postgres, loki.",
            "'syslog'",
        ),
        (
            {"log": {"kind": "postgres", "dsn": "env:T", "table": "a5_log; DROP TABLE a5_log"}},
            "log.table: cannot be used",
            "a table, or schema.table, of letters, digits and _",
            "'a5_log; DROP TABLE a5_log'",
        ),
        (
            {"log": {"kind": "postgres", "dsn": "env:T", "table": "a5_log", "event": 'x" FROM y'}},
            "log.event: cannot be used",
            "the name of one field or column",
            "'x\" FROM y'",
        ),
        (
            {"log": {"kind": "loki", "url": "https://l.example", "selector": '{app="a5"} != "fail"'}},
            "log.selector: cannot be used",
            'a label selector alone, like {app="a5"}',
            '\'{app="a5"} != "fail"\'',
        ),
        (
            {"log": {"kind": "loki", "url": "https://l.example", "selector": "{}", "tenant": "a\r\nX-Evil: 1"}},
            "log.selector: cannot be used",
            'a label selector alone, like {app="a5"}',
            "'{}'",
        ),
        (
            {"log": {"kind": "loki", "url": "https://l.example", "selector": '{a="b"}', "tenant": "a\r\nX-Evil: 1"}},
            "log.tenant: cannot be used",
            "a tenant's id",
            "'a\\r\\nX-Evil: 1'",
        ),
        (
            {"log": {"kind": "loki", "url": "https://l.example", "selector": '{a="b"}', "user": "12"}},
            "log.token: is missing beside user",
            "user and token, or neither",
            "url, selector, user",
        ),
        (
            {"log": {"kind": "http", "url": "https://s.example/log"}, "log_url": "https://s.example/log"},
            "log_url: stands beside [log]",
            "one of the two: log_url is the short form of a log behind HTTP",
            "both",
        ),
        (
            {"log_url": "https://s.example/log?trace=x"},
            "log_url: is not a base URL",
            "http(s)://host[:port][/path] without user, query or fragment",
            "'https://s.example/log?trace=x'",
        ),
        (
            {"log": {"kind": "http", "url": "file:///etc/passwd"}},
            "log.url: is not a base URL",
            "http(s)://host[:port][/path] without user, query or fragment",
            "'file:///etc/passwd'",
        ),
    ],
)
def test_wrong_logs_are_refused(environment, refused, expected, observed):
    """Each refusal names the key, what would do and what stood there."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings(document(**environment), "paygate.toml")
    # The keys that are given are told in the order of the reference.
    assert str(caught.value) == (
        f"paygate.toml: env.staging.{refused}\n"
        f"  expected  {expected}\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        f"  next      {NEXT}"
    )


def test_a_literal_secret_is_refused_and_not_shown():
    """A DSN or a token in the file itself is treated as leaked."""
    for log in (
        {"kind": "postgres", "dsn": "postgresql://reader:hunter2@db/a5", "table": "a5_log"},
        {"kind": "http", "url": "https://s.example/log", "token": "hunter2"},
    ):
        with pytest.raises(ConfigurationError, match="holds a literal secret") as caught:
            read_settings(document(log=log), "paygate.toml")
        assert "hunter2" not in str(caught.value)
