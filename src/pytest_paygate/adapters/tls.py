"""The TLS settings of every outgoing connection: verified, and blind to the environment.

A bare `SSLContext` on purpose: `ssl.create_default_context` obeys SSLKEYLOGFILE, and one variable would make every live
key readable from a packet capture.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi

from pytest_paygate.core.errors import configuration

if TYPE_CHECKING:
    from pathlib import Path


def context(ca_file: Path | None = None, *, needed: bool = True) -> ssl.SSLContext:
    """Return a client context that verifies certificate and host name against one CA file.

    Args:
        ca_file: PEM file of the trusted authorities; certifi's when None.
        needed: False skips loading authorities (some ten milliseconds) for a client that only talks plain HTTP;
            such a context trusts nobody.

    Raises:
        ConfigurationError: when `ca_file` cannot be read or holds no certificate.
        RuntimeError: when the context would write key material to a file.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if needed or ca_file is not None:
        try:
            made.load_verify_locations(cafile=certifi.where() if ca_file is None else str(ca_file))
        except (OSError, ssl.SSLError):
            raise configuration(
                "ca_file",
                "cannot be used",
                expected="a readable PEM file with at least one certificate",
                observed=str(ca_file),
                next_step="Correct ca_file in paygate.toml, or leave it out to trust the public authorities.",
            ) from None
    # typeshed calls it a text; it is None unless somebody set it.
    if getattr(made, "keylog_filename", None) is not None:
        raise RuntimeError("the TLS context would write its keys to a file")
    return made
