"""`paygate doctor` against real things that are wrong: each is named with its fix, and nothing is written or moved."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.adapters.store_postgres import PostgresStore
from pytest_paygate.checks.setup import LINES, Level
from pytest_paygate.cli import doctor as doctoring
from pytest_paygate.cli import doctor_local, doctor_remote, paygate
from pytest_paygate.cli.project import open_project
from pytest_paygate.core.events import Mode
from pytest_paygate.core.live_ports import ExposureRecord
from pytest_paygate.core.money import Money
from pytest_paygate.core.secret import Secret
from tests.newcomer.wrong_targets import JSON, PAGE, target

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "doctor.md"
LIVE_KEY = "sk_live_" + "a1B2" * 6


def doctor(*arguments):
    """Its exit code and its lines, keyed by name and subject."""
    done = CliRunner().invoke(paygate, ["doctor", "--json", *arguments], prog_name="paygate")
    found = json.loads(done.output)
    assert found["ok"] is (done.exit_code == 0)
    return done.exit_code, {f"{line['name']} {line['subject']}".strip(): line for line in found["lines"]}


def asked():
    """What the part that asks others finds of `staging`, and whether a line of it failed: the same without a browser."""
    project = open_project()
    looked = doctoring.declared_environment(project, "staging")
    keys = list(doctor_remote.key_lines(looked.environment))
    found = [*looked.lines, *keys, *asyncio.run(doctor_remote.remote_lines(looked.environment, keys))]
    found.append(asyncio.run(doctor_remote.exposure_line(project, looked.environment)))
    lines = {f"{line.name} {line.subject}".strip(): asdict(line) for line in found}
    return int(bool(failing(lines))), lines


def failing(lines):
    """The names of what failed; each has a fix."""
    wrong = {name for name, line in lines.items() if line["level"] == "fail"}
    assert all(line["fix"] for line in lines.values() if line["level"] != "ok")
    return wrong


def files(folder):
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_the_embedded_world_is_well(tmp_path, monkeypatch):
    """In an empty folder the sandbox starts, answers, and nothing fails; nothing is written."""
    monkeypatch.chdir(tmp_path)
    code, lines = doctor()
    assert code == 0, lines
    assert failing(lines) == set()
    assert lines["settings"]["level"] == "warn"
    ok = {"python", "plugin", "options", "sandbox", "target", "database", "account stripe", "account hyperswitch"}
    assert {name for name in ok if lines[name]["level"] == "ok"} == ok
    assert files(tmp_path) == set()


def test_staging_is_well(staged):
    """A running sandbox as staging: no line fails, nothing is written, and nothing was created at the provider."""
    before = files(staged.folder)
    code, lines = doctor("--env", "staging")
    assert code == 0, lines
    assert lines["secrets"]["seen"] == "5 references lead to a secret"
    assert lines["account stripe"]["seen"] == staged.description.stripe_account_id
    assert lines["exposure"]["level"] == "ok"
    assert files(staged.folder) == before


def test_a_dsn_that_can_write(staged, monkeypatch):
    """The owner of the tables is no reader."""
    monkeypatch.setenv("PAYGATE_LOCAL_DATABASE", staged.description.marketplace_dsn)
    code, lines = doctor("--env", "staging")
    assert code == 1
    assert failing(lines) == {"database"}
    assert re.match(r"the role (can write to|is a superuser)", lines["database"]["seen"])
    assert "SELECT" in lines["database"]["fix"]


def test_a_role_with_one_column_to_write(staged, monkeypatch):
    """A single column of a single table is enough to be named."""
    with psycopg.connect(staged.description.marketplace_dsn, autocommit=True) as owner:
        name = owner.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE tableowner = current_user AND schemaname NOT LIKE 'pg_%' LIMIT 1"
        ).fetchone()[0]
        schema, table = name.split(".")
        column = owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s LIMIT 1",
            (schema, table),
        ).fetchone()[0]
        role = psycopg.conninfo.conninfo_to_dict(staged.description.marketplace_read_only_dsn)["user"]
        owner.execute(f'GRANT UPDATE ("{column}") ON {name} TO "{role}"')
        try:
            _, lines = asked()
        finally:
            owner.execute(f'REVOKE UPDATE ("{column}") ON {name} FROM "{role}"')
    assert failing(lines) == {"database"}
    assert lines["database"]["seen"] == f"the role can write to {name}"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("pk_test_" + "a" * 24, "a publishable key, where an API key belongs"),
        ("whsec_" + "a" * 24, "a webhook signing secret, where an API key belongs"),
        (LIVE_KEY, "a secret key, live mode, in an environment declared staging: real money"),
    ],
    ids=["publishable", "webhook", "live"],
)
def test_a_key_of_the_wrong_kind_is_named_and_never_sent(staged, monkeypatch, key, said):
    """Wrong kind or mode: the line says which, the provider is not asked, the key is not shown."""
    monkeypatch.setenv("PAYGATE_LOCAL_STRIPE_KEY", key)
    seen: list[str] = []
    with target({"*": JSON}, seen=seen) as url:
        staged.change(staged.description.stripe_url, url)
        code, lines = asked()
    assert code == 1
    assert failing(lines) == {"keys stripe"}
    assert lines["keys stripe"]["seen"] == said
    assert seen == []
    assert "account stripe" not in lines
    assert key not in json.dumps(lines)


def test_a_key_that_is_not_accepted(staged, monkeypatch):
    """A test key of somebody else is the provider's to refuse; the line repeats no part of it."""
    key = "sk_test_" + "Z9" * 12
    monkeypatch.setenv("PAYGATE_LOCAL_STRIPE_KEY", key)
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"account stripe"}
    assert key not in json.dumps(lines)


