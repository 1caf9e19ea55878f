"""Our options in somebody else's project: the long ones always, the short ones only where nobody has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.project import Project

OWNER = """
def pytest_addoption(parser):
    parser.addoption("--env", action="store", default="theirs")
    parser.addoption("--live", action="store_true", default=False)

def pytest_configure(config):
    config.theirs = (config.getoption("--env"), config.getoption("--live"))

def pytest_unconfigure(config):
    print(f"THEIRS {config.theirs}")
"""


def test_projects_keep_their_own_options(project: Project) -> None:
    """A conftest that registers `--env` and `--live` keeps both, and ours answer to their long names."""
    project.write("conftest.py", OWNER)

    result = project.run("--env=qa", "--live")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "paygate: gate demo against demo",
            "paygate: options --confirm --refund --no-refund --payer --operator --resume; not ours here: --env --live (use --paygate-…)",
            "THEIRS ('qa', True)",
        ]
    )


def test_short_options_work_where_free(project: Project) -> None:
    """Where nobody has them, the short options work and the collection line names them."""
    result = project.run_here("--env=demo", "--refund", "--payer=http", environment="", refund=False)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["paygate: options --env --live --confirm --refund --no-refund --payer --operator --resume"]
    )


def test_markers_are_registered(project: Project) -> None:
    """Every marker is listed by `--markers` and passes `--strict-markers`."""
    result = project.run_here("--markers")

    for marker in ("row(id)", "preflight", "live_money", "hitl_pause"):
        result.stdout.fnmatch_lines([f"@pytest.mark.{marker}: *"])
    assert project.run_here("--strict-markers", "--strict-config").ret == 0


def test_settings_and_reports_can_stand_elsewhere(project: Project) -> None:
    """`--paygate-config` and `--paygate-reports` are taken from where pytest was started."""
    (project.path / "paygate.toml").rename(project.path / "other.toml")

    result = project.run_here("--paygate-config=other.toml", "--paygate-reports=elsewhere")

    assert result.ret == 0
    assert not (project.path / "reports").exists()
    assert len(list((project.path / "elsewhere").glob("demo/*/report.html"))) == 1


def test_collecting_only_leaves_nothing_behind(project: Project) -> None:
    """`--collect-only` begins no run and writes no report."""
    result = project.run_here("--collect-only", "-q")

    assert result.ret == 0
    assert not (project.path / "reports").exists()
