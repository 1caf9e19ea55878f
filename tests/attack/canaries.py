"""Canaries: a secret let loose in every channel a row has, in every encoding, and looked for in every sink.

`run` starts real pytest sessions with every reporter on and returns figures; a canary counts once for each channel,
encoding and sink. The forms are made without the scanner, and looked for byte by byte as well as with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.secret import Secret
from tests.encodings import TEXTS
from tests.plugin.project import EXAMPLES, Project

CANARY = 'Zq8"x<K&v%2w/9+dé-4f9a2c77'
PLAIN = "canary4f9a2c77d1e84b60"
FORMS = {
    **{name: encode(CANARY) for name, encode in TEXTS.items()},
    "UTF-16 LE": CANARY.encode("utf-16-le").decode("latin-1"),
    "UTF-16 BE": CANARY.encode("utf-16-be").decode("latin-1"),
    "plain word": PLAIN,
}
# What the body of the last row does; `ALL` holds every form, `WORD` one that would pass for an identifier.
BODIES = {
    "exception text": "raise RuntimeError(ALL)",
    "assertion diff": 'assert ALL == "x"',
    "assertion message": "assert False, ALL",
    "local variable": "secret = ALL\nassert False",
    "repr": "class Leaky:\n    def __repr__(self):\n        return ALL\nleaky = Leaky()\nassert leaky == 1",
    "stdout": "print(ALL)\nassert False",
    "stdout of a passing row": 'print(ALL)\nfacts["refund_id"] = "re_1"',
    "stderr": "import sys\nsys.stderr.write(ALL)\nassert False",
    "logging": 'import logging\nlogging.getLogger("x").error(ALL)\nlogging.getLogger(ALL).error("x")\nassert False',
    "warning": 'import warnings\nwarnings.warn(ALL)\nfacts["refund_id"] = "re_1"',
    "thread": "import threading\ndef die():\n    raise RuntimeError(ALL)\none = threading.Thread(target=die, name=WORD)\none.start()\none.join()",
    "exception chain": 'try:\n    int(ALL)\nexcept ValueError as error:\n    raise KeyError("y") from error',
    "exception context": 'try:\n    int(ALL)\nexcept ValueError:\n    raise KeyError("y")',
    "exception group": "raise ExceptionGroup(ALL, [ValueError(ALL)])",
    "exception note": 'error = ValueError("x")\nerror.add_note(ALL)\nraise error',
    "pytest.fail": "pytest.fail(ALL)",
    "pytest.exit": "pytest.exit(ALL)",
    "pytest.skip": "pytest.skip(ALL)",
    "pytest.xfail": "pytest.xfail(ALL)",
    "environment": 'import os\nassert dict(os.environ) == {"CANARY": "x"}',
    "recorded property": 'request.getfixturevalue("record_property")("token", ALL)\nrequest.getfixturevalue("record_property")(ALL, "x")\nassert False',
    "section": 'request.node.add_report_section("call", ALL, ALL)\nassert False',
    "subtest": 'with request.getfixturevalue("subtests").test(msg=ALL, token=ALL):\n    print(ALL)\n    assert ALL == "x"',
    "checked value": 'run.check("the token", observed=WORD, expected="x")',
    "anomaly": 'run.anomaly("odd", WORD)',
    "header": 'from pytest_paygate import Secret\nrun.wait(api.get("/x", headers={"X-Key": Secret(WORD), "X-Other": WORD}, bearer=Secret(WORD)))',
    "query": 'run.wait(api.get("/x?key=" + WORD))',
    "fact of another kind": 'facts["refund_id"] = ALL',
}
# Code of the gate's own conftest, and what is put in front of the last row's test or in its arguments.
CONFTESTS = {
    "fixture error": ("@pytest.fixture\ndef held():\n    raise RuntimeError(ALL)\n", ""),
    "teardown error": ("@pytest.fixture\ndef held():\n    yield\n    raise RuntimeError(ALL)\n", ""),
    "session fixture's teardown": (
        '@pytest.fixture(scope="session")\ndef held():\n    yield\n    raise OSError(ALL)\n',
        "",
    ),
    "skip in a fixture": ("@pytest.fixture\ndef held():\n    pytest.skip(ALL)\n", ""),
    "printed by a fixture": ("@pytest.fixture\ndef held():\n    print(ALL)\n    yield\n    print(ALL)\n", ""),
    "finalizer": (
        "@pytest.fixture\ndef held(request):\n    def end():\n        raise OSError(ALL)\n    request.addfinalizer(end)\n",
        "",
    ),
    "parameter of a fixture": ("@pytest.fixture(params=[ALL], ids=[ALL])\ndef held(request):\n    pass\n", ""),
    "parameter": ("@pytest.fixture\ndef held():\n    pass\n", '@pytest.mark.parametrize("n", [ALL], ids=[ALL])\n'),
    "xfail mark": ("@pytest.fixture\ndef held():\n    pass\n", "@pytest.mark.xfail(reason=ALL)\n"),
    "skip mark": ("@pytest.fixture\ndef held():\n    pass\n", "@pytest.mark.skip(reason=ALL)\n"),
}
MODULES = {"import": "raise RuntimeError(ALL)", "printed at import": "print(ALL)\nimport nowhere_to_be_found"}
CHANNELS = (*BODIES, *CONFTESTS, *MODULES)
REPORTERS = (
    "--showlocals",
    "-rA",
    "--junitxml=out/junit.xml",
    "--html=out/report.html",
    "--self-contained-html",
    "--alluredir=out/allure",
    "--log-file=out/log.txt",
    "--log-level=DEBUG",
    "-o",
    "junit_logging=all",
    "-o",
    "log_cli=true",
)
WAYS = {"verbose": ("-vv",), "workers": ("-n", "2", "-v")}
CODE = "import os, json\nFORMS = json.loads(os.environ['CANARY_FORMS'])\nALL, WORD = '\\n'.join(FORMS), FORMS[-1]\n"
SMOKE = frozenset({"exception text", "fixture error", "warning", "subtest", "recorded property"})


@dataclass(slots=True)
class Figures:
    """What was let loose and what came out; `leaked` names channel, way, sink and encoding."""

    canaries: int = 0
    sinks: set[str] = field(default_factory=set)
    leaked: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"channels={len(CHANNELS)} encodings={len(FORMS)} sinks={len(self.sinks)}"
            f" canaries={self.canaries} leaked={len(self.leaked)}"
        )


def build(folder: Path, channel: str) -> Project:
    """The demo gate with a canary in one channel of its last row."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(_At(folder))  # type: ignore[arg-type]  # a folder is all that is asked of it here
    ini = (folder / "pytest.ini").read_text(encoding="utf-8")
    for name in ("allure_pytest", "html", "metadata"):
        ini = ini.replace(f" -p no:{name}", "")
    project.write("pytest.ini", ini)
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, run, api, request)")
    project.change("test_demo.py", "import pytest\n", f"import pytest\n{CODE}")
    with (folder / "paygate.toml").open("a", encoding="utf-8") as file:
        file.write('\n[env.demo.secrets]\ncanary = "env:CANARY"\nword = "env:WORD"\n')
    if channel in BODIES:
        project.body("refund", BODIES[channel])
    elif channel in CONFTESTS:
        code, mark = CONFTESTS[channel]
        project.write("demo_gate/conftest.py", f"import pytest\n{CODE}\n{code}")
        argument = ", n=0" if channel == "parameter" else ""
        argument = ", n" if channel == "parameter" else argument
        project.change("test_demo.py", ", request)", f", request, held{argument})")
        project.change("test_demo.py", '@pytest.mark.row("refund")', f'{mark}@pytest.mark.row("refund")')
    else:
        project.change("test_demo.py", CODE, f"{CODE}{MODULES[channel]}\n")
    return project


