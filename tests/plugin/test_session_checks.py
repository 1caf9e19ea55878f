"""What does not belong into a live run is found: each stub of the wire, each variable, each replaced part of Python."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import types

import pytest

from pytest_paygate.plugin.session_checks import findings

STUBS = (
    "respx", "pytest_httpx", "vcr", "responses", "requests_mock", "httpretty", "pook", "mocket", "aioresponses",
    "betamax", "pyfakefs", "freezegun", "time_machine", "pytest_socket",
)  # fmt: skip
VARIABLES = (
    "PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "http_proxy",
    "HTTPS_PROXY", "All_Proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "OPENSSL_CONF",
)  # fmt: skip
PARTS = (
    (socket, "socket", "socket.socket"),
    (socket, "create_connection", "socket.create_connection"),
    (socket, "getaddrinfo", "socket.getaddrinfo"),
    (ssl, "SSLContext", "ssl.SSLContext"),
    (asyncio, "open_connection", "asyncio.open_connection"),
)


@pytest.fixture
def found(pytestconfig, monkeypatch):
    """What is found beyond what this very session has; no stub is imported, whoever else has one."""
    for name in STUBS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    usual = set(findings(pytestconfig, {}))

    def look(environ=None):
        return [one for one in findings(pytestconfig, environ or {}) if one not in usual]

    return look


def test_an_ordinary_session_has_nothing_more(found):
    """The same session twice: nothing new, whatever harmless variables are set."""
    assert found({"HOME": "/home/ann", "LANG": "C", "PYTHONPATH": "src", "HTTPS_PROXY": ""}) == []


@pytest.mark.parametrize("name", STUBS)
def test_a_library_that_answers_in_the_wire_s_place_is_found(name, found, monkeypatch):
    """Being imported is enough: a test double that was left in would let a gate pass on made-up answers."""
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    assert found() == [f"{name} is imported"]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_bends_the_session_is_found(name, found):
    """Proxies, certificates, key logs and whatever makes Python or pytest something else, in any spelling of its own."""
    assert found({name: "1"}) == [name]


@pytest.mark.parametrize(("module", "name", "told"), PARTS, ids=[told for _, _, told in PARTS])
def test_a_replaced_part_of_python_is_found(module, name, told, found, monkeypatch):
    """Whoever puts something in the place of a socket or of TLS is found without being known by name."""
    monkeypatch.setattr(module, name, lambda *_: None)
    assert found() == [f"{told} is replaced"]


def test_a_time_limit_of_the_session_is_found(found, pytestconfig, monkeypatch):
    """It ends the session between two rows: after the charge, before its refund."""
    monkeypatch.setattr(pytestconfig.option, "session_timeout", 600.0)
    assert found() == ["--session-timeout"]


def test_pytest_s_own_trace_is_found(found, pytestconfig, monkeypatch):
    """It writes what every hook is called with, exceptions among it, into a file that nothing reduces."""
    monkeypatch.setattr(pytestconfig.option, "debug", "pytestdebug.log")
    assert found() == ["--debug"]
