"""What a plan is made of: which source each bound field comes from, and what is refused where one says too little."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.environment import ApprovalSettings, LivePolicy
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.plan import Bound
from pytest_paygate.exposure import planning
from tests.unit.exposure.live_stage import (
    ACCOUNT,
    COMMIT,
    COUNTED,
    FILE,
    GATE_SHA256,
    SUITE_SHA256,
    environment,
    gate,
    ruled,
    source,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 9, 15, 30, 987654, tzinfo=UTC)
BOUND = Bound(
    environment="prod",
    mode=Mode.LIVE,
    host="shop.example:8443",
    provider="stripe",
    account="acct_1",
    gate_id="shop",
    gate_sha256=GATE_SHA256,
    suite_sha256=SUITE_SHA256,
    commit=COMMIT,
    product="prod_1",
    currency="EUR",
    gross="EUR 5.00",
    tax="EUR 0.83",
    fee="EUR 0.33",
    cap_per_charge="EUR 6.00",
    cap_per_run="EUR 7.00",
    cap_per_day="EUR 12.00",
    policy="drive",
    acknowledged_by="rita",
    ground="the provider asks for it",
    refund="at the provider",
    approvals_required=1,
    unsigned_allowed=True,
    capacity="not counted",
)


def test_each_bound_field_has_its_source():
    """Settings, gate, project and the provider's account: every field of what is approved, exactly."""
    assert planning.bind(environment(), source(), ACCOUNT, file=FILE) == BOUND


@pytest.mark.parametrize(
    ("live", "counted", "changed"),
    [
        ({"acknowledgement": None}, False, {"acknowledged_by": "nobody", "ground": "none"}),
        ({"policy": LivePolicy.OBSERVE}, False, {"policy": "observe"}),
        (
            {"approval": ApprovalSettings(required=3, unsigned=False)},
            False,
            {"approvals_required": 3, "unsigned_allowed": False},
        ),
        ({"capacity": COUNTED}, False, {}),
        ({"capacity": COUNTED}, True, {"capacity": "25 charges in 30 d, pause below 5"}),
        ({"capacity": None}, True, {"capacity": "none is written"}),
    ],
)
def test_what_the_rules_say_is_bound(live, counted, changed):
    """Policy, who acknowledged it, how many approve, and the capacity where the gate counts its charges."""
    found = planning.bind(environment(live=ruled(**live)), source(counted=counted), ACCOUNT, file=FILE)
    assert found == BOUND.model_copy(update=changed)


@pytest.mark.parametrize("values", [{}, {"licence": ""}, {"other": "prod_2"}])
def test_a_product_that_is_not_named_is_refused(values):
    """Without the environment's value for what the gate buys there is no plan; word for word."""
    with pytest.raises(ConfigurationError) as refused:
        planning.bind(environment(values=values), source(), ACCOUNT, file=FILE)
    assert refused.value.refusal.text() == (
        "paygate.toml: env.prod.values.licence: is missing\n"
        "  expected  the product that the gate buys\n"
        "  observed  nothing\n"
        "  money     No money moved.\n"
        "  next      Add it to the environment."
    )


def test_an_environment_without_caps_is_refused():
    """Nothing may be charged where no caps are written; word for word, and with them they are what is written."""
    assert planning.caps_of(environment(), FILE) == ruled().caps
    with pytest.raises(ConfigurationError) as refused:
        planning.bind(environment(live=ruled(caps=None)), source(), ACCOUNT, file="other.toml")
    assert refused.value.refusal.text() == (
        "other.toml: env.prod.caps: are missing, and without them nothing may be charged\n"
        '  expected  per_charge, per_run and per_day, like "EUR 10.00"\n'
        "  observed  none\n"
        "  money     No money moved.\n"
        "  next      Write them; see docs/reference/paygate-toml.md."
    )


@pytest.mark.parametrize(("told", "named"), [((), "gate.toml"), (("mine.toml",), "mine.toml")])
def test_a_gate_that_buys_nothing_is_refused(told, named):
    """A gate without a purchase cannot be run live; word for word."""
    assert planning.purchase_of(gate()) is not None
    with pytest.raises(ConfigurationError) as refused:
        planning.purchase_of(gate().model_copy(update={"purchase": None}), *told)
    assert refused.value.refusal.text() == (
        f"shop/{named}: purchase: is missing, so this gate cannot be run live\n"
        "  expected  a table [purchase]: product, amount, tax, fee, ledger, payments, says_live, refund\n"
        "  observed  none\n"
        "  money     No money moved.\n"
        "  next      Write it; its keys are listed in docs/reference/gate-toml.md."
    )