def search(folder: Path, output: bytes) -> tuple[set[str], list[str]]:
    """Where a form of the canary stands: all sinks that were looked at, and the finds."""
    places = [path for name in ("out", "reports") for path in (folder / name).rglob("*") if path.is_file()]
    contents = {"terminal": output, **{_sink(path): b"" for path in places}}
    for path in places:
        contents[_sink(path)] += path.read_bytes() + b"\n"
    scanner = Scanner([Secret(CANARY, "canary"), Secret(PLAIN, "word")])
    finds = []
    for sink, content in contents.items():
        finds += [f"{sink}: {name}" for name, form in FORMS.items() if form.encode() in content]
        finds += [f"{sink}: {leak.secret} {leak.encoding}" for leak in scanner.scan(content)]
    return set(contents), finds


def run(size: str) -> Figures:
    """Let every canary loose; at `smoke` size with workers for a few channels only."""
    figures = Figures()
    for channel in CHANNELS:
        for way, arguments in WAYS.items():
            if way == "verbose" or size == "full" or channel in SMOKE:
                one(figures, channel, way, arguments)
    return figures


def one(figures: Figures, channel: str, way: str, arguments: tuple[str, ...]) -> None:
    """One session with a canary in one channel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, channel)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "--paygate-env=demo",
                "--paygate-refund",
                "-p",
                "no:cacheprovider",
                *REPORTERS,
                *arguments,
            ],
            cwd=folder,
            env=surroundings(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        sinks, finds = search(folder, done.stdout + done.stderr)
        if not (folder / "out" / "junit.xml").exists() or not done.stdout:
            finds.append(f"the session did not report at all: {done.stderr[-300:]!r}")
    figures.sinks |= sinks
    figures.canaries += len(sinks) * len(FORMS)
    figures.leaked += [f"{channel} ({way}) in {find}" for find in finds]


def surroundings() -> dict[str, str]:
    """The environment of an inner session: the canaries, and nothing that would act on it."""
    import json

    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COVERAGE"))}
    return {**inherited, "CANARY": CANARY, "WORD": PLAIN, "CANARY_FORMS": json.dumps(list(FORMS.values()))}


def _sink(path: Path) -> str:
    return path.suffix.lstrip(".") + " of allure" if path.parent.name == "allure" else path.name


@dataclass(frozen=True, slots=True)
class _At:
    path: Path
