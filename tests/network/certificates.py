"""Certificates that must not be accepted, made with the `openssl` command: unknown, expired, another host's."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:{host}
"""


@dataclass(frozen=True)
class Certificate:
    """A server's certificate. `trusted` is the file a client would have to trust to get as far as its other faults."""

    context: ssl.SSLContext
    trusted: Path | None


def certificates(folder: Path) -> dict[str, Certificate]:
    """One certificate for each way to be wrong."""
    return {
        "an unknown authority": _made(folder / "unknown", "localhost", "20350101000000Z", trusted=False),
        "an expired certificate": _made(folder / "expired", "localhost", "20250201000000Z", trusted=True),
        "another host's certificate": _made(folder / "other", "elsewhere.example", "20350101000000Z", trusted=True),
    }


def _made(folder: Path, host: str, until: str, *, trusted: bool) -> Certificate:
    folder.mkdir()
    key, request, certificate = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(CONFIGURATION.format(folder=folder, host=host))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", *curve, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={host}")
    dates = ("-startdate", "20250101000000Z", "-enddate", until)
    files = ("-keyfile", str(key), "-in", str(request), "-out", str(certificate))
    _openssl("ca", "-batch", "-config", str(folder / "ca.cnf"), "-selfsign", *files, *dates)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificate(context, certificate if trusted else None)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