def test_a_plan_has_four_hours_for_approval_and_eight_to_be_carried_out():
    """A new plan has its own nonce, who asks, and two deadlines, all in UTC and whole seconds."""
    plan, other = (planning.new_plan(BOUND, requester="ann", now=NOW) for _ in range(2))
    assert (plan.bound, plan.requester) == (BOUND, "ann")
    assert plan.created_at == "2026-11-21T09:15:30Z"
    assert plan.approve_by == "2026-11-21T13:15:30Z"
    assert plan.execute_by == "2026-11-21T17:15:30Z"
    assert len(plan.nonce) == 32
    assert plan.nonce != other.nonce


@pytest.mark.parametrize("mode", Mode)
def test_a_rehearsal_takes_the_whole_interlock(mode):
    """Live and rehearsal are live-like, and nothing else is."""
    assert planning.is_live_like(mode) is (mode in {Mode.LIVE, Mode.REHEARSAL})


def hashed(*files: tuple[str, bytes]) -> str:
    """The hash of a folder of these files, in this order."""
    digest = hashlib.sha256()
    for place, content in files:
        digest.update(place.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()


def test_a_changed_test_is_a_changed_gate(tmp_path):
    """Every file with its name, its length and its bytes is hashed, in the order of their names, folders walked into."""
    files = (("a/z.py", b"1"), ("gate.toml", b"[gate]\n"), ("test_b.py", b""), ("test_c.py", b"\xff\x00"))
    for place, content in reversed(files):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(content)
    assert planning.suite_sha256(tmp_path) == hashed(*files)
    (tmp_path / "test_b.py").rename(tmp_path / "test_d.py")
    assert planning.suite_sha256(tmp_path) == hashed(*files[:2], files[3], ("test_d.py", b""))


def test_what_python_and_editors_leave_behind_is_no_part_of_a_gate(tmp_path):
    """Caches and hidden files, at the top or below it, change nothing; the folder's own name may begin with a dot."""
    folder = tmp_path / ".gate"
    for place in ("__pycache__/a.pyc", "in/__pycache__/b.pyc", ".git/config", "in/.hidden", ".swp"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(b"x")
    (folder / "in" / "test_a.py").write_bytes(b"y")
    assert planning.suite_sha256(folder) == hashed(("in/test_a.py", b"y"))


@pytest.fixture(autouse=True)
def _git_of_its_own(monkeypatch, tmp_path):
    """No settings of this machine's user."""
    empty = tmp_path.with_name(f"{tmp_path.name}-gitconfig")
    empty.write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "operator-on-duty")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.test", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_named_whole_and_says_when_something_is_not_committed(tmp_path):
    """Forty digits whatever tags there are, `-dirty` with changes; outside of git, or without a folder, unknown."""
    assert planning.commit_of(tmp_path) == "unknown"
    assert planning.commit_of(tmp_path / "nowhere") == "unknown"
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "--message=one")
    git(tmp_path, "tag", "--annotate", "--message=v1", "v1")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert planning.commit_of(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert planning.commit_of(tmp_path) == f"{commit}-dirty"


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Another git on the PATH."""

    def put(text: str) -> None:
        path = tmp_path / "bin" / "git"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent))

    return put


@pytest.mark.parametrize(
    ("text", "commit", "requester"),
    [
        ("echo ' told '", "told", "told"),
        ("printf '%.100d' 0", "0" * 60, "0" * 100),
        ("echo", "unknown", "operator-on-duty"),
        ("echo told; exit 1", "unknown", "operator-on-duty"),
        ("echo told >&2", "unknown", "operator-on-duty"),
        ('echo "$PWD"', None, None),
    ],
)
def test_what_git_says_is_taken_only_from_one_that_ended_well(tmp_path, script, text, commit, requester):
    """Trimmed, a commit cut after 60 characters; nothing said, or a failure, is no answer. Git runs in the project."""
    script(text)
    assert planning.commit_of(tmp_path) == (str(tmp_path)[:60] if commit is None else commit)
    assert planning.requester_of(tmp_path) == (str(tmp_path) if requester is None else requester)


def test_a_git_that_hangs_is_not_waited_for(tmp_path, script, monkeypatch):
    """Git has five seconds for either question; one that takes longer has said nothing."""
    given: list[object] = []
    real = subprocess.run

    def run(*arguments, timeout, **keywords):
        given.append(timeout)
        return real(*arguments, timeout=0.05, **keywords)

    script("exec /bin/sleep 9")
    monkeypatch.setattr(planning.subprocess, "run", run)
    assert planning.commit_of(tmp_path) == "unknown"
    assert planning.requester_of(tmp_path) == "operator-on-duty"
    assert given == [5, 5]


def test_who_asks_is_gits_address_of_the_project(tmp_path):
    """The project's own e-mail address; where git knows none, or there is no folder, the user's name."""
    assert planning.requester_of(tmp_path) == "operator-on-duty"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.email", "ann@example.test")
    assert planning.requester_of(tmp_path) == "ann@example.test"
    assert planning.requester_of(tmp_path / "nowhere") == "operator-on-duty"
