"""Every refusal of the plugin, word for word: what was refused, expected, observed, what it means for money, what next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.plugin.project import Project, project

__all__ = ["project"]

ORDER = '@pytest.mark.row("order")\n'
UNKNOWN_MARKERS = ("-W", "ignore::pytest.PytestUnknownMarkWarning")
NODE = "demo_gate/test_demo.py::test_order"


@dataclass(frozen=True, slots=True)
class Refused:
    """One way to get refused on the command line: what is changed, what is typed, what must be said."""

    name: str
    said: str
    arguments: tuple[str, ...] = ()
    test_file: tuple[str, str] | None = None
    gate_file: tuple[str, str] | None = None
    settings: tuple[str, str] | None = None
    environment: str = "demo"
    reruns: bool = False  # pytest-rerunfailures is on


def marked(decorators: str) -> tuple[str, str]:
    """The change that puts decorators around the row `order` in place of its own."""
    return ORDER, f"{decorators}\n"


BEFORE_ANY_ROW = (
    Refused(
        "unknown environment",
        environment="dem",
        said="""--env=dem: is not a known environment
  expected  one of: sandbox, demo. Did you mean 'demo'?
  observed  'dem'
  money     No money moved.
  next      Declare [env.dem] in paygate.toml, or use one of the known ones.""",
    ),
    Refused(
        "unknown payer",
        arguments=("--payer=browse",),
        said="""--payer=browse: is not a known payer
  expected  one of: http, browser, person. Did you mean 'browser'?
  observed  'browse'
  money     No money moved.
  next      Choose one of them, or leave the option out.""",
    ),
    Refused(
        "fault outside the sandbox",
        arguments=("--paygate-fault=slow_answers",),
        said="""--paygate-fault: works on the embedded sandbox only
  expected  no --env, or --env=sandbox
  observed  --env=demo
  money     No money moved.
  next      Leave one of the two options out.""",
    ),
    Refused(
        "settings file that is not there",
        arguments=("--paygate-config=gone.toml",),
        said="""gone.toml: cannot be read
  expected  a readable UTF-8 TOML file
  observed  [Errno 2] No such file or directory: '{path}/gone.toml'
  money     No money moved.
  next      Correct the file or its path.""",
    ),
    Refused(
        "literal secret",
        settings=('payer = "http"', 'payer = "http"\nsecrets = { buyer_password = "correct-horse" }'),
        said="""paygate.toml: env.demo.secrets.buyer_password: holds a literal secret
  expected  a reference: env:NAME, keyring:service/name, cmd:command or, for a rehearsal, sandbox:name
  observed  13 characters that are not shown
  money     No money moved.
  next      Move the secret out of the file, treat it as leaked, and rotate it.""",
    ),
    Refused(
        "unknown row",
        test_file=marked('@pytest.mark.row("oder")'),
        said=f"""{NODE}: is bound to a row the gate does not have
  expected  one of: ready, order, payment, refund. Did you mean 'order'?
  observed  'oder'
  money     No money moved.
  next      Correct the marker, or add the row to gate.toml.""",
    ),
    Refused(
        "row marker without text",
        test_file=marked("@pytest.mark.row(1, of=2)"),
        said=f"""{NODE}: has a row marker that cannot be read
  expected  exactly one @pytest.mark.row("id") with one text argument
  observed  1 row markers; the first has arguments (1,) {{'of': 2}}
  money     No money moved.
  next      Write the row's id from gate.toml as the only argument.""",
    ),
    Refused(
        "two row markers",
        test_file=marked('@pytest.mark.row("order")\n@pytest.mark.row("refund")'),
        said=f"""{NODE}: has a row marker that cannot be read
  expected  exactly one @pytest.mark.row("id") with one text argument
  observed  2 row markers; the first has arguments ('refund',) {{}}
  money     No money moved.
  next      Write the row's id from gate.toml as the only argument.""",
    ),
    Refused(
        "no row marker",
        test_file=marked(""),
        said=f"""{NODE}: is in a gate folder but bound to no row
  expected  @pytest.mark.row("id")
  observed  no row marker
  money     No money moved.
  next      Bind it to a row of gate.toml, or move it out of the gate's folder.""",
    ),
    Refused(
        "two tests for one row",
        test_file=('@pytest.mark.row("refund")', '@pytest.mark.row("order")'),
        said="""{NODE}: is bound to row order, which another test has already
  expected  one test for each row
  observed  also demo_gate/test_demo.py::test_refund
  money     No money moved.
  next      Bind one of the two to another row of demo, or collect the folder once.""".replace("{NODE}", NODE),
    ),
    Refused(
        "parametrized row",
        test_file=(f"{ORDER}def test_order(", f'@pytest.mark.parametrize("n", [1])\n{ORDER}def test_order(n, '),
        said=f"""{NODE}: is parametrized
  expected  one plain test function for one row
  observed  parameters, which would run the row more than once
  money     No money moved.
  next      Write one test for the row; loop inside it if it must look at several things.""",
    ),
    Refused(
        "flaky marker",
        arguments=UNKNOWN_MARKERS,
        test_file=marked(f"@pytest.mark.flaky(reruns=2)\n{ORDER}"),
        said=f"""{NODE}: has the marker flaky
  expected  every row at most once
  observed  @pytest.mark.flaky, which runs the row again
  money     No money moved.
  next      Remove the marker; a repeated row could charge twice.""",
    ),
    Refused(
        "repeat marker",
        arguments=UNKNOWN_MARKERS,
        test_file=marked(f"@pytest.mark.repeat(2)\n{ORDER}"),
        said=f"""{NODE}: has the marker repeat
  expected  every row at most once
  observed  @pytest.mark.repeat, which runs the row again
  money     No money moved.
  next      Remove the marker; a repeated row could charge twice.""",
    ),
    Refused(
        "marker the gate does not know of",
        test_file=marked(f"@pytest.mark.live_money\n{ORDER}"),
        said=f"""{NODE}: disagrees with gate.toml about live_money
  expected  no marker live_money on row order
  observed  the marker
  money     No money moved.
  next      Correct the marker or the row; the two must tell a reader the same.""",
    ),
    Refused(
        "marker that is missing",
        gate_file=('title = "Order placed"', 'title = "Order placed"\nperson = true'),
        said=f"""{NODE}: disagrees with gate.toml about hitl_pause
  expected  the marker hitl_pause on row order
  observed  no such marker
  money     No money moved.
  next      Correct the marker or the row; the two must tell a reader the same.""",
    ),
    Refused(
        "preflight marker on a row",
        test_file=marked(f"@pytest.mark.preflight\n{ORDER}"),
        said=f"""{NODE}: disagrees with gate.toml about preflight
  expected  no marker preflight on row order
  observed  the marker
  money     No money moved.
  next      Correct the marker or the row; the two must tell a reader the same.""",
    ),
    Refused(
        "broken gate",
        gate_file=('order_id = "identifier"', 'order_id = "identifer"'),
        said="""demo_gate/gate.toml: facts.order_id: is not one of the allowed values
  expected  one of: identifier, word, words, integer, seconds, money, time, last4, flag, link. Did you mean 'identifier'?
  observed  'identifer'
  money     No money moved.
  next      Correct the file; a gate is data only, its keys are listed in docs/reference/gate-toml.md.""",
    ),
    Refused(
        "reruns",
        arguments=("--reruns=2",),
        reruns=True,
        said="""--reruns: is refused for gate demo
  expected  every row at most once
  observed  --reruns 2, which runs rows again
  money     No money moved.
  next      Leave --reruns out when a gate is collected; a repeated row could charge twice.""",
    ),
)


