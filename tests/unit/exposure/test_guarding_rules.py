"""What a guardian does when it is called upon: look once beforehand, settle, report, note it, and say so in its log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core.environment import LiveRules, Payer
from pytest_paygate.core.errors import JournalError, Refusal, StoreError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.exposure_events import Rescuer
from pytest_paygate.core.live_ports import ExposureRecord
from pytest_paygate.core.settlement import SettleOutcome
from pytest_paygate.exposure import guarding
from pytest_paygate.exposure.guardian import duty_of
from pytest_paygate.exposure.recovery import Settled
from tests.unit.adapters.wire import answer, serve
from tests.unit.exposure.live_runs import RUN_ID, TRACE, Stage, stages
from tests.unit.exposure.live_stage import EUR_5, KEY, REFUND_KEY, environment, ruled

if TYPE_CHECKING:
    from tests.unit.adapters.wire import Wire

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 (.*)")
PROBLEM = Refusal("the journal of run x cannot be read", "a journal", "none", "ask the ledger", "look")


@pytest.fixture(autouse=True)
def _stages():
    """Whatever zone it is here, the log is in UTC."""
    with stages():
        yield


def duty(stage: Stage, *, dsn: str = "") -> dict[str, Any]:
    """The duty as it comes out of the pipe."""
    made = duty_of(stage.run.environment, reports=stage.reports, gate_id="shop", run_id=RUN_ID, store_dsn=dsn)
    return json.loads(made.encoded())


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the guardian's log, without their times, which must be there; nothing may go to standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    lines = [LINE.fullmatch(line) for line in err.splitlines()]
    assert all(lines), err
    return [line[1] for line in lines if line is not None]


def test_the_environment_arrives_as_it_was_sent(tmp_path):
    """Name, mode, address, authorities, providers with the keys for refunds, and the time for late charges; nobody pays."""
    (tmp_path / "ca.pem").write_text("")
    sent = environment(
        "http://127.0.0.1:9", ca_file=str(tmp_path / "ca.pem"), live=ruled(late_charge_seconds=7), mode=Mode.REHEARSAL
    )
    stage = Stage(tmp_path, target=sent)
    told = duty(stage)
    told["environment"]["providers"]["hyperswitch"].update(account="acct_2", dashboard_url="https://dash.example")
    found = guarding.environment_of(told["environment"])
    assert (found.name, found.mode, found.base_url, found.payer, found.ca_file) == (
        "prod",
        Mode.REHEARSAL,
        "https://shop.example:8443",
        Payer.PERSON,
        str(tmp_path / "ca.pem"),
    )
    assert found.live == LiveRules(late_charge_seconds=7.0)
    assert isinstance(found.live.late_charge_seconds, float)
    assert [
        (
            name,
            access.name,
            access.key.reveal(),
            access.base_url,
            access.account,
            access.dashboard_url,
            access.refund_key,
        )
        for name, access in found.providers.items()
    ] == [
        ("stripe", "stripe", REFUND_KEY, "http://127.0.0.1:9", "acct_1", "", None),
        ("hyperswitch", "hyperswitch", REFUND_KEY, "http://127.0.0.1:9", "acct_2", "https://dash.example", None),
    ]
    assert [repr(access.key) for access in found.providers.values()] == ["Secret(guardian)"] * 2


def test_the_runs_folder_is_found_from_the_duty(tmp_path):
    """Reports, gate and run name the folder."""
    stage = Stage(tmp_path)
    found = guarding.directory_of(duty(stage))
    assert (found.root, found.path) == (stage.reports, stage.journal.directory.path)


def listing(*, broken: bool = False) -> Any:
    """Providers whose ledgers are empty, or cannot be read."""

    async def talk(_reader, writer, request: bytes) -> None:
        path = request.split(b" ", 2)[1]
        empty: dict[str, object] = {"object": "list", "data": [], "has_more": False, "url": "/v1/x"}
        if path.startswith(b"/payments/list"):
            empty = {"count": 0, "total_count": 0, "data": []}
        if broken:
            denied = {"error": {"type": "invalid_request_error", "code": "denied", "message": "no"}}
            writer.write(answer(json.dumps(denied).encode(), status="401 Unauthorized"))
        else:
            writer.write(answer(json.dumps(empty).encode()))

    return talk


def prepared(monkeypatch, tmp_path, *, broken: bool = False) -> tuple[str, Wire, Stage]:
    """Prepare for a run beside running providers, which are let go again: what is said, and what they were asked."""
    kept: dict[str, Any] = {}

    async def within(work: Any) -> Any:
        async with serve(listing(broken=broken)) as wire:
            kept["wire"] = wire
            for access in told["environment"]["providers"].values():
                access["base_url"] = wire.base_url
            return await work

    made, closed = guarding.recovery.witnesses_of, []

    def witnesses_of(*given: Any, **named: Any) -> Any:
        looks = made(*given, **named)
        close = looks.aclose

        async def aclose() -> None:
            closed.append("closed")
            await close()

        looks.aclose = aclose
        return looks

    stage = Stage(tmp_path)
    told = duty(stage)
    real = guarding.asyncio.run
    monkeypatch.setattr(guarding, "asyncio", SimpleNamespace(run=lambda work: real(within(work))))
    monkeypatch.setattr(guarding.recovery, "witnesses_of", witnesses_of)
    problem = guarding.prepare(told)
    assert closed == ["closed"]
    return problem, kept["wire"], stage


def test_a_guardian_looks_once_with_the_keys_it_would_use(monkeypatch, tmp_path):
    """Charges and payments are read once before money moves; nothing is said when that works, and nothing journalled."""
    problem, wire, stage = prepared(monkeypatch, tmp_path)
    assert problem == ""
    paths = {request.split(b" ", 2)[1].split(b"?")[0] for request in wire.requests}
    assert paths == {b"/v1/charges", b"/payments/list"}
    assert all(REFUND_KEY.encode() in request and KEY.encode() not in request for request in wire.requests)
    assert stage.events("exchange") == []


def test_a_ledger_that_cannot_be_read_is_told_before_money_moves(monkeypatch, tmp_path):
    """What the keys may not read is the answer, in the provider's words."""
    problem, _, _ = prepared(monkeypatch, tmp_path, broken=True)
    assert problem.startswith("stripe")


