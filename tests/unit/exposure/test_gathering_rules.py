"""Finding out what the interlock decides over: which source each fact comes from, and what is not known without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import capacity_rules
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.approval import Sufficient
from pytest_paygate.core.capacity import hash_of
from pytest_paygate.core.environment import ApprovalSettings
from pytest_paygate.core.errors import ConfigurationError, StoreError
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.interlock import InterlockFacts
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Account
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure.gathering import Gathered, LiveSession, capacity_refusal, gather
from tests.unit.core.test_exposure import ARMED
from tests.unit.exposure.live_runs import BUYING, HEALTH, SAYS, TRACE, Stage, row, stages, started, told
from tests.unit.exposure.live_stage import COUNTED, EUR_5, KEY, RULES, TODAY, environment, ruled, stripe

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _stages():
    """Whatever day it is here, the day that counts is the one in UTC."""
    with stages():
        yield


KNOWN = InterlockFacts(
    live_typed=True,
    confirm_typed=True,
    mode=Mode.LIVE,
    declared_live=True,
    target_says="live",
    keys={"stripe": "live", "hyperswitch": "live"},
    account_livemode=None,
    account_id=None,
    account_pinned="acct_1",
    host="shop.example:8443",
    host_is_loopback=False,
    preflight_open=[],
    rules=RULES,
    today=TODAY,
    approval=None,
    approval_unused=None,
    capacity=None,
    exposures_open=None,
    lock_held=False,
    spent_today_minor=None,
    gross=EUR_5,
    operator=None,
    session=(),
    guardian_ready=False,
    clock_offset_seconds=0.2,
)
EVERYTHING = {
    "account": Account("acct_2", livemode=False),
    "approval": "too few",
    "capacity": "paused",
    "exposures_open": ("run-9",),
    "spent_today_minor": 700,
    "unused": True,
    "lock_held": True,
    "guardian_ready": True,
    "operator": "went away",
}


async def test_what_was_not_found_out_is_not_known(tmp_path):
    """Facts of settings, command line, target and journal are there at once; the rest is None, or False, until it is found."""
    assert Gathered(Stage(tmp_path).run).facts() == KNOWN


async def test_each_fact_that_was_found_is_told(tmp_path):
    """What was gathered arrives under its own name."""
    assert Gathered(Stage(tmp_path).run, **EVERYTHING).facts() == replace(
        KNOWN,
        account_livemode=False,
        account_id="acct_2",
        approval="too few",
        capacity="paused",
        exposures_open=("run-9",),
        spent_today_minor=700,
        approval_unused=True,
        lock_held=True,
        guardian_ready=True,
        operator="went away",
    )


async def test_what_the_session_says_is_told(tmp_path):
    """What was typed, and what repeats or hides tests."""
    session = LiveSession(live_typed=False, confirm_typed=True, findings=("-k",))
    facts = Gathered(Stage(tmp_path, session=session).run).facts()
    assert (facts.live_typed, facts.confirm_typed, facts.session) == (False, True, ("-k",))
    other = LiveSession(live_typed=True, confirm_typed=False, findings=())
    facts = Gathered(Stage(tmp_path, session=other, run_id="run-2").run).facts()
    assert (facts.live_typed, facts.confirm_typed) == (True, False)


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({"mode": Mode.STAGING}, {"mode": Mode.STAGING, "declared_live": False}),
        ({"providers": {}}, {"keys": {}, "account_pinned": ""}),
        ({"live": ruled(caps=None)}, {"rules": ruled(caps=None)}),
    ],
)
async def test_what_the_settings_say_is_told(tmp_path, changed, known):
    """Mode, providers and rules of the environment; one without the ledger has no account pinned."""
    run = replace(Stage(tmp_path).run, environment=environment(**changed))
    assert Gathered(run).facts() == replace(KNOWN, **known)


async def test_each_key_says_its_own_mode(tmp_path):
    """A test key among live ones is told under its provider's name."""
    target = environment()
    test = replace(target.providers["hyperswitch"], key=Secret("snd_abcdefghijklmnop"))
    run = replace(
        Stage(tmp_path).run,
        environment=replace(
            target, providers={**target.providers, "hyperswitch": test, "odd": replace(test, key=Secret("x" * 20))}
        ),
    )
    assert Gathered(run).facts().keys == {"stripe": "live", "hyperswitch": "test", "odd": "unknown"}


