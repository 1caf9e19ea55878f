"""A real Prometheus on loopback: filled from OpenMetrics text by promtool, or scraping a page of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

READY_SECONDS = 30.0


def found(name: str) -> str:
    """The program on PATH; in CI its absence is a failure."""
    path = shutil.which(name)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{name} is not on PATH: CI installs the Debian package `prometheus`")
    if path is None:
        pytest.skip(f"{name} is not on PATH: install Prometheus to run these tests")
    return path


def open_metrics(series: dict[str, Iterable[tuple[datetime, float]]]) -> str:
    """OpenMetrics text of gauges: each key a name with labels, like `up{service="a1"}`."""
    by_name: dict[str, list[str]] = {}
    for key, points in series.items():
        lines = by_name.setdefault(key.partition("{")[0], [])
        lines += [f"{key} {value!r} {at.timestamp():.3f}" for at, value in points]
    text = [f"# TYPE {name} gauge\n" + "\n".join(lines) for name, lines in by_name.items()]
    return "\n".join([*text, "# EOF", ""])


@contextmanager
def serving(folder: Path, *, backfill: str = "", scrape: str = "") -> Iterator[str]:
    """Run Prometheus in a folder until the block ends; gives its base URL.

    Args:
        folder: for its data and its configuration.
        backfill: OpenMetrics text that its storage begins with.
        scrape: its `scrape_configs`, YAML.
    """
    program, tool = found("prometheus"), found("promtool")
    data = folder / "data"
    if backfill:
        (folder / "backfill.txt").write_text(backfill)
        command = [tool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "backfill.txt"), str(data)]
        subprocess.run(command, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text(f"scrape_configs: {scrape or '[]'}\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    arguments = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/-/ready", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("Prometheus did not become ready")
