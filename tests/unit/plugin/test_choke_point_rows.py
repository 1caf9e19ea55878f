"""The choke point around rows: log lines, what fixtures raise, and each report of a row, before anybody else looks."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from pytest_paygate.plugin import choke_point
from pytest_paygate.plugin.choke_point import ReducedError
from pytest_paygate.plugin.protocol import OUTCOME, OwnFailureError, OwnSkip
from tests.unit.plugin.rows import HELD, driven, fails, raised, row, told

RECORD = logging.LogRecord("x", logging.ERROR, "x.py", 1, HELD, (), None)
PARTIAL = "an error whose text may hold anything"


class OfTheGateError(ValueError):
    """An error of a gate's own."""


def handlers() -> SimpleNamespace:
    """The two handlers of the logging plugin that write at once, and one that keeps."""
    names = ("log_cli_handler", "log_file_handler", "caplog_handler")
    return SimpleNamespace(**{name: logging.NullHandler() for name in names})


def shown(live: SimpleNamespace) -> list[bool]:
    """Whether each handler would let a record through: terminal, file, what is kept for the report."""
    return [bool(getattr(live, name).filter(RECORD)) for name in vars(live)]


def seen(item, live, inner=lambda: "result"):
    """What the handlers let through while a test runs, and whether it is known which row that is; then the result."""
    during = []

    def watched():
        during.append((shown(live), item.config.stash.get(choke_point._ROW, None)))
        return inner()

    return during, watched


def test_log_lines_of_a_row_are_written_by_nobody(tmp_path):
    """While a row runs, terminal and log file get none of its lines; afterwards they get everything as before."""
    live = handlers()
    item = row(tmp_path, plugins={"logging-plugin": live})
    during, inner = seen(item, live)
    assert driven(choke_point.pytest_runtest_protocol(item), inner) == "result"
    assert during == [([False, False, True], item)]
    assert shown(live) == [True, True, True]
    assert [one.filters for one in vars(live).values()] == [[], [], []]
    assert choke_point._ROW not in item.config.stash


def test_log_lines_of_other_tests_are_theirs(tmp_path):
    """A test that is no row is logged as ever, is not known as the running row, and keeps its result."""
    live = handlers()
    item = row(tmp_path, of_gate=False, plugins={"logging-plugin": live})
    during, inner = seen(item, live)
    assert driven(choke_point.pytest_runtest_protocol(item), inner) == "result"
    assert during == [([True, True, True], None)]


@pytest.mark.parametrize("names", [(), ("log_cli_handler",), ("log_file_handler",)])
def test_a_session_without_live_logs_runs_rows_all_the_same(tmp_path, names):
    """No logging plugin, or one of the two handlers only: what is there is kept silent, and the row has its result."""
    live = SimpleNamespace(**{name: logging.NullHandler() for name in names})
    item = row(tmp_path, plugins={"logging-plugin": live} if names else {})
    during, inner = seen(item, live)
    assert driven(choke_point.pytest_runtest_protocol(item), inner) == "result"
    assert during == [([False] * len(names), item)]
    assert all(shown(live))


def test_the_end_of_a_session_is_told_without_its_reason(tmp_path):
    """`pytest.exit` in a row ends the session with its exit code, and says where; not why. The log goes on after it."""
    live = handlers()
    item = row(tmp_path, plugins={"logging-plugin": live})
    error = raised(item, pytest.exit.Exception(HELD, 7))
    with pytest.raises(pytest.exit.Exception) as ended:
        driven(choke_point.pytest_runtest_protocol(item), fails(error))
    assert (ended.value.msg, ended.value.returncode) == ("Exit at test_demo.py:5", 7)
    assert ended.value.__cause__ is None
    assert ended.value.__suppress_context__
    assert shown(live) == [True, True, True]
    assert choke_point._ROW not in item.config.stash


def test_the_running_row_is_known_under_a_key_of_our_own():
    """No other plugin can come across it, or put something in its place."""
    assert isinstance(choke_point._ROW, pytest.StashKey)


def fixture_of(item, finalizers=()):
    """A fixture that is being set up, and the request for it."""
    return SimpleNamespace(_finalizers=list(finalizers)), SimpleNamespace(config=item.config)


def running(root):
    """A row that runs now."""
    item = row(root)
    item.config.stash[choke_point._ROW] = item
    return item


def test_a_fixture_of_a_row_gives_its_value(tmp_path):
    """What goes well in a fixture stays as it is, and so does what its teardown does."""
    item, done = running(tmp_path), []
    fixture, request = fixture_of(item, [lambda: done.append("first"), lambda: done.append("second")])
    kept = fixture._finalizers
    assert driven(choke_point.pytest_fixture_setup(fixture, request), lambda: "value") == "value"
    assert fixture._finalizers is kept
    assert [one() for one in kept] == [None, None]
    assert done == ["first", "second"]