@pytest.mark.parametrize("case", BEFORE_ANY_ROW, ids=lambda case: case.name)
def test_refused_before_any_row(project: Project, case: Refused) -> None:
    """What is wrong on the command line or in a file is said in full on stderr, exits with 4, and runs no row."""
    changes: dict[str, tuple[str, str] | None] = {
        "test_demo.py": case.test_file,
        "gate.toml": case.gate_file,
        "../paygate.toml": case.settings,
    }
    for file, change in changes.items():
        if change is not None:
            project.change(file, *change)
    if case.reruns:
        ini = (project.path / "pytest.ini").read_text(encoding="utf-8")
        project.write("pytest.ini", ini.replace("-p no:rerunfailures ", ""))
    inner = project.run if case.reruns else project.run_here

    result = inner(*case.arguments, environment=case.environment)

    said = result.stderr.str().partition("ERROR: ")[2].strip()
    assert said == case.said.replace("{path}", str(project.path))
    assert result.ret == 4
    assert project.bodies() == []
    assert not (project.path / "reports").exists()


WAIVER = '\n[[waivers]]\nrow = "refund"\nowner = "cto"\nreason = "known"\nuntil = {until}\n'


def test_a_waiver_that_reaches_too_far(project: Project) -> None:
    """No run begins with a waiver of more than 14 days; the day itself still does."""
    today = datetime.now(UTC).date()
    too_far, last = today + timedelta(days=15), today + timedelta(days=14)
    gate = (project.gate / "gate.toml").read_text(encoding="utf-8")
    project.write("demo_gate/gate.toml", gate + WAIVER.format(until=too_far))

    result = project.run_here()

    assert (
        result.stderr.str().partition("ERROR: ")[2].strip()
        == f"""demo_gate/gate.toml: waivers[0].until: is too far away
  expected  a day within 14 days from today, {today}
  observed  {too_far}, 15 days from today
  money     No money moved.
  next      Write a nearer day; when it has passed, whoever answers for it decides again."""
    )
    assert result.ret == 4
    assert project.bodies() == []
    project.write("demo_gate/gate.toml", gate + WAIVER.format(until=last))
    assert project.run_here().ret != 4


