"""A secret in a file: the run is shut and counts for nothing, the session fails, whoever wrote the file."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.cli.verify import INVALID, examine
from tests.encodings import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.project import Project

TOKEN = "tok-5c1f0e9d7b3a"
SETTINGS = '\n[env.demo.secrets]\ntoken = "env:PAYGATE_TEST_TOKEN"\n'
# Writes into the run's own folder, where nothing but the tool should write.
PLANT = """
from pathlib import Path
folder = next(Path(__file__).parent.parent.joinpath("reports", "demo").iterdir())
folder.joinpath("note.txt").write_text({content!r})
facts["refund_id"] = "re_1"
"""
GUESTS = {
    "junit.xml": 'request.getfixturevalue("record_testsuite_property")("token", {token!r})',
    "report.html": 'from pytest_html import extras\nrequest.getfixturevalue("extras").append(extras.html({token!r}))',
    "allure": "import allure\nallure.attach({token!r})",
    "log.txt": 'from pathlib import Path\nPath("out").mkdir(exist_ok=True)\nPath("out/log.txt").write_text({token!r})',
}


@pytest.fixture
def guarded(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The demo gate in an environment that holds a token."""
    monkeypatch.setenv("PAYGATE_TEST_TOKEN", TOKEN)
    with (project.path / "paygate.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, request)")
    return project


def run_with_reporters(project: Project, *arguments: str) -> pytest.RunResult:
    """A session with JUnit, pytest-html and Allure on, all writing below `out`."""
    ini = (project.path / "pytest.ini").read_text(encoding="utf-8")
    for name in ("allure_pytest", "html", "metadata"):
        ini = ini.replace(f" -p no:{name}", "")
    project.write("pytest.ini", ini)
    guests = ("--junitxml=out/junit.xml", "--html=out/report.html", "--self-contained-html", "--alluredir=out/allure")
    return project.run(*guests, *arguments)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_run_with_a_secret_in_its_folder_is_shut(guarded: Project, arguments: tuple[str, ...]) -> None:
    """Everything passed, and yet: exit 1, not sealed, noted by name, owner only, never counted, not believed."""
    guarded.body("refund", PLANT.format(content=f"12345 {TEXTS['base64 at offset 1'](TOKEN)}"))
    result = guarded.run(*arguments)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*gate demo: QUARANTINED (otherwise PASS)*", "*note.txt holds env:PAYGATE_TEST_TOKEN*"]
    )
    (folder,) = guarded.folders()
    note = json.loads((folder / "quarantine.json").read_text())
    assert note == {
        "version": 1,
        "found": [{"file": "note.txt", "secret": "env:PAYGATE_TEST_TOKEN", "encoding": "base64", "offset": 8}],
    }
    assert not (folder / "manifest.json").exists()
    assert {_permissions(folder)} | {_permissions(file) for file in folder.iterdir()} == {"drwx------", "-rw-------"}
    assert "| QUARANTINED |" in (folder.parent / "sessions.md").read_text()
    for page in ("go-no-go.md", "go-no-go.html"):
        assert "QUARANTINED" in (folder.parent.parent / page).read_text()
    assert examine(folder, None) == (INVALID, ["INVALID: quarantined: a secret was found in its files"])
    assert TOKEN not in result.stdout.str()


def test_the_run_after_it_is_none_the_worse(guarded: Project) -> None:
    """The next run of the gate passes, and the pages name both."""
    guarded.body("refund", PLANT.format(content=TOKEN))
    assert guarded.run().ret == 1
    guarded.body("refund", 'facts["refund_id"] = "re_1"')
    assert guarded.run().ret == 0
    text = (guarded.path / "reports" / "demo" / "sessions.md").read_text()
    assert "| QUARANTINED |" in text
    assert "| PASS |" in text


@pytest.mark.parametrize("file", GUESTS)
def test_a_secret_in_a_guest_s_file_fails_the_session(guarded: Project, file: str) -> None:
    """What a suite itself hands to another reporter is found too: exit 1, and the file is named."""
    guarded.body("refund", GUESTS[file].format(token=TOKEN) + '\nfacts["refund_id"] = "re_1"')
    result = run_with_reporters(guarded, "--log-file=out/log.txt", "--log-file-mode=a")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*gate demo: PASS*",
            "*a secret of this session stands in a file*",
            f"*out/{file}* holds env:PAYGATE_TEST_TOKEN *",
        ]
    )
    assert TOKEN not in result.stdout.str()


def test_a_token_that_a_suite_obtains_is_known_too(guarded: Project) -> None:
    """A secret need not stand in the settings: one that a row makes of an answer is searched for as well."""
    guarded.body(
        "refund",
        "from pytest_paygate import Secret\nSecret('obtained-7f3a', 'login')\n" + PLANT.format(content="obtained-7f3a"),
    )
    result = guarded.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*note.txt holds login (raw) at byte 0*"])


def test_the_secrets_of_a_worker_that_died_are_known_by_the_settings(guarded: Project) -> None:
    """Nobody handed them over, and still the controller knows what to search for."""
    guarded.body("refund", PLANT.format(content=TOKEN) + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    result = guarded.run("-n", "1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*gate demo: QUARANTINED (otherwise INCOMPLETE)*"])


def _permissions(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)