@pytest.mark.parametrize(
    ("events", "still_open", "says"),
    [
        ([], ["health", "mode"], None),
        (HEALTH, ["mode"], None),
        ([*HEALTH, *SAYS], [], "live"),
        (row("health", "up", FactKind.INTEGER, 500, RowStatus.FAIL), ["health", "mode"], None),
        ([*HEALTH, *row("mode", "says", FactKind.WORD, "staging", RowStatus.FAIL)], ["mode"], "staging"),
    ],
)
async def test_preflight_is_what_the_journal_says_of_it(tmp_path, events, still_open, says):
    """A pre-flight row that is not PASS in this run is open, in the gate's order; the target's word is its own fact."""
    stage = Stage(tmp_path, begun=False)
    told(stage.journal, started(stage.run), *events)
    facts = Gathered(stage.run).facts()
    assert (facts.preflight_open, facts.target_says) == (still_open, says)


async def test_a_targets_word_is_a_text(tmp_path):
    """A target that answers with something else than a word says nothing."""
    stage = Stage(tmp_path)
    purchase = stage.run.source.gate.purchase.model_copy(update={"says_live": "up"})
    gate = stage.run.source.gate.model_copy(update={"purchase": purchase})
    assert Gathered(replace(stage.run, source=replace(stage.run.source, gate=gate))).facts().target_says is None


async def test_the_clock_is_off_by_the_largest_difference(tmp_path):
    """Of all parties that told a time the one furthest off counts, in either direction; without any it is not known."""
    stage = Stage(tmp_path)
    for offsets, largest in (([], None), ([0.5], 0.5), ([1.0, -7.5, 3.0], -7.5), ([-1.0, 8.0], 8.0), ([0.0], 0.0)):
        stage.offsets = offsets
        assert Gathered(stage.run).facts().clock_offset_seconds == largest


HERE = ("127.0.0.1", "127.0.0.1:8460", "127.8.9.1:1", "localhost", "localhost:80", "[::1]", "[::1]:8460")
THERE = ("shop.example", "shop.example:443", "localhost.example", "128.0.0.1", "x127.0.0.1", "X127.0.0.1", "localhostX")
IPV6 = ("[2001:db8::1]", "[2001:db8::1]:80")


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.REHEARSAL])
async def test_this_machine_is_known_by_its_names(tmp_path, mode):
    """Loopback by name or number, with or without a port, and nothing that only looks like it."""
    run = Stage(tmp_path).run
    for netloc in (*HERE, *THERE, *IPV6):
        facts = Gathered(replace(run, environment=environment(mode=mode, base_url=f"https://{netloc}/shop"))).facts()
        assert (facts.host, facts.host_is_loopback) == (netloc, netloc in HERE)


@pytest.mark.parametrize(
    ("mode", "services", "host"),
    [
        (Mode.LIVE, {"a": "https://a.example", "b": "http://127.0.0.1:9", "c": "http://[::1]:8"}, "127.0.0.1:9"),
        (Mode.LIVE, {"a": "https://a.example"}, "shop.example:8443"),
        (Mode.REHEARSAL, {"a": "http://127.0.0.1:9"}, "shop.example:8443"),
    ],
)
async def test_the_first_host_that_is_wrong_here_is_told(tmp_path, mode, services, host):
    """A service on this machine beside a live target, or a remote one in a rehearsal, is the host that is judged."""
    target = environment(mode=mode, services=services)
    assert Gathered(replace(Stage(tmp_path).run, environment=target)).facts().host == host
    local = replace(target, base_url="http://127.0.0.1:7", services={"a": "https://a.example"})
    expected = "127.0.0.1:7" if mode is Mode.LIVE else "a.example"
    assert Gathered(replace(Stage(tmp_path, run_id="run-2").run, environment=local)).facts().host == expected


async def gathered(stage: Stage) -> Gathered:
    """What is found out of a run."""
    return await stage.keeping(lambda keeper: gather(stage.run, keeper))


async def test_everything_is_found_out_without_taking_anything(tmp_path):
    """Account, plan, approval, capacity, exposures and what was charged; no lock, no guardian, nobody asked."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan()
        found = await gathered(stage)
    assert found.account == Account("acct_1", livemode=True, default_currency="EUR", settles_in=("EUR",))
    assert found.bound == stage.bound
    assert found.sufficient == Sufficient(plan, ("bob",), signed=False)
    nothing_taken = replace(KNOWN, account_livemode=True, account_id="acct_1", approval="", capacity="")
    assert found.facts() == replace(nothing_taken, exposures_open=(), spent_today_minor=0, rules=RULES)
    assert (tmp_path / "reports" / ".live" / "prod" / "lock").exists() is False


async def test_the_account_is_read_with_the_runs_own_journal(tmp_path):
    """What was asked of the provider stands in the journal of the run, with the key itself."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        await gathered(stage)
    assert [one.path for one in stage.events("exchange")] == ["/v1/account", "/v1/balance"]
    assert all(KEY.encode() in request and TRACE.encode() not in request for request in wire.requests)


