"""Every refusal around live runs, word for word: what, expected, observed, what it means for the money, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import approval_files, capacity_file, ssh_signatures, store_file, store_postgres
from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.cli import approve as approving
from pytest_paygate.cli import capacity as counting
from pytest_paygate.cli import typing_terminal
from pytest_paygate.core.approval import approve
from pytest_paygate.core.environment import Caps, Environment, Payer, cap_amounts
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.ports import Account
from pytest_paygate.exposure import capacity as charges
from pytest_paygate.exposure import planning, recovery, resuming
from tests.network.scene import GATE, MemoryRun
from tests.unit.core.test_approval import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Environment("prod", Mode.LIVE, "https://shop.example", Payer.PERSON)
OLD_ERROR = OSError(28, "No space left on device")
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
FOLDER = Path("reports/e2e/run-1")


@dataclass(frozen=True)
class Case:
    """One refusal: how to come by it, and what it says."""

    name: str
    act: Callable[[], object]
    said: str


def raising(error: BaseException) -> None:
    """Raise."""
    raise error


def source():
    """A gate with a purchase."""
    return planning.GateSource(read_gate(GATE, "gate.toml"), "1" * 64, "2" * 64, "3" * 40)


CASES = (
    Case(
        "a lock held on this machine",
        lambda: raising(store_file._held("prod", "run-1 on mine, process 7")),
        """environment prod is in use by another live run
  expected  one live run for each environment at a time
  observed  the lock is held by run-1 on mine, process 7
  money     No money moved. This process sent nothing.
  next      Wait for it to end. If its process hangs, end that process: its guardian settles what it left.""",
    ),
    Case(
        "a lock held on another machine",
        lambda: raising(store_postgres._held("prod", "run-1 on theirs, process 7")),
        """environment prod is in use by another live run
  expected  one live run for each environment at a time, on whatever machine
  observed  the lock is held by run-1 on theirs, process 7
  money     No money moved. This process sent nothing.
  next      Wait for it to end. A run that died gives its lock up when its lease lapses.""",
    ),
    Case(
        "a damaged store",
        lambda: raising(store_file._damaged(Path("live/lock"), "the text its holder wrote", "something else")),
        """lock in live cannot be trusted, so no live run starts
  expected  the text its holder wrote
  observed  something else
  money     No money moved. Whether an earlier run left money open is not known.
  next      Run `paygate orphans`, which asks the provider; then move the damaged file away by hand.""",
    ),
    Case(
        "a full disk under the store",
        lambda: raising(store_file._unusable(Path("live/prod"), OLD_ERROR)),
        """live/prod cannot be used, so no live run starts
  expected  a folder this user may write to, with space left
  observed  No space left on device
  money     No money moved.
  next      Free space or fix the permissions.""",
    ),
    Case(
        "a full disk under the capacity log",
        lambda: raising(capacity_file._unusable(Path("live/prod"), OLD_ERROR)),
        """the capacity log in live/prod cannot be used, so nothing counts as left
  expected  files this user may read and write, held by nobody for long
  observed  No space left on device
  money     No money moved.
  next      Free space, fix the permissions, or end the process that hangs; then start again.""",
    ),
    Case(
        "a gate that counts its charges where nothing is written of any",
        lambda: raising(charges._unwritten("no [env.prod.capacity] is written")),
        """interlock: no money moves, because of capacity_left
  expected  a capacity for this environment in paygate.toml, because the gate asks for one
  observed  no [env.prod.capacity] is written
  money     No money moved. The purchase was not sent.
  next      Write budget, pause_below and period; see docs/reference/paygate-toml.md.""",
    ),
    Case(
        "a reason that has no place in the capacity log",
        lambda: counting._check_words("Ann", " two\nlines"),
        """--reason cannot stand in the capacity log
  expected  one line of 1 to 200 characters that does not begin with a space
  observed  10 characters, or others
  money     No money moved.
  next      Write it shorter, in one line.""",
    ),
    Case(
        "an end of an override without its zone",
        lambda: counting._moment("2026-11-21 12:00"),
        """--until is not a moment
  expected  a time with its zone, like 2026-11-21T12:00:00Z
  observed  '2026-11-21 12:00'
  money     No money moved.
  next      Correct it.""",
    ),
    Case(
        "no ssh-keygen",
        lambda: raising(ssh_signatures._missing(FileNotFoundError(2, "No such file or directory"))),
        """signatures cannot be made or checked
  expected  ssh-keygen on the PATH
  observed  No such file or directory
  money     No money moved.
  next      Install OpenSSH.""",
    ),
    Case(
        "an approver's name that is no name",
        lambda: approval_files.write_approval(FOLDER, approve(PLAN, approver="../eve", typed="x", at=NOW)),
        """the approver's name cannot be used
  expected  a name like ann@example.test
  observed  other characters, or too many
  money     No money moved.
  next      Name the approver with --by, as in the allowed-signers file.""",
    ),
    Case(
        "a plan that is too old to approve",
        lambda: approving._check(PLAN, "bob@example.test", NOW, unsigned=False),
        """the plan is too old
  expected  an approval by 2026-11-21T13:00:00Z
  observed  later
  money     No money moved.
  next      Make a new plan.""",
    ),
    Case(
        "an unsigned approval where signatures are needed",
        lambda: approving._check(PLAN, "bob@example.test", NOW.replace(hour=9), unsigned=True),
        """an unsigned approval does not count for this plan
  expected  a signature
  observed  --unsigned
  money     No money moved.
  next      Leave --unsigned out, or allow it for the environment and make a new plan.""",
    ),
    Case(
        "the requester approves",
        lambda: approving._check(PLAN, "ann@example.test", NOW.replace(hour=9), unsigned=False),
        """the requester does not approve
  expected  somebody other than ann@example.test
  observed  ann@example.test
  money     No money moved.
  next      Ask a colleague.""",
    ),
    Case(
        "typed wrongly three times",
        lambda: raising(
            typing_terminal._refused(
                "'EUR 5.00', typed", "something else, 3 times", "Read the plan again, then run it again."
            )
        ),
        """nothing was approved
  expected  'EUR 5.00', typed
  observed  something else, 3 times
  money     No money moved.
  next      Read the plan again, then run it again.""",
    ),
    Case(
        "caps that are out of order",
        lambda: cap_amounts(
            "paygate.toml: env.prod.caps", Caps(per_charge="EUR 5.00", per_run="EUR 4.00", per_day="EUR 9.00")
        ),
        """paygate.toml: env.prod.caps: are not in order
  expected  one currency, and per_charge ≤ per_run ≤ per_day, all above zero
  observed  EUR 5.00, EUR 4.00, EUR 9.00
  money     No money moved.
  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.""",
    ),
    Case(
        "no caps",
        lambda: planning.bind(HERE, source(), Account("acct_1", livemode=True), file="paygate.toml"),
        """paygate.toml: env.prod.caps: are missing, and without them nothing may be charged
  expected  per_charge, per_run and per_day, like "EUR 10.00"
  observed  none
  money     No money moved.
  next      Write them; see docs/reference/paygate-toml.md.""",
    ),
    Case(
        "a gate that says nothing of its purchase",
        lambda: planning.purchase_of(read_gate(GATE, "gate.toml").model_copy(update={"purchase": None})),
        """network/gate.toml: purchase: is missing, so this gate cannot be run live
  expected  a table [purchase]: product, amount, tax, fee, ledger, payments, says_live, refund
  observed  none
  money     No money moved.
  next      Write it; its keys are listed in docs/reference/gate-toml.md.""",
    ),
    Case(
        "a run of another environment",
        lambda: recovery.check_belongs(MemoryRun().state, HERE, FOLDER),
        """run run-1 is not of environment prod
  expected  a journal of prod live shop.example
  observed  rehearsal rehearsal 127.0.0.1
  money     No money moved. Nothing was looked up with the wrong account.
  next      Choose the environment the run was made in with --env.""",
    ),
    Case(
        "a journal that is not there",
        lambda: read_run(Path("nowhere/run-1")),
        """the journal journal.jsonl of run run-1 cannot be read
  expected  a readable journal
  observed  No such file or directory
  money     What this run moved must be read from the provider's ledger.
  next      Make the file readable, or look with `paygate orphans`, which needs no journal.""",
    ),
    Case(
        "a run of another gate",
        lambda: resuming._check_same_gate(MemoryRun().state, source(), RunDirectory(Path("reports"), "e2e", "run-1")),
        """run run-1 is not resumed
  expected  the gate of that run, sha256 0000000000000000…, suite …
  observed  sha256 1111111111111111…, suite 2222222222222222…
  money     No money moved. Nothing was sent.
  next      Go back to that version of the gate, or start a new run.""",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_word_for_word(case: Case) -> None:
    """The refusal tells all five things, in these words."""
    with pytest.raises(PaygateError) as refused:
        case.act()
    assert refused.value.refusal.text() == case.said