def test_a_fixture_of_another_test_is_left_alone(tmp_path):
    """While no row runs, a fixture's value, its errors and its teardown are those of the test."""
    item, error = row(tmp_path, of_gate=False), ValueError("its own")
    finalizer = fails(error)
    fixture, request = fixture_of(item, [finalizer])
    assert driven(choke_point.pytest_fixture_setup(fixture, request), lambda: "value") == "value"
    with pytest.raises(ValueError, match="its own") as caught:
        driven(choke_point.pytest_fixture_setup(fixture, request), fails(error))
    assert caught.value is error
    assert fixture._finalizers == [finalizer]


STOPS = [pytest.skip.Exception(HELD), pytest.xfail.Exception(HELD)]
ERRORS = [ValueError(HELD), OfTheGateError(HELD), pytest.fail.Exception(HELD), ExceptionGroup(HELD, [ValueError(HELD)])]


def setting_up(item, error):
    """What comes out of a fixture's setup."""
    fixture, request = fixture_of(item)
    driven(choke_point.pytest_fixture_setup(fixture, request), fails(error))


def tearing_down(item, error):
    """What comes out of a fixture's teardown."""
    fixture, request = fixture_of(item, [fails(error)])
    driven(choke_point.pytest_fixture_setup(fixture, request), lambda: "value")
    fixture._finalizers[0]()


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_fixture_raises_is_reduced(tmp_path, phase, error):
    """Whatever reporter looks at a fixture sees where it went wrong; the error itself is kept for the row's status."""
    item = running(tmp_path)
    raised(item, error.with_traceback(None))
    with pytest.raises(ReducedError) as reduced:
        phase(item, error)
    assert str(reduced.value) == told(error)
    assert reduced.value.behind is error
    assert reduced.value.__cause__ is None
    assert reduced.value.__suppress_context__
    assert HELD not in str(reduced.value)


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
@pytest.mark.parametrize("kind", [SystemExit, asyncio.CancelledError])
def test_an_error_that_is_no_exception_is_reduced_too(tmp_path, phase, kind):
    """A task that was cancelled, or `sys.exit`, says no more than any other error of a fixture."""
    item = running(tmp_path)
    error = raised(item, kind(HELD))
    with pytest.raises(ReducedError) as reduced:
        phase(item, error)
    assert str(reduced.value) == told(error)
    assert reduced.value.behind is error


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
def test_a_fixture_may_end_the_session(tmp_path, phase):
    """`pytest.exit` in a fixture ends the session with its exit code; its reason goes."""
    item = running(tmp_path)
    error = raised(item, pytest.exit.Exception(HELD, 7))
    with pytest.raises(pytest.exit.Exception) as reduced:
        phase(item, error)
    assert (reduced.value.msg, reduced.value.returncode) == (told(error), 7)


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
def test_what_comes_from_outside_passes(tmp_path, phase, kind):
    """Ctrl-C while a fixture runs, and the end of a hook that is given up, are no errors of the fixture."""
    item, error = running(tmp_path), kind()
    with pytest.raises(kind) as caught:
        phase(item, error)
    assert caught.value is error


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
@pytest.mark.parametrize("error", STOPS, ids=lambda error: type(error).__name__)
def test_a_skip_of_a_fixture_stays_one(tmp_path, phase, error):
    """Pytest tells a skip and an expected failure by their types: these stay, and only the reason goes."""
    item = running(tmp_path)
    raised(item, error.with_traceback(None))
    with pytest.raises(type(error)) as reduced:
        phase(item, error)
    assert type(reduced.value) is type(error)
    assert reduced.value is not error
    assert reduced.value.msg == told(error)
    assert reduced.value.__cause__ is None


@pytest.mark.parametrize("phase", [setting_up, tearing_down])
def test_what_is_reduced_is_not_reduced_again(tmp_path, phase):
    """A fixture that fails because another one did passes on what came out of that one."""
    item, error = running(tmp_path), ReducedError(PARTIAL)
    with pytest.raises(ReducedError) as reduced:
        phase(item, error)
    assert reduced.value is error


def report_of(outcome, longrepr, **more):
    """A report as pytest makes it, with everything in it that may hold a secret."""
    return pytest.TestReport(
        nodeid="demo/test_demo.py::test_pay",
        location=("demo/test_demo.py", 3, "test_pay"),
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when="call",
        sections=[("Captured stdout call", HELD)],
        user_properties=[("token", HELD)],
        **more,
    )


def call_of(error):
    """A phase that ended with this error, or well."""
    if error is None:
        return pytest.CallInfo.from_call(lambda: None, "call")
    return pytest.CallInfo.from_call(fails(error), "call")


def reduced(item, report, error):
    """The report and the call that any other plugin gets."""
    call = call_of(error)
    given = driven(choke_point.pytest_runtest_makereport(item, call), lambda: report)
    assert given is report
    return call