def test_a_journal_that_cannot_be_read_is_told_before_money_moves(tmp_path):
    """A guardian that could not settle says why at once."""
    stage = Stage(tmp_path)
    told = {**duty(stage), "run_id": "nowhere"}
    assert guarding.prepare(told) == "the journal journal.jsonl of run nowhere cannot be read"


def test_everything_a_rescue_needs_is_loaded_beforehand(monkeypatch, tmp_path):
    """Providers, HTTP and the local store are imported before the duty begins."""
    loaded: list[str] = []
    monkeypatch.setattr(guarding, "import_module", loaded.append)
    guarding.prepare({**duty(Stage(tmp_path)), "run_id": "nowhere"})
    assert loaded == [
        "pytest_paygate.providers.stripe",
        "pytest_paygate.providers.hyperswitch",
        "pytest_paygate.adapters.http",
        "pytest_paygate.adapters.store_file",
    ]


class World:
    """What a rescue comes to, and what was asked of rescue and reports."""

    def __init__(self, monkeypatch, tmp_path, outcome: SettleOutcome | Exception | None) -> None:
        self.stage = Stage(tmp_path)
        self.outcome = outcome
        self.rescued: list[Any] = []
        self.written: list[Any] = []
        monkeypatch.setattr(guarding.recovery, "rescue", self.rescue)
        monkeypatch.setattr(guarding.run_reports, "write", self.write)
        record = ExposureRecord(RUN_ID, "prod", "shop", TRACE, EUR_5, datetime.now(UTC))
        guarding.asyncio.run(self.store.open_exposure(record))

    @property
    def store(self) -> FileStore:
        """What live runs share."""
        return FileStore(self.stage.reports / ".live")

    async def rescue(self, directory, target, *, by, clock) -> Settled:
        """Settle the run."""
        self.rescued.append((directory.path, target.name, by, type(clock)))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Settled(RUN_ID, self.outcome, self.stage.journal.state)

    def write(self, root, identity, gate_ids, *, secrets) -> None:
        """Write reports."""
        self.written.append((root, identity, gate_ids, [secret.reveal() for secret in secrets]))

    def settled_at(self) -> datetime | None:
        """When the store was told that nothing of the run is open."""
        (record,) = guarding.asyncio.run(self.store.exposures("prod"))
        return record.settled_at


