"""The choke point beside rows: subtests, gate files that cannot be collected, warnings; and a real row at the end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from _pytest.runner import runtestprotocol

from pytest_paygate.plugin import choke_point
from pytest_paygate.plugin.choke_point import BesideRows
from pytest_paygate.plugin.protocol import OUTCOME, Outcome
from pytest_paygate.plugin.stash import GATE, RUNS
from tests.unit.plugin.rows import HELD, driven

GATE_TEST, UNIT_TEST = "demo/test_demo.py::test_pay", "unit/test_unit.py::test_unit"


@dataclass(frozen=True)
class Context:
    """What a subtest's report says of it."""

    msg: str | None = HELD
    kwargs: dict[str, object] = field(default_factory=lambda: {"token": HELD})


@pytest.fixture
def root(tmp_path):
    """A project with a gate and unit tests, in a folder that has a gate file of another project beside it."""
    for folder in ("demo", "unit"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    for file in (tmp_path / "gate.toml", tmp_path / "root" / "demo" / "gate.toml"):
        file.write_text("")
    return tmp_path / "root"


@pytest.fixture
def beside(root):
    """The plugin of that project's session."""
    return BesideRows(SimpleNamespace(rootpath=root))


def report_of(nodeid, **more):
    """A report with output."""
    return pytest.TestReport(
        nodeid=nodeid,
        location=("x.py", 1, "x"),
        keywords={},
        outcome="failed",
        longrepr="reduced",
        when="call",
        sections=[("Captured stdout call", HELD)],
        **more,
    )


def test_a_subtest_of_a_row_has_no_words_of_its_own(beside):
    """Message, parameters and output of a subtest go; what was reduced before, and that it is a subtest, stays."""
    report = report_of(GATE_TEST, context=Context())
    beside.pytest_runtest_logreport(report)
    assert (report.sections, report.context, report.longrepr) == ([], Context(msg=None, kwargs={}), "reduced")


def test_a_report_that_is_no_subtest_s_has_its_output_taken_only(beside):
    """What has no context does not get one."""
    for report in (report_of(GATE_TEST), report_of(GATE_TEST, context=None)):
        beside.pytest_runtest_logreport(report)
        assert report.sections == []
        assert getattr(report, "context", None) is None


def test_a_subtest_of_another_test_keeps_its_words(beside):
    """A project's own tests are reported word for word."""
    report = report_of(UNIT_TEST, context=Context())
    beside.pytest_runtest_logreport(report)
    assert (report.sections, report.context) == ([("Captured stdout call", HELD)], Context())


@pytest.mark.parametrize(
    ("file", "outcome", "sections", "longrepr"),
    [
        (
            "demo/test_demo.py",
            "failed",
            [],
            "test_demo.py cannot be collected; python -c 'import …' shows why",
        ),
        ("demo/test_demo.py", "passed", [], None),
        ("unit/test_unit.py", "failed", [("Captured stdout", HELD)], HELD),
    ],
)
def test_a_gate_file_that_cannot_be_imported(beside, root, file, outcome, sections, longrepr):
    """What a gate's import says or prints is not shown, and how to see it is; other files say everything."""
    report = pytest.CollectReport(
        file, outcome, HELD if outcome == "failed" else None, [], sections=[("Captured stdout", HELD)]
    )
    wrapper = beside.pytest_make_collect_report(SimpleNamespace(path=root / file))
    assert driven(wrapper, lambda: report) is report
    assert (report.sections, report.longrepr) == (sections, longrepr)


def warned(root, file):
    """A warning from a file, with everything in it that may hold a secret."""
    message = RuntimeWarning(HELD)
    return warnings.WarningMessage(message, RuntimeWarning, str(root / file), 7, line=HELD, source=object())


@pytest.mark.parametrize(
    ("nodeid", "file"),
    [
        (GATE_TEST, "unit/steps.py"),
        (GATE_TEST, "demo/steps.py"),
        (UNIT_TEST, "demo/steps.py"),
        ("", "demo/steps.py"),
    ],
)
def test_a_warning_of_a_gate_says_where(beside, root, nodeid, file):
    """Raised while a row runs, or in a file of the gate: class, file and line are left, in a warning of our own."""
    message = warned(root, file)
    beside.pytest_warning_recorded(message, nodeid)
    assert type(message.message) is message.category is UserWarning
    assert str(message.message) == "RuntimeWarning at steps.py:7"
    assert message.source is None
    assert message.line == ""


@pytest.mark.parametrize("nodeid", [UNIT_TEST, ""])
def test_a_warning_of_others_is_left_as_it_is(beside, root, nodeid):
    """Neither of a row nor in a file of a gate; that one of no test at all is not taken for one of the root's parent."""
    message = warned(root, "unit/steps.py")
    source = message.source
    beside.pytest_warning_recorded(message, nodeid)
    assert message.category is RuntimeWarning
    assert str(message.message) == HELD
    assert (message.source, message.line) == (source, HELD)


SOURCE = f"""import pytest

@pytest.fixture
def broken():
    raise ValueError({HELD!r})

@pytest.fixture
def ending():
    yield
    raise OSError({HELD!r})

def test_setup(broken):
    pass

def test_call(record_property):
    record_property("token", {HELD!r})
    print({HELD!r})
    held = {HELD!r}
    assert held == "x"

def test_teardown(ending):
    pass

def test_expected():
    pytest.xfail({HELD!r})

def test_skip():
    pytest.skip({HELD!r})
"""
FRAMES = {
    "test_setup": "ValueError at {0}:5\n  {0}:5 in broken",
    "test_call": "AssertionError at {0}:19\n  {0}:19 in test_call",
    "test_teardown": "OSError at {0}:10\n  {0}:10 in ending",
    "test_expected": "XFailed at {0}:25\n  {0}:25 in test_expected",
    "test_skip": "Skipped at {0}:28\n  {0}:28 in test_skip",
}
OUTCOMES = {
    "test_setup": ["failed", "passed"],
    "test_call": ["passed", "failed", "passed"],
    "test_teardown": ["passed", "passed", "failed"],
    "test_expected": ["passed", "skipped", "passed"],
    "test_skip": ["passed", "skipped", "passed"],
}


def test_real_rows_give_nothing_away(pytester, monkeypatch):
    """Run by pytest itself, a row has pytest's outcome in every phase, and its reports hold where, and no word more."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    items = pytester.getitems(SOURCE)
    config = items[0].config
    config.pluginmanager.register(choke_point)
    config.stash[RUNS] = SimpleNamespace(folders={"demo": object()})
    for item in items:
        item.stash[GATE], item.stash[OUTCOME] = "demo", Outcome()
        wrapper = choke_point.pytest_runtest_protocol(item)
        reports = driven(wrapper, lambda item=item: runtestprotocol(item, log=False))
        assert [report.outcome for report in reports] == OUTCOMES[item.name]
        said = [report.longrepr for report in reports if report.longrepr is not None]
        told = [one if isinstance(one, str) else one[2] for one in said]
        assert told == [FRAMES[item.name].format(item.path.name)]
        assert HELD not in repr([vars(report) for report in reports])
    assert [item.name for item in items] == list(FRAMES)
