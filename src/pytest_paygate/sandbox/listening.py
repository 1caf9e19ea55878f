"""Loopback sockets for the sandbox's servers, bound before anything else starts.

Binding first means that every party can be told everybody's address, and that a taken port is found at once.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, fields

from pytest_paygate.sandbox.errors import SandboxError

HOST = "127.0.0.1"
PORT_MAX = 65_535
BASE_DEFAULT = 8460


@dataclass(frozen=True, slots=True)
class Ports:
    """One port for each server; 0 takes a free one."""

    marketplace: int = 0
    hyperswitch: int = 0
    stripe: int = 0
    control: int = 0
    a1: int = 0
    a2: int = 0
    a3: int = 0
    a4: int = 0
    a5: int = 0
    a6: int = 0
    a7: int = 0
    a8: int = 0

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """A port for each server, in a row starting at `base`; 0 gives free ones.

        Raises:
            SandboxError: when there are no such ports.
        """
        if base == 0:
            return cls()
        most = PORT_MAX - PORTS + 1
        if not 1024 <= base <= most:
            message = f"The sandbox was not started: port base {base} is not 0 or 1024 to {most}"
            raise SandboxError(message)
        return cls(*range(base, base + PORTS))


PORTS = len(fields(Ports))


def listen(ports: Ports) -> dict[str, socket.socket]:
    """Bind every port on 127.0.0.1.

    Returns:
        Bound sockets by server name; the caller closes them.

    Raises:
        SandboxError: when one is taken; none stays bound then.
    """
    bound: dict[str, socket.socket] = {}
    try:
        for name, port in asdict(ports).items():
            bound[name] = _bind(name, port)
    except SandboxError:
        close(bound)
        raise
    return bound


def close(sockets: dict[str, socket.socket]) -> None:
    """Close sockets that no server has taken over."""
    for one in sockets.values():
        with suppress(OSError):
            one.close()


def address(one: socket.socket) -> str:
    """The base URL of a bound socket."""
    return f"http://{HOST}:{one.getsockname()[1]}"


def _bind(name: str, port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's delay off only for sockets that name it: without it every
    # answer waits 40 ms for an acknowledgement.
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A sandbox restarted on fixed ports must not wait for the old connections' last minute.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((HOST, port))
        # Listening now, not only when the server runs: two sandboxes could otherwise both bind with SO_REUSEADDR.
        one.listen(128)
    except OSError as failure:
        one.close()
        message = (
            f"The sandbox was not started: port {port} on {HOST} ({name}) is not free ({failure.strerror});"
            " stop what uses it, or choose others with `paygate sandbox --port-base N` (0 takes free ones)"
        )
        raise SandboxError(message) from None
    return one
