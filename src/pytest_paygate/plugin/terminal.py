"""What a gate says on the terminal: which options are ours, each row's own word, and the verdict last of all.

Owns the end of a session: closing the runs, writing the reports, setting the exit code. Prompts are not its business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.inert import terminal_text
from pytest_paygate.core.verdict import EXIT_CODES, Verdict, worst
from pytest_paygate.plugin import distribution
from pytest_paygate.plugin.options import spelling_line
from pytest_paygate.plugin.page import end_page
from pytest_paygate.plugin.protocol import plain_words
from pytest_paygate.plugin.seats import AFTERWARDS
from pytest_paygate.plugin.stash import PAGE, RUNS

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_paygate.plugin.runs import Runs
    from pytest_paygate.reporting.run_reports import Outcome

# The categories pytest sums up in its last line, and the letter of each.
_WORDS = {
    RowStatus.BLOCKED: ("blocked", "B", {"yellow": True}),
    RowStatus.PENDING: ("pending", "H", {"yellow": True}),
    RowStatus.INCONCLUSIVE: ("inconclusive", "I", {"red": True}),
    RowStatus.SKIPPED: ("skipped", "s", {"yellow": True}),
}


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Tell which gates were collected, against what, and which option spellings work here."""
    runs = config.stash[RUNS]
    gates = ", ".join(folder.gate.id for folder in runs.folders.values())
    page = config.stash.get(PAGE, None)
    told = [] if page is None else [page.line()]
    # What pytest-timeout has made of option, variable and ini; it tells them together nowhere else.
    if getattr(config, "_env_timeout", None):
        told.append("paygate: pytest-timeout ends no row of a gate; every wait of a row has a deadline of its own")
    return [f"paygate: gate {gates} against {runs.choice.environment}", spelling_line(config), *told] if gates else []


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Give a row its own word where pytest has none."""
    words = plain_words(report)
    if not words or report.passed or (report.when != "call" and not (report.skipped or report.failed)):
        return None
    status = RowStatus(words[2])
    if status not in _WORDS:
        return None
    category, letter, markup = _WORDS[status]
    return category, letter, (status.value, markup)


class SessionEnd:
    """Ends the runs of a session once every fixture has been torn down: settling happens in a fixture's teardown.

    Registered as a plugin of its own, because one module can implement a hook only once.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] | None = None
        self.leaks: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """After pytest's own teardown: close the runs, write the reports, set the exit code."""
        self.end(session, exitstatus)

    def end(self, session: pytest.Session, exitstatus: int) -> None:
        """End the runs, once."""
        if self.outcomes is not None:
            return
        runs = session.config.stash[RUNS]
        for folder in runs.folders.values():
            if folder.run is not None:
                runs.notices.journal(folder.run)
                folder.run.finish(_interruption(exitstatus))
        self.outcomes = []
        distribution.hand_secrets_over(session.config, runs.held)
        if not hasattr(session.config, "workerinput"):
            self.outcomes = _write_reports(runs)
            _note_capacity(runs, self.outcomes)
            session.exitstatus = _exit_code(runs, self.outcomes, exitstatus)
            _tell_allure(session.config, runs)

    def look_for_leaks(self, session: pytest.Session, runs: Runs) -> None:
        """Search what everybody wrote; a secret in any file fails the session, and only escalated money is worse."""
        from pytest_paygate.plugin.leak_check import look

        self.leaks = look(runs)
        leaked = bool(self.leaks) or any(outcome.leaked for outcome in self.outcomes or [])
        if leaked and session.exitstatus != EXIT_CODES[Verdict.ESCALATED]:
            session.exitstatus = EXIT_CODES[Verdict.FAIL]


END = "paygate-end"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Print the verdict after everything else, and let nobody change the exit code it set."""
    config = session.config
    runs = config.stash[RUNS]
    end: SessionEnd = config.pluginmanager.get_plugin(END) or SessionEnd()
    try:
        yield
    except KeyboardInterrupt:
        # A second Ctrl-C cuts settling short: the guardian goes on with it, and the operator is told so, not shown a
        # traceback.
        exitstatus = int(pytest.ExitCode.INTERRUPTED)
        config.get_terminal_writer().line(f"\nInterrupted while settling: the guardian goes on with it; {AFTERWARDS}")
    finally:
        # A teardown that raised has kept the hook above from being called.
        end.end(session, exitstatus)
        runs.close_sandbox()
        if not hasattr(config, "workerinput"):
            # Whoever set another code meanwhile did not know the verdict.
            session.exitstatus = _exit_code(runs, end.outcomes or [], exitstatus) or session.exitstatus
            end.look_for_leaks(session, runs)
            _summarise(end.outcomes or [])
            runs.notices.verdicts(end.outcomes or [], int(session.exitstatus))
            end_page(config, end.outcomes or [])
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            _print_verdicts(reporter, runs, end.outcomes or [])
            _print_leaks(reporter, end.leaks)
            for sentence in runs.notices.undelivered:
                reporter.write_line(terminal_text(f"paygate: {sentence}"), yellow=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With `--live` and without `--confirm`: show the plan instead of running anything."""
    runs = session.config.stash[RUNS]
    if not runs.is_live or runs.is_confirmed:
        return None
    from pytest_paygate.plugin.plan_display import show

    show(session.config, runs)
    return True