def test_two_gates_of_one_id(project: Project) -> None:
    """Two folders with a gate of one id are refused, naming both."""
    for name in ("gate.toml", "test_demo.py"):
        project.write(f"other_gate/{name}", (project.gate / name).read_text(encoding="utf-8"))

    result = project.run_here("--import-mode=importlib")

    expected = """other_gate/gate.toml: gate.id: is already the id of another gate in this session
  expected  one folder for each gate id
  observed  'demo' in demo_gate and other_gate
  money     No money moved.
  next      Give one of the two gates another id, or run them in two sessions."""
    assert result.stderr.str().partition("ERROR: ")[2].strip() == expected
    assert result.ret == 4


NOT_BEGUN = (
    pytest.param(
        "unset",
        """paygate.toml: env.demo.secrets.password: cannot be resolved from env:NOBODY_SETS_THIS
  expected  a secret behind the reference
  observed  the environment variable is not set
  money     No money moved.
  next      Set it where the reference points, then run again.""",
        id="unset reference",
    ),
    pytest.param(
        "fault",
        """--paygate-fault=slow_answrs: is not a known fault
  expected  a name from `paygate sandbox --list-faults`. Did you mean 'slow_answers'?
  observed  'slow_answrs'
  money     No money moved.
  next      Choose a fault from that list.""",
        id="unknown fault",
    ),
    pytest.param(
        "server",
        """the embedded sandbox: cannot be started
  expected  PostgreSQL and twelve loopback servers
  observed  The sandbox was not started: uvicorn is not installed; pip install 'pytest-paygate[sandbox]'
  money     No money moved.
  next      Do what the lines above say, or choose an environment with --env.""",
        id="sandbox server missing",
    ),
    pytest.param(
        "extra",
        """the embedded sandbox: cannot be started
  expected  the packages of the extra `sandbox`
  observed  no module named psycopg
  money     No money moved.
  next      pip install 'pytest-paygate[sandbox]', or choose an environment with --env.""",
        id="sandbox extra missing",
    ),
    pytest.param(
        "postgres",
        """the embedded sandbox: cannot be started
  expected  PostgreSQL and twelve loopback servers
  observed  …
  money     No money moved.
  next      Do what the lines above say, or choose an environment with --env.""",
        id="sandbox cannot start",
    ),
)


@pytest.mark.parametrize(("cause", "said"), NOT_BEGUN)
def test_run_that_cannot_begin(project: Project, monkeypatch: pytest.MonkeyPatch, cause: str, said: str) -> None:
    """A run that cannot begin says why after the summary, exits with 4, and runs no row."""
    arguments: list[str] = []
    if cause == "unset":
        project.change("../paygate.toml", 'payer = "http"', 'payer = "http"\nsecrets.password = "env:NOBODY_SETS_THIS"')
    elif cause == "fault":
        arguments = ["--paygate-fault=slow_answrs"]
    elif cause in {"extra", "server"}:
        missing = {"extra": "psycopg", "server": "uvicorn"}[cause]
        project.write("conftest.py", f"import sys\nsys.modules[{missing!r}] = None\n")
    else:
        monkeypatch.setenv("PAYGATE_SANDBOX_DSN", "postgresql://nobody@127.0.0.1:9/none")

    result = project.run("--tb=no", *arguments, environment="demo" if cause == "unset" else "")

    told = result.stdout.str().rpartition("gate demo did not run")[2].partition("\n")[2].rstrip()
    if cause == "postgres":
        told = re.sub(r"  observed  .*?\n  money", "  observed  …\n  money", told, flags=re.DOTALL)
    assert told == said
    assert result.ret == 4
    assert project.bodies() == []