def test_another_account_than_the_pinned_one(staged):
    """The provider's own object says whose key it is."""
    staged.change(staged.description.stripe_account_id, "acct_1SomebodyElse")
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"account stripe"}
    assert (
        lines["account stripe"]["seen"] == f"{staged.description.stripe_account_id}, and acct_1SomebodyElse is pinned"
    )


def test_a_target_that_answers_pages(staged):
    """HTML is a page for people, whatever its status."""
    with target({"*": PAGE}) as url:
        staged.change(staged.description.api_url, url)
        code, lines = asked()
    assert code == 1
    assert failing(lines) == {"target"}
    assert lines["target"]["seen"] == "answers HTML, status 200"
    assert "/api/v1" in lines["target"]["fix"]


def test_a_target_without_a_health_address(staged):
    """JSON at the base URL is an answer too."""
    with target({"/": JSON}) as url:
        staged.change(staged.description.api_url, url)
        code, lines = asked()
    assert code == 0
    assert lines["target"]["seen"] == "answers JSON, status 200"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://no-such-host.invalid/api", "the host name does not resolve"),
        ("http://127.0.0.1:9/api", "nothing accepts connections there"),
    ],
    ids=["name", "port"],
)
def test_a_target_that_is_not_there(staged, url, said):
    """A host that does not resolve, a port where nobody listens: the cause is told, the other lines stay."""
    staged.change(staged.description.api_url, url)
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"target"}
    assert said in lines["target"]["seen"]
    assert lines["database"]["level"] == "ok"


@pytest.mark.parametrize("ahead_seconds", [300, -300])
def test_a_clock_that_is_off(staged, ahead_seconds):
    """Five minutes either way are told with their sign, by the target's own Date."""
    with target({"*": JSON}, ahead_seconds=ahead_seconds) as url:
        staged.change(staged.description.api_url, url)
        code, lines = asked()
    assert code == 1
    assert failing(lines) == {"clock target"}
    assert int(lines["clock target"]["seen"].removesuffix(" s")) == pytest.approx(-ahead_seconds, abs=3)


def test_the_webhook_endpoint(staged):
    """The sandbox's own endpoint refuses a GET and is there; one that breaks is told; it is only ever read."""
    url = f"{staged.description.marketplace_url}/webhooks/hyperswitch"
    staged.change("[env.staging]\n", f'[env.staging]\nwebhook_url = "{url}"\n')
    _, lines = asked()
    assert lines["webhook"]["seen"] == "answers status 405"
    assert lines["webhook"]["level"] == "ok"
    seen: list[str] = []
    with target({"*": (503, "text/plain", b"")}, seen=seen) as broken:
        staged.change(url, f"{broken}/hook")
        code, lines = asked()
    assert code == 1
    assert failing(lines) == {"webhook"}
    assert {one.split()[0] for one in seen} == {"GET"}


def test_open_exposure(staged):
    """A run that the store knows as open is named, with the command that closes it."""
    store = FileStore(staged.folder / "reports" / ".live")
    opened = ExposureRecord("run-1", "staging", "e2e", "E2E-1-a", Money(500, "EUR"), datetime.now(UTC))
    asyncio.run(store.open_exposure(opened))
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"exposure"}
    assert "run-1" in lines["exposure"]["seen"]
    assert lines["exposure"]["fix"] == "Run `paygate recover --env staging`."


def test_the_shared_store_is_read_and_not_made(staged, monkeypatch):
    """With a store for several machines nothing is created in it, and what it knows as open is named."""
    dsn = staged.description.fleet_dsn
    monkeypatch.setenv("T_STORE", dsn)
    path = staged.folder / "paygate.toml"
    path.write_text(f'[store]\ndsn = "env:T_STORE"\n{path.read_text()}')
    code, lines = asked()
    assert code == 0, lines
    with psycopg.connect(dsn) as looking:
        assert looking.execute("SELECT to_regclass('paygate.exposures')").fetchone() == (None,)

    async def note():
        store = PostgresStore(Secret(dsn))
        await store.open_exposure(
            ExposureRecord("run-2", "staging", "e2e", "E2E-1-a", Money(500, "EUR"), datetime.now(UTC))
        )
        await store.aclose()

    asyncio.run(note())
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"exposure"}
    assert "run-2" in lines["exposure"]["seen"]