@pytest.mark.parametrize(("of_gate", "began"), [(False, False), (False, True), (True, False)])
def test_other_tests_keep_their_reports(tmp_path, of_gate, began):
    """A test that is no row, or that our protocol never began, is reported word for word."""
    item, error = row(tmp_path, of_gate=of_gate, began=began), ValueError(HELD)
    report = report_of("failed", HELD, wasxfail=HELD)
    call = reduced(item, report, error)
    assert (report.longrepr, report.wasxfail) == (HELD, HELD)
    assert (report.sections, report.user_properties) == ([("Captured stdout call", HELD)], [("token", HELD)])
    assert call.excinfo.value is error


def test_a_row_that_passes_leaves_nothing_else(tmp_path):
    """No output and no recorded property; it keeps that it passed, and nothing is said to have gone wrong."""
    item, report = row(tmp_path), report_of("passed", None)
    item.stash[OUTCOME].error = ValueError("of the phase before")
    call = reduced(item, report, None)
    assert (report.sections, report.user_properties, report.longrepr) == ([], [], None)
    assert not hasattr(report, "wasxfail")
    assert (call.excinfo, item.stash[OUTCOME].error) == (None, None)


@pytest.mark.parametrize("longrepr", [HELD, ("x.py", 1, HELD)], ids=["text", "place"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_row_that_fails_says_where(tmp_path, error, longrepr):
    """Exception, file, line and function in the gate: in the report, and in the call for whoever looks there."""
    item, report = row(tmp_path), report_of("failed", longrepr)
    raised(item, error.with_traceback(None))
    call = reduced(item, report, error)
    assert report.longrepr == told(error)
    assert (report.sections, report.user_properties) == ([], [])
    assert item.stash[OUTCOME].error is error
    assert type(call.excinfo.value) is ReducedError
    assert str(call.excinfo.value) == told(error)
    assert call.excinfo.value.behind is None
    assert [frame.name for frame in call.excinfo.traceback] == ["_raised"]


@pytest.mark.parametrize("error", STOPS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("longrepr", "left"), [(("x.py", 1, HELD), ("x.py", 1, "{}")), (HELD, "{}")], ids=["place", "text"]
)
def test_a_row_that_skips_says_where(tmp_path, error, longrepr, left):
    """The reason of a skip or of an expected failure goes; its type, by which pytest knows it, and its place stay."""
    item, report = row(tmp_path), report_of("skipped", longrepr, wasxfail=HELD)
    raised(item, error.with_traceback(None))
    call = reduced(item, report, error)
    assert report.longrepr == (left.format(told(error)) if left == "{}" else (*left[:2], told(error)))
    assert report.wasxfail == ""
    assert type(call.excinfo.value) is type(error)
    assert call.excinfo.value.msg == told(error)
    assert item.stash[OUTCOME].error is error


def test_a_row_that_passes_in_spite_of_an_error(tmp_path):
    """Where pytest counts an error as a pass, its report says nothing, and the call says where."""
    item, report, error = row(tmp_path), report_of("passed", None), ValueError(HELD)
    raised(item, error)
    call = reduced(item, report, error)
    assert report.longrepr is None
    assert str(call.excinfo.value) == told(error)


def test_our_own_words_are_shown(tmp_path):
    """A row that this plugin holds back or fails says so as written; its output goes all the same."""
    item, report, error = row(tmp_path), report_of("skipped", ("x.py", 1, "BLOCKED: row 2 is FAIL")), OwnSkip("BLOCKED")
    call = reduced(item, report, error)
    assert report.longrepr == ("x.py", 1, "BLOCKED: row 2 is FAIL")
    assert report.sections == []
    assert call.excinfo.value is error
    assert item.stash[OUTCOME].error is error
    report, failure = report_of("failed", "a traceback through our own files"), OwnFailureError("row pay came twice")
    call = reduced(item, report, failure)
    assert report.longrepr == "row pay came twice"
    assert type(call.excinfo.value) is ReducedError
    assert str(call.excinfo.value) == "row pay came twice"


def test_what_a_fixture_really_raised_reaches_the_row_only(tmp_path):
    """The row's status comes from the error behind; afterwards nobody finds it at the error that reporters have."""
    item, report, error = row(tmp_path), report_of("failed", HELD), ValueError(HELD)
    raised(item, error)
    shell = ReducedError("reduced")
    shell.behind = error
    call = reduced(item, report, shell)
    assert item.stash[OUTCOME].error is error
    assert report.longrepr == str(call.excinfo.value) == told(error)
    assert shell.behind is None


def test_a_reduced_error_with_nothing_behind_stands_for_itself(tmp_path):
    """The second report of one broken fixture has what is left of the error, not nothing."""
    item, report, shell = row(tmp_path), report_of("failed", HELD), ReducedError("reduced")
    reduced(item, report, shell)
    assert item.stash[OUTCOME].error is shell
    assert report.longrepr == "ReducedError at test_demo.py"
