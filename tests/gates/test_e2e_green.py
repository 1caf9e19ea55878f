"""The e2e gate passes wherever it should: in-process, over a separate sandbox, from the wheel, with Chromium paying."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.gate_runs import ROOT, copy_gate, run_gate

NINE = ["login", "products", "order", "pay", "completed", "licence", "transfer", "refund", "reversal"]
FILES = {
    "attestation.json",
    "evidence.json",
    "gate.toml",
    "journal.jsonl",
    "manifest.json",
    "report.html",
    "report.md",
    "session.log",
}


def assert_whole(result):
    """Nine rows and five checks passed with evidence, and every file of a run is there."""
    assert result.exit_code == 0, result.output
    assert result.evidence["verdict"] == "PASS"
    assert [row["id"] for row in result.evidence["rows"] if not row["number"].startswith("P")] == NINE
    assert set(result.statuses.values()) == {"PASS"}
    assert all(row["facts"] for row in result.evidence["rows"])
    assert {path.name for path in result.folder.iterdir()} >= FILES


def test_green_on_the_embedded_sandbox(tmp_path):
    """Without any flag the gate passes on the embedded sandbox and leaves reports and index pages."""
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", measured=True)

    assert_whole(result)
    assert result.output.rstrip().splitlines()[-1].endswith("journal.jsonl")
    assert (tmp_path / "reports" / "go-no-go.md").read_text().count("PENDING")
    assert (tmp_path / "reports" / "go-no-go.html").is_file()
    assert result.folder.name in (tmp_path / "reports" / "e2e" / "sessions.md").read_text()


def test_green_with_chromium_paying(tmp_path):
    """A real browser pays on the hosted page."""
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", "--payer=browser")

    assert_whole(result)
    assert "answered by payer:browser" in (result.folder / "session.log").read_text()


def test_green_under_xdist(tmp_path):
    """Under -n 2 the gate runs whole on one worker and writes one run."""
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", "-n", "2")

    assert_whole(result)
    assert len(list((tmp_path / "reports" / "e2e").glob("*/journal.jsonl"))) == 1


def test_green_under_the_oldest_supported_pytest(tmp_path):
    """The gate passes under the oldest pytest and pytest-asyncio the package allows."""
    python = os.environ.get("PAYGATE_OLDEST_PYTHON")
    if python is None:
        pytest.skip("PAYGATE_OLDEST_PYTHON is not set: `make test` makes that environment and sets it")
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", python=python)

    assert_whole(result)
    assert "pytest-9.0.3" in result.output


def test_green_as_a_plain_user():
    """The gate needs no privilege: run as an unprivileged user (when this suite is root, as `nobody`) it passes."""
    home = Path("/tmp") / f"paygate-plain-{os.getpid()}"  # noqa: S108 - pytest's own folders are closed to other users
    home.mkdir(mode=0o700)
    copy_gate(home)
    prefix = ()
    if os.geteuid() == 0:
        for path in [home, *home.rglob("*")]:
            os.chown(path, 65534, 65534)
        # The interpreter may stand below root's closed home: the user may read everything, and nothing more.
        may_read = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *may_read)

    result = run_gate(
        home,
        "suites/e2e",
        env={"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home)},
        prefix=prefix,
    )

    assert_whole(result)
    assert result.folder.stat().st_uid != 0
    shutil.rmtree(home)


@pytest.fixture
def separate_sandbox():
    """A `paygate sandbox` process of its own that calls itself staging."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest_paygate.cli",
            "sandbox",
            "--json",
            "--environment",
            "staging",
            "--port-base",
            "0",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    yield json.loads(line)
    process.terminate()
    process.wait(20)
    process.stdout.close()


def staging(folder, description, *, database=True, payer="http", **changes):
    """Write a paygate.toml that points at a separate sandbox, and return the secrets it refers to."""
    values = {
        "base_url": description["api_url"],
        "hyperswitch": description["hyperswitch_url"],
        "stripe": description["stripe_url"],
        "password": "env:T_PASSWORD",
        **changes,
    }
    (folder / "paygate.toml").write_text(
        f"""
[env.staging]
mode = "staging"
base_url = "{values["base_url"]}"
payer = "{payer}"
{'database = "env:T_DSN"' if database else ""}
[env.staging.values]
buyer_email = "{description["buyer_email"]}"
operator_email = "{description["buyer_email"]}"
product_id = "{description["test_product_id"]}"
[env.staging.secrets]
buyer_password = "{values["password"]}"
[env.staging.providers.hyperswitch]
base_url = "{values["hyperswitch"]}"
key = "env:T_HYPERSWITCH"
[env.staging.providers.stripe]
base_url = "{values["stripe"]}"
key = "env:T_STRIPE"
account = "{description["stripe_account_id"]}"
"""
    )
    return {
        "T_DSN": description["marketplace_read_only_dsn"],
        "T_PASSWORD": description["buyer_password"],
        "T_WRONG": "not-the-password",
        "T_HYPERSWITCH": description["hyperswitch_api_key"],
        "T_STRIPE": description["stripe_secret_key"],
    }