async def test_an_account_that_cannot_be_read_is_not_known(tmp_path):
    """A provider that refuses leaves the account, and what would be bound, unknown; the rest is found out."""
    async with stripe(status="401 Unauthorized") as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        found = await gathered(stage)
    assert (found.account, found.bound, found.approval, found.sufficient) == (None, None, None, None)
    assert (found.exposures_open, found.capacity, found.spent_today_minor) == ((), "", 0)


@pytest.mark.parametrize(("changed", "reads"), [({"providers": {}}, 0), ({"live": ruled(caps=None)}, 2)])
async def test_without_a_ledger_or_caps_there_is_nothing_to_approve(tmp_path, changed, reads):
    """No ledger's provider, no account; no caps, no plan: neither is an error here, the interlock names it."""
    async with stripe() as wire:
        stage = Stage(tmp_path, target=environment(wire.base_url, **changed))
        found = await gathered(stage)
    assert len(wire.requests) == reads
    assert (found.account is None) is (reads == 0)
    assert (found.bound, found.approval, found.sufficient) == (None, None, None)


async def approval(tmp_path, *plans, live=RULES) -> tuple[str | None, str]:
    """Why there is no approval, and the nonce of the plan that has one; each plan: nonce, age in minutes, approvers."""
    async with stripe() as wire:
        stage = Stage(tmp_path, target=environment(wire.base_url, live=live))
        for nonce, minutes, by, changed in plans:
            bound = stage.bound.model_copy(update=changed)
            at = NOW.replace(microsecond=0) - timedelta(minutes=minutes)
            stage.plan(bound, at=at, nonce=nonce * 32, by=by)
        found = await gathered(stage)
    return found.approval, "" if found.sufficient is None else found.sufficient.plan.nonce[:1]


BOB: tuple[str, ...] = ("bob",)


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ([], ("no plan was made", "")),
        ([("a", 9, BOB, {})], ("", "a")),
        ([("a", 9, BOB, {}), ("b", 5, BOB, {})], ("", "b")),
        ([("a", 5, BOB, {}), ("b", 9, BOB, {})], ("", "a")),
        ([("a", 9, BOB, {}), ("b", 5, (), {})], ("", "a")),
        ([("a", 9, (), {})], ("plan aaaaaaaa: 0 of 1 approvals", "")),
        (
            [("a", 9, (), {}), ("b", 5, (), {"commit": "other"})],
            (f"plan bbbbbbbb: the plan is for something else: commit: other → {'3' * 40}; 0 of 1 approvals", ""),
        ),
        ([("a", 5, (), {}), ("b", 9, (), {"commit": "other"})], ("plan aaaaaaaa: 0 of 1 approvals", "")),
        ([("a", 9, BOB, {"environment": "prod2"})], ("no plan was made", "")),
        ([("a", 9, BOB, {"gate_id": "other"})], ("no plan was made", "")),
        ([("a", 9 * 60, BOB, {})], None),
    ],
)
async def test_the_newest_plan_that_is_approved_counts(tmp_path, plans, said):
    """Of the plans for this environment and gate the newest sufficient one; else the newest one's reasons."""
    found = await approval(tmp_path, *plans)
    if said is None:
        assert (found[0] or "").startswith("plan aaaaaaaa: the plan had to be carried out by ")
    else:
        assert found == said


async def test_an_approval_needs_its_signature_where_the_settings_say_so(tmp_path):
    """An unsigned approval does not count where signatures are needed."""
    rules = ruled(approval=ApprovalSettings(required=1, unsigned=False))
    said = await approval(tmp_path, ("a", 9, BOB, {"unsigned_allowed": False}), live=rules)
    assert said == ("plan aaaaaaaa: bob.json: it is not signed; 0 of 1 approvals", "")


async def test_signers_are_looked_up_in_the_file_of_the_settings(tmp_path, monkeypatch):
    """A signature is checked against the project's own list, wherever the settings say that it lies."""
    looked: list[object] = []

    def verifies(_content, signature, *, principal, allowed_signers) -> bool:
        looked.append((signature.name, principal, allowed_signers))
        return True

    monkeypatch.setattr("pytest_paygate.adapters.approval_files.verifies", verifies)
    async with stripe() as wire:
        signers = ApprovalSettings(required=1, unsigned=True, signers="who/allowed")
        stage = Stage(tmp_path, target=environment(wire.base_url, live=ruled(approval=signers)))
        plan = stage.plan()
        (tmp_path / "approvals" / plan.nonce / "bob.json.sig").write_text("signed")
        found = await gathered(stage)
    assert found.sufficient == Sufficient(plan, ("bob",), signed=True)
    assert looked == [("bob.json.sig", "bob", tmp_path / "who" / "allowed")]


