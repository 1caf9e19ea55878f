"""What in a pytest session does not belong into a live run.

That is whatever repeats, reorders, drops or hides tests, or stands between the gate and the wire. Each finding is a
short name the operator knows.

Owns the list, and imports nothing but the standard library and pytest. A plugin that is only installed is no finding;
one that is at work is. The run stays safe without these findings too: they are here so that it is refused early.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

# Option (as pytest stores it) -> how it is typed, and the values that mean nothing.
_OFF: tuple[object, ...] = (None, False, 0, "", [], ())
_OPTIONS: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("numprocesses", "-n", _OFF),
    ("tx", "--tx", _OFF),
    ("distload", "-d", _OFF),
    ("dist", "--dist", (*_OFF, "no")),
    ("forked", "--forked", _OFF),
    ("looponfail", "--looponfail", _OFF),
    ("reruns", "--reruns", _OFF),
    ("count", "--count", (*_OFF, 1)),
    ("repeat", "--repeat", (*_OFF, 1)),
    ("force_flaky", "--force-flaky", _OFF),
    ("max_runs", "--max-runs", (*_OFF, 1)),
    ("flake_finder_enable", "--flake-finder", _OFF),
    ("random_order_bucket", "--random-order", (*_OFF, "module")),
    ("random_order_enabler", "--random-order", _OFF),
    ("reverse", "--reverse", _OFF),
    ("lf", "--lf", _OFF),
    ("failedfirst", "--ff", _OFF),
    ("newfirst", "--nf", _OFF),
    ("stepwise", "--sw", _OFF),
    ("stepwise_skip", "--sw-skip", _OFF),
    ("keyword", "-k", _OFF),
    ("markexpr", "-m", _OFF),
    ("deselect", "--deselect", _OFF),
    ("ignore", "--ignore", _OFF),
    ("ignore_glob", "--ignore-glob", _OFF),
    ("maxfail", "-x or --maxfail", _OFF),
    ("collectonly", "--collect-only", _OFF),
    ("setuponly", "--setup-only", _OFF),
    ("setupplan", "--setup-plan", _OFF),
    ("setupshow", "--setup-show", _OFF),
    ("keepduplicates", "--keep-duplicates", _OFF),
    ("runxfail", "--runxfail", _OFF),
    ("usepdb", "--pdb", _OFF),
    ("trace", "--trace", _OFF),
    # Its file holds what every hook is called with, and nothing reduces that.
    ("debug", "--debug", _OFF),
    ("noconftest", "--noconftest", _OFF),
    ("continue_on_collection_errors", "--continue-on-collection-errors", _OFF),
    ("record_mode", "--record-mode", (*_OFF, "none")),
    ("vcr_record", "--vcr-record", (*_OFF, "none")),
    ("parallel_workers", "--workers", _OFF),
    ("tests_per_worker", "--tests-per-worker", _OFF),
)
# Plugins that act as soon as they are registered; `-p no:NAME` switches one off.
_PLUGINS: Mapping[str, str] = {
    "randomly": "pytest-randomly (-p no:randomly)",
    "pytest_randomly": "pytest-randomly (-p no:randomly)",
    "reorder": "pytest-reorder (-p no:reorder)",
    "ordering": "pytest-ordering (-p no:ordering)",
    "pytest_order": "pytest-order (-p no:pytest_order)",
    "parallel": "pytest-parallel (-p no:parallel)",
    "xdist.boxed": "pytest-forked",
    "flaky": "flaky (-p no:flaky)",
    "flaky.flaky_pytest_plugin": "flaky (-p no:flaky)",
    "flaky_pytest": "flaky (-p no:flaky)",
    "pytest_retry": "pytest-retry (-p no:pytest_retry)",
    "retry": "pytest-retry (-p no:retry)",
    "pytest_rerun_all": "pytest-rerun-all",
    "testmon": "pytest-testmon (-p no:testmon)",
    "picked": "pytest-picked (-p no:picked)",
    "pytest_socket": "pytest-socket (-p no:pytest_socket)",
    "socket": "pytest-socket (-p no:socket)",
    "recording": "pytest-recording (-p no:recording)",
    "vcr": "pytest-vcr (-p no:vcr)",
}
# Libraries that answer in the wire's place, or turn the clock; being imported is enough.
_STUBS = (
    "respx",
    "pytest_httpx",
    "vcr",
    "responses",
    "requests_mock",
    "httpretty",
    "pook",
    "mocket",
    "aioresponses",
    "betamax",
    "pyfakefs",
    "freezegun",
    "time_machine",
    "pytest_socket",
)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TLS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OPENSSL_CONF")
_PYTHON = ("PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER")


def typed(config: pytest.Config, *spellings: str) -> bool:
    """Whether one of the spellings was typed on the command line itself: not in an ini file, not in a variable."""
    return any(str(argument) in spellings for argument in config.invocation_params.args)


def findings(config: pytest.Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Everything in this session that does not belong into a live run, each once, in a fixed order.

    Args:
        config: pytest's configuration, after its options were read.
        environ: the process's environment variables.
    """
    found = [
        *_options(config),
        *_timeout(config, environ),
        *_interpreter(config),
        *_plugins(config),
        *_stubs(),
        *_doubled(config),
        *_variables(environ),
    ]
    return tuple(dict.fromkeys(found))


