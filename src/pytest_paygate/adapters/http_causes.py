"""What an exception of httpx means: which word the journal keeps for it.

Pure. Only what happens before a connection stands proves that nothing was sent.
"""

from __future__ import annotations

import socket
import ssl

import httpx

from pytest_paygate.adapters.http_failures import Failure


def failure_of(error: BaseException, *, answered: bool) -> Failure:
    """The journal's word for an exception of httpx; `answered` says whether a status line had arrived."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return Failure.CONNECT_TIMEOUT
        case httpx.ConnectError():
            return _connect_failure(error)
        case httpx.ReadError() | httpx.WriteError() | httpx.RemoteProtocolError():
            return Failure.CUT_SHORT if answered else Failure.RESET
        case _:
            return Failure.TRANSPORT_ERROR


def _connect_failure(error: BaseException) -> Failure:
    """Look for the reason below httpx's wrappers; all of these happen before a byte of the request leaves."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Failure.TLS_ERROR
        if isinstance(cause, socket.gaierror):
            return Failure.NAME_NOT_RESOLVED
        cause = cause.__cause__ or cause.__context__
    return Failure.CONNECT_ERROR