def _summarise(outcomes: list[Outcome]) -> None:
    """Add each gate's summary to the CI job's page, where there is one: a mirror, whose failure changes nothing."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    texts = [outcome.summary for outcome in outcomes if outcome.summary]
    if target and texts:
        with contextlib.suppress(OSError), Path(target).open("a", encoding="utf-8") as file:
            file.write("\n".join(texts) + "\n")


def _interruption(exitstatus: int) -> str:
    reasons = {
        pytest.ExitCode.INTERRUPTED: "the session was interrupted",
        pytest.ExitCode.INTERNAL_ERROR: "pytest had an internal error",
        pytest.ExitCode.USAGE_ERROR: "pytest refused its command line",
    }
    return next((reason for code, reason in reasons.items() if code == exitstatus), "")


def _write_reports(runs: Runs) -> list[Outcome]:
    from pytest_paygate.reporting.run_reports import Signing, write

    settings = runs.settings
    signing = None
    if settings.signing_key:
        signing = Signing(Path(settings.signing_key).expanduser(), settings.signing_as)
    gate_ids = [folder.gate.id for folder in runs.folders.values()]
    return write(runs.choice.reports, runs.identity, gate_ids, signing=signing, secrets=runs.held)


def _note_capacity(runs: Runs, outcomes: list[Outcome]) -> None:
    """Note the verdicts of runs that took a unit of capacity; what fails here is made good by `paygate recover`."""
    if not outcomes or not any(folder.gate.capacity.required for folder in runs.folders.values()):
        return
    from pytest_paygate.exposure.capacity import Capacity
    from pytest_paygate.exposure.capacity_verdicts import note

    environment = runs.choice.environment
    try:
        told = asyncio.run(note(Capacity(runs.capacity_log, environment, None), runs.choice.reports, environment))
    except PaygateError as error:
        told = [f"NOT NOTED: {error.refusal.refused}; `paygate recover` makes it good"]
    outcomes[-1].lines += [f"  capacity  {one}" for one in told]


def _tell_allure(config: pytest.Config, runs: Runs) -> None:
    folder = getattr(config.option, "allure_report_dir", None)
    if folder and config.pluginmanager.hasplugin("allure_listener"):
        from pytest_paygate.plugin.allure_guest import write_context
        from pytest_paygate.reporting.run_reports import told_of_session

        write_context(Path(folder).absolute(), told_of_session(runs.choice.reports, runs.identity))


def _exit_code(runs: Runs, outcomes: list[Outcome], exitstatus: int) -> int:  # noqa: PLR0911 - a ladder, worst first
    """The verdict sets the exit code; pytest's own trouble and escalated money come before it."""
    code = int(exitstatus)
    never_ran = [Verdict.INCOMPLETE for _ in _unselected(runs)]
    verdicts = [*(outcome.verdict for outcome in outcomes), *never_ran]
    if Verdict.ESCALATED in verdicts:
        return EXIT_CODES[Verdict.ESCALATED]
    if code in {2, 3, 4}:
        return code
    if any(folder.refused is not None for folder in runs.folders.values()):
        return int(pytest.ExitCode.USAGE_ERROR)
    if not verdicts:
        return code
    if any(outcome.failure for outcome in outcomes):
        return EXIT_CODES[Verdict.STOPPED]
    verdict = worst(verdicts)
    if verdict is Verdict.PASS:
        # With `--dist each`, a worker that leaves the gates to another may have collected nothing at all.
        return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code
    return EXIT_CODES[verdict]


def _unselected(runs: Runs) -> list[str]:
    """Gates that were collected and of which no row was left to run: 0 is for PASS only, so this is INCOMPLETE."""
    if runs.config.getoption("collectonly", default=False):
        return []
    return [folder.gate.id for folder in runs.folders.values() if folder.run is None and folder.refused is None]


def _print_verdicts(reporter: Any, runs: Runs, outcomes: list[Outcome]) -> None:
    for folder in runs.folders.values():
        if folder.refused is not None:
            reporter.write_sep("=", f"gate {folder.gate.id} did not run", red=True, bold=True)
            reporter.write_line(terminal_text(folder.refused.refusal.text()))
    for gate_id in [] if hasattr(runs.config, "workerinput") else _unselected(runs):
        reporter.write_sep("=", f"gate {gate_id}: INCOMPLETE — none of its rows was selected", yellow=True, bold=True)
    for outcome in outcomes:
        colour = {"green": True} if outcome.verdict is Verdict.PASS and not outcome.leaked else {"red": True}
        if not outcome.leaked and outcome.verdict in {Verdict.PENDING, Verdict.CONDITIONAL, Verdict.INCOMPLETE}:
            colour = {"yellow": True}
        reporter.write_sep("=", terminal_text(outcome.headline), bold=True, **colour)
        for line in outcome.lines:
            reporter.write_line(terminal_text(line))
    if distribution.is_controller(runs.config) and not outcomes:
        reporter.write_line("paygate: no gate of this session wrote a journal")


def _print_leaks(reporter: Any, leaks: list[str]) -> None:
    if leaks:
        reporter.write_sep("=", "FAIL: a secret of this session stands in a file", red=True, bold=True)
        for leak in leaks[:10]:
            reporter.write_line(terminal_text(f"  {leak}"))
        reporter.write_line("  Rotate the secret, treat the file as leaked, and find out how it got there.")
