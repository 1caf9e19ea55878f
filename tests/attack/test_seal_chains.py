"""The log of seals: cut off, put back, forked or rewritten, it is found out, each in its own words."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.cli import paygate
from pytest_paygate.cli.verify import INVALID, UNDECIDED, VALID, examine
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.seal_chain import Sealed, check_chain, check_place, encode_line, read_log
from pytest_paygate.core.strict import BundleError
from tests.attack.keys import sealed_again

if TYPE_CHECKING:
    from pathlib import Path


def line(number: int, previous: int | None, environment: str = "prod") -> Sealed:
    """A line of a log, by number."""
    return Sealed(environment, f"run-{number}", "e2e", f"{number:064x}", "" if previous is None else f"{previous:064x}")


WHOLE = [line(1, None), line(2, 1), line(3, 2), line(4, 3), line(5, 4)]
CHANGED = {
    "a line cut out": ([WHOLE[0], *WHOLE[2:]], "lines were cut out"),
    "the beginning cut off": (WHOLE[2:], "lines were cut out"),
    "two lines swapped": ([WHOLE[0], WHOLE[2], WHOLE[1], *WHOLE[3:]], "lines were cut out"),
    "a second branch": ([*WHOLE[:3], line(9, 2), *WHOLE[3:]], "starts a second branch: the log was forked"),
    "a new beginning": ([*WHOLE[:3], line(9, None)], "starts the chain anew"),
    "a line twice": ([*WHOLE, WHOLE[2]], "stands there twice"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_broken_chain_is_found_without_a_head(what):
    """Lines cut out, put in, doubled or begun anew break the chain of their environment."""
    log, said = CHANGED[what]
    with pytest.raises(BundleError, match=said):
        check_chain(log, "prod")
    assert check_chain([*log, line(7, None, "staging")], "staging")


@pytest.mark.parametrize("kept", range(5))
def test_a_truncated_log_is_found_with_a_pinned_head(kept):
    """A log that was cut off anywhere is whole by itself; whoever pinned a later seal sees it."""
    assert check_chain(WHOLE[:kept], "prod") == tuple(WHOLE[:kept])
    with pytest.raises(BundleError, match="does not reach the pinned head 000000000000: it was cut off before it"):
        check_chain(WHOLE[:kept], "prod", [WHOLE[kept].seal])
    assert check_chain(WHOLE, "prod", [WHOLE[kept].seal, WHOLE[-1].seal])


def test_a_bundle_that_is_not_in_the_log_is_told_why():
    """Cut off, forked and put back are three things, and each is called by its name."""
    log = check_chain(WHOLE[:3], "prod")
    for mine, said in (
        (WHOLE[3], "was cut off: it ends at the seal before this bundle's"),
        (line(9, 2), "was forked: behind the seal before this bundle's it goes on with another one"),
        (WHOLE[4], "was put back, or is another one"),
        (line(9, None), "was forked: behind the seal before"),
    ):
        with pytest.raises(BundleError, match=said):
            check_place(log, mine)
    with pytest.raises(BundleError, match="was cut off"):
        check_place((), WHOLE[0])
    for mine in (line(2, None), Sealed("prod", "run-8", "e2e", WHOLE[1].seal, WHOLE[1].previous)):
        with pytest.raises(BundleError, match="tells another run, gate or seal before"):
            check_place(log, mine)
    check_place(log, WHOLE[1])


def test_only_the_last_seal_of_a_run_counts():
    """A run that was sealed again later is not believed as it was before; another gate of the same session is."""
    again = Sealed("prod", "run-2", "e2e", "a" * 64, WHOLE[-1].seal)
    log = check_chain([*WHOLE, again], "prod")
    with pytest.raises(BundleError, match="put back to an earlier state"):
        check_place(log, WHOLE[1])
    check_place(log, again)
    check_place(check_chain([*WHOLE, Sealed("prod", "run-2", "other", "a" * 64, WHOLE[-1].seal)], "prod"), WHOLE[1])


def test_lines_from_before_the_gate_was_recorded_are_read():
    """A log that is older than its gate key still chains, and says nothing about gates."""
    old = [Sealed("prod", "run-1", "", "1" * 64, ""), Sealed("prod", "run-1", "", "2" * 64, "1" * 64)]
    log = read_log(b"".join(map(encode_line, old)))
    assert log == tuple(old)
    check_place(check_chain(log, "prod"), Sealed("prod", "run-1", "e2e", "1" * 64, ""))


@pytest.mark.parametrize(
    "spoilt",
    [b"{}\n", b"[]\n", encode_line(WHOLE[0])[:-1], encode_line(WHOLE[0]) + b"\n", b" " + encode_line(WHOLE[0])],
)
def test_a_line_that_is_none_is_damage(spoilt):
    """A log has one spelling, like everything that is believed."""
    with pytest.raises(BundleError, match="of the log of seals"):
        read_log(spoilt)


def test_a_thousand_seals_are_checked_within_a_second():
    """Verifying stays quick after years of runs."""
    lines = [line(number, number - 1 if number > 1 else None) for number in range(1, 1_001)]
    content = b"".join(map(encode_line, lines))
    began = time.perf_counter()
    check_place(check_chain(read_log(content), "prod", [lines[-1].seal]), lines[400])
    assert time.perf_counter() - began < 1.0


@pytest.fixture
def three(sealed, tmp_path) -> list[Path]:
    """Three sealed copies of a run in one reports folder, as if of three sessions."""
    made = []
    for number in range(3):
        run = sealed_again(sealed, tmp_path / f"make-{number}")
        (run / "note.txt").write_text(str(number))
        target = tmp_path / "reports" / f"e2e{number}"
        target.mkdir(parents=True)
        made.append(_sealed_as(run, target, tmp_path / "reports"))
    return made


def _sealed_as(run: Path, target: Path, root: Path) -> Path:
    from pytest_paygate.adapters.run_directory import RunDirectory
    from pytest_paygate.reporting.sealing import seal

    folder = target / run.name
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("manifest.json", "attestation.json"))
    seal(RunDirectory(root, target.name, run.name), 0)
    return folder


def test_the_log_beside_a_bundle_is_used(three):
    """Without being asked, verify looks the seal up in the log of the reports folder the bundle lies in."""
    log = three[0].parent.parent / seal_log.NAME
    lines = log.read_bytes().splitlines(keepends=True)
    assert examine(three[2], None)[0] == VALID
    log.write_bytes(b"".join(lines[:2]))
    code, said = examine(three[2], None)
    assert (code, said[0]) == (
        INVALID,
        "INVALID: the log of seals was cut off: it ends at the seal before this bundle's",
    )
    log.write_bytes(lines[0] + lines[2])
    assert "lines were cut out" in examine(three[2], None)[1][0]
    log.unlink()
    assert examine(three[2], None)[0] == VALID


def test_heads_come_from_the_command_line_or_the_policy(three, tmp_path):
    """A pinned head that the log does not reach is a refusal; with no log to look into, nothing is decided."""
    log = three[0].parent.parent / seal_log.NAME
    last = believe(read_folder(three[2])).seal
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(three[2], elsewhere / "a" / "b")
    moved = elsewhere / "a" / "b"
    assert examine(moved, None)[0] == VALID
    code, said = examine(moved, None, head=last)
    assert (code, said[0]) == (UNDECIDED, "CANNOT DECIDE: a pinned head, and no log of seals to look it up in")
    code, said = examine(moved, None, log=elsewhere / "seals.jsonl")
    assert (code, said[0]) == (UNDECIDED, "CANNOT DECIDE: a log of seals named, and no log of seals to look it up in")
    assert examine(moved, None, log=log, head=last)[0] == VALID
    policy = tmp_path / "policy.toml"
    policy.write_text(f'log = "{log}"\nheads = {{ sandbox = "{last}" }}\n')
    assert examine(moved, policy)[0] == VALID
    policy.write_text(f'log = "{log}"\nheads = {{ sandbox = "{"0" * 64}" }}\n')
    assert "does not reach the pinned head" in examine(moved, policy)[1][0]
    policy.write_text(f'log = "{log}"\nheads = {{ prod = "{"0" * 64}" }}\n')
    assert examine(moved, policy)[0] == VALID
    done = CliRunner().invoke(paygate, ["verify", str(moved), "--log", str(log), "--head", "0" * 64])
    assert done.exit_code == INVALID