BEGAN = f"the test process is gone; settling run {RUN_ID}"


@pytest.mark.parametrize(
    ("outcome", "code", "lines", "is_written", "is_noted"),
    [
        (None, 0, ["nothing was open"], False, True),
        (SettleOutcome.SETTLED, 0, ["settled: 0 charges"], True, True),
        (SettleOutcome.ESCALATED, 1, ["escalated: 0 charges"], True, False),
    ],
)
def test_how_a_rescue_ended_is_what_the_guardian_says(
    monkeypatch, tmp_path, capsys, outcome, code, lines, is_written, is_noted
):
    """Only nothing left open is a good end and is noted in the store; reports are written where something was done."""
    world = World(monkeypatch, tmp_path, outcome)
    before = datetime.now(UTC)
    assert guarding.settle_now(duty(world.stage)) == code
    assert said(capsys) == [BEGAN, *lines]
    assert world.rescued == [(world.stage.journal.directory.path, "prod", Rescuer.GUARDIAN, SystemClock)]
    written = [(world.stage.reports, RUN_ID, ["shop"], [REFUND_KEY, REFUND_KEY])]
    assert world.written == (written if is_written else [])
    noted = world.settled_at()
    assert (noted is not None) is is_noted
    assert noted is None or before <= noted <= datetime.now(UTC)


def test_what_stands_in_the_way_of_a_rescue_is_in_the_log(monkeypatch, tmp_path, capsys):
    """A run that cannot be settled ends badly: its refusal is told whole, nothing is reported and nothing noted."""
    world = World(monkeypatch, tmp_path, JournalError(PROBLEM))
    assert guarding.settle_now(duty(world.stage)) == 1
    assert capsys.readouterr().err.endswith(f" {PROBLEM.text()}\n")
    assert (world.written, world.settled_at()) == ([], None)


def test_how_many_charges_there_were_is_told(monkeypatch, tmp_path, capsys):
    """The log counts the charges of the run."""
    world = World(monkeypatch, tmp_path, SettleOutcome.SETTLED)
    charges = SimpleNamespace(exposure=SimpleNamespace(charges={"ch_1": 1, "ch_2": 2}))

    async def rescue(*_: object, **__: object) -> Settled:
        return Settled(RUN_ID, SettleOutcome.SETTLED, charges)

    monkeypatch.setattr(guarding.recovery, "rescue", rescue)
    assert guarding.settle_now(duty(world.stage)) == 0
    assert said(capsys)[1:] == ["settled: 2 charges"]


@pytest.mark.parametrize("dsn", ["", "host=db"])
def test_the_end_is_noted_in_the_store_the_run_shares(monkeypatch, tmp_path, dsn):
    """The database where the settings name one, else the folder below the reports; the store is closed again."""
    asked: list[Any] = []

    class Store:
        """A store that keeps what it is told."""

        failing = False

        async def settle_exposure(self, name, run_id, at) -> None:
            """Note it."""
            asked.append((name, run_id, at.utcoffset() is not None))
            if self.failing:
                raise StoreError(PROBLEM)

        async def aclose(self) -> None:
            """Close."""
            asked.append("closed")

    def store_of(reports, secret):
        asked.append((reports, None if secret is None else (secret.reveal(), repr(secret))))
        return Store()

    monkeypatch.setattr(guarding, "store_of", store_of)
    stage = Stage(tmp_path)
    expected = [
        (Path(stage.reports), ("host=db", "Secret(guardian)") if dsn else None),
        ("prod", RUN_ID, True),
        "closed",
    ]
    guarding.note_settled(duty(stage, dsn=dsn))
    assert asked == expected
    monkeypatch.setattr(Store, "failing", True)
    guarding.note_settled(duty(stage, dsn=dsn))
    assert asked == expected * 2


def test_each_line_of_the_log_is_out_at_once(monkeypatch):
    """A guardian may be ended any moment: nothing it has said waits in a buffer."""
    done: list[str] = []
    log = SimpleNamespace(write=done.append, flush=lambda: done.append("flushed"))
    monkeypatch.setattr(guarding.sys, "stderr", log)
    guarding._tell("a line")
    assert LINE.fullmatch("".join(done[:-1]).rstrip("\n"))
    assert done[-1] == "flushed"
