"""The last look of a session: which files of other reporters are searched, where they are, and what is said of a find."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.secret import Secret
from pytest_paygate.plugin.leak_check import look

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "hunter2hunter2"
FIND = "{} holds env:PASSWORD (raw) at byte 2"
FILES = ("xmlpath", "htmlpath", "report_log", "log_file", "json_report_file", "ctrf")


class Config:
    """A session's options and ini values, asked as pytest's own configuration is: unknown ones are an error."""

    def __init__(self, root: Path, started_in: Path, options: dict[str, object], ini: dict[str, str]) -> None:
        self.rootpath = root
        self.invocation_params = SimpleNamespace(dir=str(started_in))
        self._options, self._ini = options, ini

    def getoption(self, name: str, *default: object) -> object:
        """An option; the default for one that nobody has registered."""
        if name not in self._options and not default:
            raise ValueError(name)
        return self._options.get(name, *default)

    def getini(self, name: str) -> str:
        """An ini value that somebody has registered."""
        return self._ini[name]


def session(
    root: Path, options: dict[str, object] | None = None, log_file: str = "", started_in: Path | None = None
) -> SimpleNamespace:
    """A session that held one secret, with reporters as these options say."""
    config = Config(root, started_in or root, options or {}, {"log_file": log_file})
    held = [Secret(VALUE, "env:PASSWORD")]
    return SimpleNamespace(config=config, choice=SimpleNamespace(reports=root / "reports"), held=held)


def leaky(path: Path) -> Path:
    """A file that holds the secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"a {VALUE}")
    return path


def test_a_clean_session_has_nothing_to_say(tmp_path):
    """Files that were never written, or hold no secret, make no line; nor does an option that nobody set."""
    (tmp_path / "junit.xml").write_text("clean")
    assert look(session(tmp_path, {"xmlpath": "junit.xml", "htmlpath": "report.html", "report_log": None})) == []
    assert look(session(tmp_path)) == []


@pytest.mark.parametrize("option", FILES)
def test_an_empty_path_names_no_file(tmp_path, option):
    """`--junitxml=` and an empty `log_file` write nothing: the folder with the project's own keys is not searched."""
    leaky(tmp_path / ".env")
    leaky(tmp_path / "assets" / "x.txt")
    assert look(session(tmp_path, {option: ""})) == []


@pytest.mark.parametrize("option", FILES)
def test_the_file_of_every_reporter_is_searched(tmp_path, option):
    """Whichever reporter wrote it: a line says which file, which secret, in which encoding and where."""
    leaky(tmp_path / "out" / "told.txt")
    assert look(session(tmp_path, {option: "out/told.txt"})) == [FIND.format("out/told.txt")]


def test_a_folder_of_results_is_searched_whole(tmp_path):
    """Allure writes a folder of files: each of them, in the order of their names."""
    for name in ("b.json", "a/c.txt"):
        leaky(tmp_path / "out" / name)
    found = [FIND.format("out/a/c.txt"), FIND.format("out/b.json")]
    assert look(session(tmp_path, {"allure_report_dir": "out"})) == found


def test_the_files_beside_a_page_are_searched_with_it(tmp_path):
    """Pytest-html keeps what it shows in `assets` beside its page; a folder of that name elsewhere is not its own."""
    leaky(tmp_path / "out" / "assets" / "x.txt")
    assert look(session(tmp_path, {"htmlpath": "out/report.html"})) == [FIND.format("out/assets/x.txt")]
    assert look(session(tmp_path, {"xmlpath": "out/junit.xml"})) == []


def test_files_lie_where_the_session_was_started(tmp_path):
    """A path is relative to where pytest was started, and told relative to the project's root where it lies below it."""
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    leaky(root / "sub" / "junit.xml")
    leaky(elsewhere / "junit.xml")
    root.joinpath("junit.xml").write_text("clean")
    assert look(session(root, {"xmlpath": "junit.xml"}, started_in=root / "sub")) == [FIND.format("sub/junit.xml")]
    assert look(session(root, {"xmlpath": "junit.xml"}, started_in=elsewhere)) == [FIND.format(elsewhere / "junit.xml")]
    assert look(session(root, {"xmlpath": str(elsewhere / "junit.xml")})) == [FIND.format(elsewhere / "junit.xml")]


@pytest.mark.parametrize("written", ["~/junit.xml", "$OUT/junit.xml", "${OUT}/junit.xml", "$TILDE/junit.xml"])
def test_a_path_is_read_as_its_reporter_reads_it(tmp_path, monkeypatch, written):
    """The home folder and variables of the environment stand in it, as they do for the reporter."""
    home = tmp_path / "home"
    for name, value in (("HOME", str(home)), ("OUT", str(home)), ("TILDE", "~")):
        monkeypatch.setenv(name, value)
    leaky(home / "junit.xml")
    (tmp_path / "root").mkdir()
    assert look(session(tmp_path / "root", {"xmlpath": written})) == [FIND.format(home / "junit.xml")]


def test_a_log_file_of_the_settings_is_searched(tmp_path):
    """The log file may stand in the ini file; what was typed goes before it. No other option has a value there."""
    leaky(tmp_path / "ini.txt")
    leaky(tmp_path / "typed.txt")
    assert look(session(tmp_path, log_file="ini.txt")) == [FIND.format("ini.txt")]
    assert look(session(tmp_path, {"log_file": None}, "ini.txt")) == [FIND.format("ini.txt")]
    assert look(session(tmp_path, {"log_file": "typed.txt"}, "ini.txt")) == [FIND.format("typed.txt")]


def test_an_option_of_another_kind_is_nobody_s_file(tmp_path):
    """Another plugin may have an option of that name that is no path."""
    assert look(session(tmp_path, {"ctrf": True, "report_log": 3})) == []


def test_our_own_pages_across_runs_are_searched(tmp_path):
    """Pages beside the runs and in each gate's folder; a run's own folder was searched before it was sealed."""
    reports = tmp_path / "reports"
    for name in ("go.md", "go.html", "e2e/sessions.md", "e2e/sessions.html", "go.txt", "e2e/x.json", "e2e/run/r.md"):
        leaky(reports / name)
    leaky(tmp_path / "junit.xml")
    names = ("junit.xml", "reports/go.md", "reports/go.html", "reports/e2e/sessions.md", "reports/e2e/sessions.html")
    assert look(session(tmp_path, {"xmlpath": "junit.xml"})) == [FIND.format(name) for name in names]


def test_a_file_that_cannot_be_read_is_not_clean(tmp_path):
    """What was not searched is told in the place of finds."""
    leaky(tmp_path / "log.txt")
    options = {"xmlpath": "/proc/self/mem", "log_file": "log.txt"}
    assert look(session(tmp_path, options)) == ["mem cannot be searched for secrets"]
