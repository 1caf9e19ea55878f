"""Times the whole gate against a running sandbox beside a bash, curl and jq walkthrough of the same steps, in pairs.

Run it as `python benchmarks/gate_against_script.py [pairs]`. Nothing settles late by default; with `--late` the order
completes 1.3 s after the payment, and the script polls once a second as such scripts do. Prints one JSON line each:
medians in milliseconds, the ratio pair by pair, and what the gate itself adds between its first and last request.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAIRS = 9
LATE_SECONDS = 1.3


def sandbox(delay_seconds: float) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start `paygate sandbox` as a process of its own and return it with its description."""
    command = [sys.executable, "-m", "pytest_paygate.cli", "sandbox", "--json", "--environment", "staging"]
    command += ["--port-base", "0", "--delay", f"marketplace.completion={delay_seconds}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def settings(folder: Path, description: dict[str, str]) -> dict[str, str]:
    """Write a project whose staging environment is that sandbox; returns the environment variables it refers to."""
    (folder / "suites").symlink_to(ROOT / "suites")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = session\naddopts = --import-mode=importlib\n"
    )
    (folder / "paygate.toml").write_text(
        f"""
[env.staging]
mode = "staging"
base_url = "{description["api_url"]}"
payer = "http"
database = "env:B_DSN"
values.buyer_email = "{description["buyer_email"]}"
values.operator_email = "{description["buyer_email"]}"
values.product_id = "{description["test_product_id"]}"
secrets = {{ buyer_password = "env:B_PASSWORD" }}
providers.hyperswitch = {{ base_url = "{description["hyperswitch_url"]}", key = "env:B_HYPERSWITCH" }}
providers.stripe = {{ base_url = "{description["stripe_url"]}", key = "env:B_STRIPE" }}
"""
    )
    return {
        "B_DSN": description["marketplace_read_only_dsn"],
        "B_PASSWORD": description["buyer_password"],
        "B_HYPERSWITCH": description["hyperswitch_api_key"],
        "B_STRIPE": description["stripe_secret_key"],
    }


def timed(command: list[str], folder: Path, env: dict[str, str], stdin: str = "") -> float:
    """Milliseconds of one process; it must succeed."""
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, input=stdin, capture_output=True, text=True, check=False
    )
    elapsed = (time.perf_counter() - begun) * 1000
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return elapsed


def added_ms(folder: Path) -> tuple[float, float]:
    """First to last request of the newest run in milliseconds, and how much of that was not waiting for an answer."""
    journal = max(folder.glob("reports/e2e/*/journal.jsonl"))
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    calls = [entry for entry in entries if entry["event"]["kind"] in {"exchange", "query"}]
    stamps = [datetime.fromisoformat(entry["at"]).timestamp() * 1000 for entry in calls]
    waited = sum(entry["event"]["elapsed_ms"] for entry in calls)
    held = sum(e["event"]["waited_seconds"] * 1000 for e in entries if e["event"]["kind"] == "hold_closed")
    span = stamps[-1] - stamps[0] + calls[0]["event"]["elapsed_ms"]
    return span, span - waited - held


def compare(pairs: int, delay_seconds: float) -> dict[str, object]:
    """Run script and gate in turn and compare them pair by pair."""
    process, description = sandbox(delay_seconds)
    gate = [sys.executable, "-m", "pytest", "suites/e2e", "-q", "--env=staging", "--refund", "-p", "no:cacheprovider"]
    gate += ["-p", "no:randomly", "-p", "no:sugar", "-p", "no:rerunfailures"]
    script = ["bash", str(ROOT / "benchmarks" / "walkthrough.sh")]
    figures: list[tuple[float, float]] = []
    spans: list[tuple[float, float]] = []
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            env = settings(folder, description)
            for index in range(pairs + 1):
                by_script = timed(script, folder, {}, json.dumps(description))
                by_gate = timed(gate, folder, env)
                # The first pair warms caches.
                if index:
                    figures.append((by_script, by_gate))
                    spans.append(added_ms(folder))
    finally:
        process.terminate()
        process.wait(20)
    figures_of_the_pair = {
        "benchmark": "gate_against_script",
        "completes_after_seconds": delay_seconds,
        "pairs": pairs,
        "script_ms_median": round(statistics.median(one for one, _ in figures)),
        "gate_ms_median": round(statistics.median(two for _, two in figures)),
        "ratio_gate_to_script_median": round(statistics.median(two / one for one, two in figures), 2),
        "first_to_last_request_ms_median": round(statistics.median(span for span, _ in spans)),
    }
    # With something to wait for, the time between requests is mostly the wait itself.
    if not delay_seconds:
        figures_of_the_pair["added_by_the_gate_ms_median"] = round(statistics.median(added for _, added in spans))
    return figures_of_the_pair


def main() -> None:
    """Measure with nothing to wait for, then with a late completion."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    pairs = numbers[0] if numbers else PAIRS
    for delay_seconds in (0.0, LATE_SECONDS):
        print(json.dumps(compare(pairs, delay_seconds)))


if __name__ == "__main__":
    main()