def _options(config: pytest.Config) -> Iterator[str]:
    for dest, spelling, off in _OPTIONS:
        value = getattr(config.option, dest, None)
        if not any(value is nothing or value == nothing for nothing in off):
            yield spelling
    for name, spelling in (("reruns", "reruns in the ini file"), ("flaky", "flaky in the ini file")):
        if _ini(config, name):
            yield spelling
    if hasattr(config, "workerinput"):
        yield "a worker of pytest-xdist"


def _timeout(config: pytest.Config, environ: Mapping[str, str]) -> Iterator[str]:
    """pytest-timeout ends no row, but the whole process with a thread, and the session between two rows."""
    methods = (
        getattr(config.option, "timeout_method", None),
        _ini(config, "timeout_method"),
        environ.get("PYTEST_TIMEOUT_METHOD"),
    )
    chosen = next((method for method in methods if method), "")
    if chosen == "thread":
        yield "pytest-timeout with method thread"
    if getattr(config.option, "session_timeout", None) is not None or _ini(config, "session_timeout"):
        yield "--session-timeout"


def _interpreter(config: pytest.Config) -> Iterator[str]:
    if sys.flags.optimize:
        yield "python -O"
    if getattr(config.option, "assertmode", "rewrite") != "rewrite":
        yield "--assert=plain"


def _plugins(config: pytest.Config) -> Iterator[str]:
    registered = {name for name, plugin in config.pluginmanager.list_name_plugin() if plugin is not None}
    yield from (told for name, told in _PLUGINS.items() if name in registered)
    yield from (f"-p no:{name}" for name in ("asyncio", "paygate") if config.pluginmanager.is_blocked(name))


def _stubs() -> Iterator[str]:
    yield from (f"{name} is imported" for name in _STUBS if name in sys.modules)
    originals: tuple[tuple[str, Any, str], ...] = (
        ("socket.socket", socket.socket, "socket"),
        ("socket.create_connection", socket.create_connection, "socket"),
        ("socket.getaddrinfo", socket.getaddrinfo, "socket"),
        ("ssl.SSLContext", ssl.SSLContext, "ssl"),
        ("asyncio.open_connection", asyncio.open_connection, "asyncio.streams"),
    )
    for name, thing, home in originals:
        if getattr(thing, "__module__", home) not in {home, f"_{home}"}:
            yield f"{name} is replaced"


def _doubled(config: pytest.Config) -> Iterator[str]:
    paths = [argument.split("::", maxsplit=1)[0].rstrip("/") for argument in config.args]
    if len(set(paths)) != len(paths):
        yield "a path typed twice"
    if any("::" in argument for argument in config.args):
        yield "a single test picked with ::"


def _variables(environ: Mapping[str, str]) -> Iterator[str]:
    yield from (name for name in _PYTHON if environ.get(name))
    for name, value in environ.items():
        if value and (name.lower() in _PROXIES or name in _TLS):
            yield name


def _ini(config: pytest.Config, name: str) -> object:
    try:
        return config.getini(name)
    except (KeyError, ValueError):
        return None