def test_green_over_a_separate_sandbox(tmp_path, separate_sandbox):
    """A staging environment pointing at a sandbox in another process passes; its ledger shows one charge, refunded."""
    copy_gate(tmp_path)

    result = run_gate(
        tmp_path, "suites/e2e", "--env=staging", "--refund", env=staging(tmp_path, separate_sandbox), measured=True
    )

    assert_whole(result)
    assert result.evidence["mode"] == "staging"
    assert "STAGING" in (result.folder / "report.html").read_text()
    entries = httpx.get(f"{separate_sandbox['control_url']}/_sandbox/ledger", trust_env=False).json()["entries"]
    kinds = [entry["kind"] for entry in entries]
    assert kinds.count("charge") == 1
    assert kinds.count("refund") == 1


def test_refund_rows_are_opt_in_on_staging(tmp_path, separate_sandbox):
    """Without --refund a staging run leaves the refund rows out, says so, and is CONDITIONAL (21)."""
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", "--env=staging", env=staging(tmp_path, separate_sandbox))

    assert result.exit_code == 21, result.output
    assert result.statuses["refund"] == result.statuses["reversal"] == "SKIPPED"


def test_without_a_dsn_row_seven_is_pending(tmp_path, separate_sandbox):
    """Without a DSN and without a person, row 7 is PENDING and the run exits 20; everything else passes."""
    copy_gate(tmp_path)
    secrets = staging(tmp_path, separate_sandbox, database=False)

    result = run_gate(tmp_path, "suites/e2e", "--env=staging", "--refund", env=secrets)

    assert result.exit_code == 20, result.output
    assert result.statuses["transfer"] == "PENDING"
    assert result.red_rows() == ["transfer"]


def test_wrong_password_fails_the_login_row(tmp_path, separate_sandbox):
    """A wrong password is a FAIL of row 1 with 401 observed; nothing is bought."""
    copy_gate(tmp_path)
    secrets = staging(tmp_path, separate_sandbox, password="env:T_WRONG")

    result = run_gate(tmp_path, "suites/e2e", "--env=staging", "--refund", env=secrets)

    assert result.exit_code == 1
    assert result.red_rows() == ["login"]
    assert "not-the-password" not in result.output
    assert result.statuses["order"] == "BLOCKED"


def test_unreachable_target_fails_preflight(tmp_path, separate_sandbox):
    """A target nobody answers at is a red pre-flight with a refusal that says so; nothing else runs."""
    copy_gate(tmp_path)
    secrets = staging(tmp_path, separate_sandbox, base_url="http://127.0.0.1:9/api/v1")

    result = run_gate(tmp_path, "suites/e2e", "--env=staging", "--refund", env=secrets)

    assert result.exit_code == 1
    assert result.red_rows() == ["health"]
    assert "No money moved." in result.output


def test_rejected_provider_key_fails_before_anything_is_bought(tmp_path, separate_sandbox):
    """A provider key that is refused fails pre-flight, and the refusal says that no money moved."""
    copy_gate(tmp_path)
    secrets = {**staging(tmp_path, separate_sandbox), "T_STRIPE": "sk_test_wrong"}

    result = run_gate(tmp_path, "suites/e2e", "--env=staging", "--refund", env=secrets)

    assert result.exit_code == 1
    assert result.red_rows() == ["account"]
    assert "No money moved." in result.output
    assert "sk_test_wrong" not in result.output


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree and unpacked by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    site = folder / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(built),
        ],
        check=True,
        capture_output=True,
    )
    return site


def test_green_from_the_wheel_in_an_empty_folder(tmp_path, wheel):
    """The wheel alone carries plugin and suites: in an empty folder the gate passes."""
    result = run_gate(
        tmp_path, "--pyargs", "pytest_paygate.suites.e2e", "--paygate-reports=reports", env={"PYTHONPATH": str(wheel)}
    )

    # Only an installed package has `pytest_paygate.suites`: in a checkout the suites lie beside the sources.
    assert_whole(result)


def test_the_wheel_is_what_runs(wheel):
    """The installed package, its suites, templates and type marker come from the wheel."""
    package = wheel / "pytest_paygate"
    assert (package / "py.typed").is_file()
    assert (package / "suites" / "e2e" / "gate.toml").is_file()
    assert (package / "suites" / "e2e" / "RUNBOOK.md").is_file()
    assert (package / "renderers" / "templates" / "report.html").is_file()
    found = subprocess.run(
        [sys.executable, "-c", "import pytest_paygate; print(pytest_paygate.__file__)"],
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip().startswith(str(wheel))