def test_a_sandbox_that_is_not_running(staged):
    """References to a running sandbox are told as what they are, with the command that starts one."""
    staged.change('key = "env:PAYGATE_LOCAL_STRIPE_KEY"', 'key = "sandbox:stripe_secret_key"')
    staged.change('payer = "http"', 'payer = "http"\nsandbox = "http://127.0.0.1:9"')
    code, lines = asked()
    assert code == 1
    assert failing(lines) == {"secrets"}
    assert "no sandbox answers" in lines["secrets"]["seen"]
    assert "paygate sandbox" in lines["secrets"]["fix"]


def test_variables_that_are_not_set(staged, monkeypatch):
    """Each missing variable is a line of its own, and the target is looked at all the same."""
    monkeypatch.delenv("PAYGATE_LOCAL_STRIPE_KEY")
    monkeypatch.delenv("PAYGATE_LOCAL_DATABASE")
    code, lines = doctor("--env", "staging")
    assert code == 1
    assert failing(lines) == {"secrets env.staging.database", "secrets env.staging.providers.stripe.key"}
    assert "PAYGATE_LOCAL_DATABASE is not set" in lines["secrets env.staging.database"]["seen"]
    assert lines["target"]["level"] == "ok"


def test_a_key_file_that_others_can_read(staged):
    """A file behind a reference is for its owner only; once it is, the line is green."""
    secret = staged.folder / "stripe.txt"
    secret.write_text(staged.description.stripe_secret_key)
    secret.chmod(0o644)

    def key_files():
        project = open_project()
        return list(doctor_local.key_file_lines(project, "staging", project.settings.env["staging"]))

    staged.change('key = "env:PAYGATE_LOCAL_STRIPE_KEY"', 'key = "cmd:cat stripe.txt"')
    (line,) = key_files()
    assert line.level is Level.FAIL
    assert line.subject == "env.staging.providers.stripe.key"
    assert line.seen == "stripe.txt has mode 0644"
    assert line.fix == f"chmod 600 {secret}"
    secret.chmod(0o600)
    (line,) = key_files()
    assert line.level is Level.OK


def session(folder):
    """What pytest says of a session there, by name."""
    return {line.name: line for line in doctor_local.session_lines(folder, "", Mode.STAGING)}


def test_what_pytest_itself_says(staged):
    """Options that repeat or drop tests, somebody else's --env, and a conftest that breaks, as pytest sees them."""
    (staged.folder / "pytest.ini").write_text("[pytest]\naddopts = -n 2 -k nothing --lf\n")
    (staged.folder / "conftest.py").write_text(
        'def pytest_addoption(parser):\n    parser.addoption("--env")\n    parser.addoption("--live")\n'
    )
    lines = session(staged.folder)
    assert lines["session"].level is Level.WARN
    assert {"-n", "-k", "--lf"} <= set(lines["session"].seen.split(", "))
    assert lines["options"].seen == "somebody else's here: --env, --live"
    assert lines["options"].fix == "Type --paygate-env, --paygate-live."


def test_a_conftest_that_breaks(staged):
    """Where pytest does not start, its own first word is told, and no other line is guessed."""
    (staged.folder / "conftest.py").write_text("raise RuntimeError('broken here')\n")
    lines = session(staged.folder)
    assert set(lines) == {"plugin"}
    assert lines["plugin"].level is Level.FAIL
    assert lines["plugin"].seen.startswith("pytest does not start here: ")


def test_a_plugin_that_is_switched_off(staged):
    """Without the plugin there is no gate, whatever else is right."""
    (staged.folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:paygate\n")
    assert session(staged.folder)["plugin"].seen == "pytest does not load it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[env.staging]\nmode = "staging"\n', "env.staging.base_url: is missing"),
        ('[env.live]\nmode = "live"\nbase_url = "https://h"\n', "--env=staging: is not a known environment"),
    ],
    ids=["half written", "another name"],
)
def test_settings_that_are_wrong(staged, text, said):
    """A settings file that cannot be used is the one line that fails; the machine is looked at all the same."""
    (staged.folder / "paygate.toml").write_text(text)
    code, lines = doctor("--env", "staging")
    assert code == 1
    assert failing(lines) == {"settings"}
    assert said in lines["settings"]["seen"]
    assert lines["sandbox"]["level"] == "ok"


def test_the_text_has_a_fix_for_every_line_that_is_not_ok(staged):
    """What a person reads: a line each, the fix below it, and the count at the end."""
    with target({"*": PAGE}) as url:
        staged.change(staged.description.api_url, url)
        done = CliRunner().invoke(paygate, ["doctor", "--env", "staging"], prog_name="paygate")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    index = next(index for index, line in enumerate(lines) if line.startswith("  fail  target "))
    assert lines[index + 1].strip().startswith("fix: base_url leads to a page for people")
    assert re.fullmatch(r"staging: \d+ ok, \d+ warn, 1 fail", lines[-1])


def test_every_name_is_documented():
    """The reference has a row for each name a program may rely on, and no other."""
    assert re.findall(r"^\| `([a-z_]+)` \|", REFERENCE.read_text(), re.MULTILINE) == list(LINES)