async def test_settings_that_do_not_say_enough_are_named_with_their_file(tmp_path):
    """What cannot be bound is refused here, with the file it is missing in; a run without a database shares a folder."""
    async with stripe() as wire:
        stage = Stage(tmp_path, target=environment(wire.base_url, values={}))
        assert stage.run.store_dsn is None
        with pytest.raises(ConfigurationError, match=r"^paygate\.toml: env\.prod\.values\.licence: is missing"):
            await gathered(stage)


async def test_what_is_open_and_what_the_day_has_cost(tmp_path):
    """Unsettled runs are open, oldest first; only today's charges in this currency count, settled or not, by the UTC day."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        midnight = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
        await stage.exposed("late", midnight - timedelta(seconds=1), Money(1, "EUR"))
        await stage.exposed("early", midnight, Money(20, "EUR"), settled_at=NOW)
        await stage.exposed("there", (midnight + timedelta(hours=23)).astimezone(), Money(300, "EUR"))
        await stage.exposed("dollars", midnight, Money(4000, "USD"), settled_at=NOW)
        await stage.exposed("elsewhere", midnight, Money(50000, "EUR"), environment="prod2")
        found = await gathered(stage)
    assert found.exposures_open == ("late", "there")
    assert found.spent_today_minor == 320


async def granted(stage: Stage, units: int | None = None) -> str:
    """Grant units in the store; the hash of the log's first line."""
    entry = capacity_rules.grant(COUNTED, by="ann", reason="period", units=units, now=datetime.now(UTC))
    book = await stage.store().capacity.change("prod", lambda _: entry, datetime.now(UTC))
    return hash_of(book, 0)


async def refusal(stage: Stage) -> str:
    """Why no unit may be taken."""
    return await stage.keeping(lambda keeper: capacity_refusal(stage.run, keeper))


async def test_capacity_is_asked_only_where_the_gate_counts(tmp_path):
    """A gate that counts nothing is never refused; one that counts is refused until rules are written and units granted."""
    assert await refusal(Stage(tmp_path)) == ""
    unruled = Stage(tmp_path, counted=True, run_id="run-2")
    assert await refusal(unruled) == "no [env.prod.capacity] is written"
    stage = Stage(tmp_path, counted=True, run_id="run-3", target=environment(live=ruled(capacity=COUNTED)))
    assert await refusal(stage) != ""
    await granted(stage)
    assert await refusal(stage) == ""
    async with stripe() as wire:
        paused = Stage(
            tmp_path, counted=True, run_id="run-4", target=environment(wire.base_url, live=ruled(capacity=None))
        )
        assert (await gathered(paused)).capacity == "no [env.prod.capacity] is written"


def earlier(stage: Stage, run_id: str, log_sha256: str, *, line_sha256: str = "f" * 64, name: str = "prod") -> None:
    """A run that took a unit: line 1 of such a log."""
    target = replace(stage.run.environment, name=name)
    other = Stage(stage.root, counted=True, run_id=run_id, target=target, begun=False)
    taken = ex.CapacityTaken(line=0, line_sha256=line_sha256, log_sha256=log_sha256, left=24)
    told(other.journal, started(other.run), *BUYING, *ARMED, taken)
    other.journal.close()


async def test_the_log_must_hold_what_the_newest_run_here_has_journalled(tmp_path):
    """A log without the line that a run of this environment took is refused; this run itself and other environments say nothing."""
    stage = Stage(tmp_path, counted=True, target=environment(live=ruled(capacity=COUNTED)), begun=False)
    log = await granted(stage)
    earlier(stage, "20261120T091500123Z-00000001", log, line_sha256=log)
    earlier(stage, "20261121T001500123Z-00000002", log, name="prod2")
    taken = ex.CapacityTaken(line=0, line_sha256="f" * 64, log_sha256=log, left=24)
    told(stage.journal, started(stage.run), *BUYING, *ARMED, taken)
    assert await refusal(stage) == ""
    earlier(stage, "20261121T001500123Z-00000003", log)
    with pytest.raises(StoreError, match="capacity"):
        await refusal(stage)
