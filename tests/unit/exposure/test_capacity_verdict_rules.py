"""What became of taken units: whose verdict is noted, which units come back, and what is said where neither can be."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import report_logs
from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.core import capacity_rules
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.capacity import GivenBack, Judged
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.events import Mode
from pytest_paygate.core.sign_offs import SignOff
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.capacity_verdicts import note
from tests.golden.scenes import RUN_ID, Scene, armed, begun, bought, ended, go, pending, preflight
from tests.unit.core.bundles import files_of, sealed, short

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="function")
RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))


class Kept(MemoryCapacity):
    """A log in memory with a grant, and a unit of the golden run."""

    def __init__(self) -> None:
        super().__init__()
        now = datetime.now(UTC)
        self.begin("prod", capacity_rules.grant(RULES, by="ann", reason="r", units=25, now=now), now)
        self.capacity = Capacity(lambda: self, "prod", RULES)

    async def noted(self) -> list[object]:
        """What the log has besides grant and takings."""
        return [line.entry for line in (await self.read("prod")).lines if line.entry.kind in {"judged", "given_back"}]


async def taken(run_id: str = RUN_ID) -> Kept:
    """A log from which a run of the golden gate has taken its unit."""
    log = Kept()
    await log.capacity.take(run_id, "e2e")
    return log


def put(reports: Path, files: dict[str, bytes], run_id: str = RUN_ID) -> Path:
    """Lay a run down."""
    folder = reports / "e2e" / run_id
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def at_the_desk(*events: ev.EventBody, finished: bool = True) -> Scene:
    """A live run whose interlock was passed, and what the desk told then."""
    scene = preflight(begun(Mode.LIVE))
    for row in ("login", "products"):
        scene.tell(ev.RowStarted(row=row)).facts(row).passed(row, took=0.1)
    armed(scene.tell(ev.RowStarted(row="order"))).tell(*events)
    return ended(scene.tell(ev.RowFinished(row="order", status=ev.RowStatus.FAIL))) if finished else scene


INTENDED = ex.ChargeIntended(
    amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/orders", body_sha256="f" * 64
)


def sent(outcome: str) -> ex.ChargeSent:
    """What became of the purchase."""
    return ex.ChargeSent(outcome=ex.SendOutcome(outcome))


JUDGED = f"{RUN_ID}: {{}}, 24 left, pause level {{}}"


async def test_a_believed_pass_is_noted_and_works_a_pause_level_off(tmp_path):
    """A sealed bundle that is believed counts, once; asking again says and changes nothing."""
    log = await taken()
    put(tmp_path, sealed(files_of(go())))
    assert await note(log.capacity, tmp_path, "prod") == [JUDGED.format("PASS", 3)]
    assert await note(log.capacity, tmp_path, "prod") == []
    assert await log.noted() == [Judged(run_id=RUN_ID, verdict=Verdict.PASS)]


async def test_a_pass_that_no_bundle_proves_is_not_noted(tmp_path):
    """Without a seal a PASS lowers nothing, and what is wrong with the bundle is said."""
    log = await taken()
    put(tmp_path, files_of(go()))
    (told,) = await note(log.capacity, tmp_path, "prod")
    assert told.startswith(f"{RUN_ID}: not noted, its bundle is not believed: ")
    assert "manifest.json" in told
    assert await log.noted() == []


@pytest.mark.parametrize(
    "events",
    [(INTENDED, sent("seen")), (INTENDED, sent("ambiguous")), (INTENDED,)],
    ids=["seen", "ambiguous", "untold"],
)
async def test_a_red_run_is_noted_without_a_bundle(tmp_path, events):
    """That it was red may be said all the same; a unit whose purchase may have been sent does not come back."""
    log = await taken()
    put(tmp_path, files_of(at_the_desk(*events)))
    assert await note(log.capacity, tmp_path, "prod") == [JUDGED.format("ESCALATED", 4)]
    assert await log.noted() == [Judged(run_id=RUN_ID, verdict=Verdict.ESCALATED)]


@pytest.mark.parametrize("scene", [short(), at_the_desk(INTENDED, sent("not_sent"))], ids=["no intent", "not sent"])
async def test_a_unit_comes_back_when_the_journal_proves_that_nothing_was_sent(tmp_path, scene):
    """No intent, or a connection that never came about: the unit is there again, and the log says why."""
    log = await taken()
    put(tmp_path, files_of(scene))
    told = await note(log.capacity, tmp_path, "prod")
    assert told == [f"{RUN_ID}: nothing was sent, its unit is given back, 25 left"]
    assert await log.noted() == [GivenBack(run_id=RUN_ID, reason="the journal proves that nothing was sent")]
    assert await note(log.capacity, tmp_path, "prod") == []


async def test_a_unit_with_its_verdict_does_not_come_back(tmp_path):
    """A run that was PENDING is judged anew, whatever its journal now proves."""
    log = await taken()
    await log.capacity.judge(RUN_ID, Verdict.PENDING)
    put(tmp_path, files_of(short()))
    (told,) = await note(log.capacity, tmp_path, "prod")
    first, second = await log.noted()
    assert (first.verdict, second.kind) == (Verdict.PENDING, "judged")
    assert told == JUDGED.format(second.verdict, 4)


async def test_a_folder_that_was_shut_is_a_fail(tmp_path):
    """A secret was found in it: nothing of it is believed, and it is red."""
    log = await taken()
    put(tmp_path, {**sealed(files_of(go())), "quarantine.json": b"{}"})
    assert await note(log.capacity, tmp_path, "prod") == [JUDGED.format("FAIL", 4)]


async def test_a_sign_off_turns_pending_into_pass(tmp_path):
    """What waits for a person is noted once as it is, and anew when that person has signed for this very bundle."""
    log = await taken()
    files = sealed(files_of(pending()))
    put(tmp_path, files)
    assert await note(log.capacity, tmp_path, "prod") == [JUDGED.format("PENDING", 4)]
    assert await note(log.capacity, tmp_path, "prod") == []
    seal = hashlib.sha256(files["attestation.json"]).hexdigest()
    word = SignOff(
        item="e2e/funds_seen",
        by="Ann",
        at="2026-11-21T10:00:00Z",
        evidence="statement.pdf",
        evidence_sha256="0" * 64,
        seals={"e2e": seal},
        previous="",
    )
    report_logs.add_sign_off(tmp_path, lambda _: word)
    assert await note(log.capacity, tmp_path, "prod") == [JUDGED.format("PASS", 3)]


async def test_sign_offs_that_cannot_be_trusted_note_nothing(tmp_path):
    """Whether the run passes is not known then, and that is said."""
    log = await taken()
    put(tmp_path, sealed(files_of(go())))
    (tmp_path / "sign-offs.jsonl").write_bytes(b"{}\n")
    (told,) = await note(log.capacity, tmp_path, "prod")
    assert told.startswith(f"{RUN_ID}: not noted, the sign-offs cannot be trusted: ")
    assert await log.noted() == []


ANOTHER = "the journal is another run's"
DAMAGED = f"{RUN_ID}/journal.jsonl: line 0 cannot be trusted, so nothing after it is read"


@pytest.mark.parametrize(
    ("journal", "run_id", "environment", "why"),
    [
        (b"{}\n{}\n", RUN_ID, "prod", DAMAGED),
        (b"", RUN_ID, "prod", ANOTHER),
        (None, "run-1", "prod", ANOTHER),
        (None, RUN_ID, "test", ANOTHER),
    ],
    ids=["damaged", "empty", "another run", "another environment"],
)
async def test_a_journal_that_is_not_the_runs_own_keeps_the_unit(tmp_path, journal, run_id, environment, why):
    """Damaged, without a beginning, another run's or another environment's: the unit stays taken, and why is said."""
    log = await taken(run_id)
    folder = put(tmp_path, files_of(short()), run_id)
    if journal is not None:
        (folder / "journal.jsonl").write_bytes(journal)
    assert await note(log.capacity, tmp_path, environment) == [f"{run_id}: its unit stays taken, {why}"]
    assert await log.noted() == []


@pytest.mark.parametrize(
    ("mode", "has_lock", "is_judged"),
    [(Mode.LIVE, False, False), (Mode.LIVE, True, True), (Mode.STAGING, True, False), (Mode.STAGING, False, False)],
)
async def test_a_run_that_has_not_ended_is_judged_by_whoever_holds_the_lock(tmp_path, mode, has_lock, is_judged):
    """Only the lock says that a guarded run is over, and of other runs nothing does."""
    log = await taken()
    put(tmp_path, files_of(bought(preflight(begun(mode))) if mode is Mode.LIVE else preflight(begun(mode))))
    environment = "prod" if mode is Mode.LIVE else "staging"
    told = await note(log.capacity, tmp_path, environment, has_lock=has_lock)
    assert [bool(told), bool(await log.noted())] == [is_judged, is_judged]


async def test_without_a_word_nobody_has_the_lock(tmp_path):
    """A run that has not ended is left alone by default."""
    log = await taken()
    put(tmp_path, files_of(bought(preflight(begun(Mode.LIVE)))))
    assert await note(log.capacity, tmp_path, "prod") == []


async def test_each_open_unit_is_looked_at_and_no_other(tmp_path):
    """A unit whose run is elsewhere, or whose last word was noted, is passed over."""
    log = await taken("elsewhere")
    await log.capacity.take(RUN_ID, "e2e")
    await log.capacity.take("judged", "e2e")
    await log.capacity.judge("judged", Verdict.FAIL)
    await log.capacity.take("last", "e2e")
    put(tmp_path, files_of(short()))
    for run_id in ("judged", "last"):
        put(tmp_path, {"journal.jsonl": b""}, run_id)
    assert await note(log.capacity, tmp_path, "prod") == [
        f"{RUN_ID}: nothing was sent, its unit is given back, 22 left",
        "last: its unit stays taken, the journal is another run's",
    ]
