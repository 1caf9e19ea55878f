"""Hostile texts in real pytest sessions, from each origin, read back from every file that the session left."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.attack.payloads import PAYLOADS
from tests.attack.sinks import read_html, read_lines, read_log, read_markdown
from tests.browser import look_at
from tests.plugin.project import EXAMPLES, Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALM = [f"calm {number}" for number in range(len(PAYLOADS))]
READ = "import json\nfrom pathlib import Path\nTEXTS = json.loads((Path(__file__).parents[1] / 'texts.json').read_text())\n"
REPORTERS = (
    "--junitxml=out/junit.xml",
    "--html=out/page.html",
    "--self-contained-html",
    "--alluredir=out/allure",
    "-rA",
    "-v",
)


def gate_text(project: Project, texts: list[str]) -> None:
    """Risks, titles, owners and criteria of the gate."""
    lines = [f'[[risks]]\nid = "r{n}"\ntext = {_toml(text)}' for n, text in enumerate(texts)]
    lines += [
        f'[[criteria]]\nid = "c{n}"\ntitle = {_toml(text)}\nowner = {_toml(text)}\nrows = ["order"]'
        for n, text in enumerate(texts)
    ]
    lines += [
        f'[[rows]]\nid = "x{n}"\ntitle = {_toml(text)}\nrecords = ["order_id"]\nobserved = "x"'
        for n, text in enumerate(texts)
    ]
    with (project.gate / "gate.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + "\n".join(lines) + "\n")


def exception(project: Project, texts: list[str]) -> None:
    """What a row raises, prints, warns of and logs."""
    del texts
    project.body(
        "refund",
        "import warnings, logging\nfor text in TEXTS:\n    print(text)\n    warnings.warn(text)\n    logging.getLogger(text).error(text)\n"
        "raise RuntimeError('\\n'.join(TEXTS))",
    )


def target_answer(project: Project, texts: list[str]) -> None:
    """What a row hands to the run of an answer: anomalies, and the words of a failure."""
    del texts
    project.body(
        "refund",
        "for text in TEXTS:\n    run.anomaly('odd', text)\n"
        "every = '\\n'.join(TEXTS)\nrun.fail(every, observed=every, expected=every, next_step=every)",
    )


def operator_note(project: Project, texts: list[str]) -> None:
    """What somebody is waited for."""
    del texts
    project.body(
        "refund", "every = '\\n'.join(TEXTS)\nrun.pending(every, observed=every, expected=every, next_step=every)"
    )


def test_id(project: Project, texts: list[str]) -> None:
    """Ids of other tests in the same session, and of what they are given."""
    del texts
    project.write(
        "beside/test_beside.py",
        f"{READ}\nimport pytest\n@pytest.mark.parametrize('text', TEXTS, ids=TEXTS)\ndef test_beside(text):\n    pass\n",
    )


ORIGINS: dict[str, Callable[[Project, list[str]], None]] = {
    "gate text": gate_text,
    "exception": exception,
    "target answer": target_answer,
    "operator note": operator_note,
    "test id": test_id,
}


@dataclass(slots=True)
class Figures:
    """How many files were read in how many sessions, and what in them acted."""

    sessions: int = 0
    files: int = 0
    active: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"sessions={self.sessions} files={self.files} active={len(self.active)}"


@dataclass(frozen=True, slots=True)
class _At:
    path: Path


def run(origin: str, folder: Path) -> Figures:
    """A calm and a hostile session of one origin, compared file by file; and both kinds of page in Chromium."""
    calm, hostile = (
        _session(origin, folder / name, texts) for name, texts in (("calm", CALM), ("hostile", [*PAYLOADS.values()]))
    )
    figures = Figures(sessions=2)
    pages = [path for name, path in hostile.items() if name.endswith(".html")]
    for name, path in hostile.items():
        figures.files += 1
        figures.active += [f"{origin} in {name}: {one}" for one in _acting(name, calm.get(name), path, origin)]
    for page, seen in zip(pages, look_at(pages), strict=True):
        asked = [url for url in seen.requests if url != page.as_uri()]
        if seen.owned or seen.dialogs or asked:
            figures.active.append(f"{origin} in {page.name}: something ran or was fetched: {asked[:2]}")
    if set(calm) != set(hostile):
        figures.active.append(f"{origin}: other files: {set(calm) ^ set(hostile)}")
    return figures


def _session(origin: str, folder: Path, texts: list[str]) -> dict[str, Path]:
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(_At(folder))  # type: ignore[arg-type]  # a folder is all that is asked of it here
    ini = (folder / "pytest.ini").read_text(encoding="utf-8")
    for name in ("allure_pytest", "html", "metadata"):
        ini = ini.replace(f" -p no:{name}", "")
    project.write("pytest.ini", ini)
    project.write("texts.json", json.dumps(texts))
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, run)")
    project.change("test_demo.py", "import pytest\n", f"import pytest\n{READ}")
    ORIGINS[origin](project, texts)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--paygate-env=demo",
            "--paygate-refund",
            "--color=no",
            *REPORTERS,
            "-p",
            "no:cacheprovider",
        ],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    (folder / "terminal").write_bytes(done.stdout + done.stderr)
    files = [folder / "terminal", *(folder / "out").glob("*.*"), *(folder / "reports").glob("*.*")]
    files += [*(folder / "reports" / "demo").glob("*.md"), *(folder / "reports" / "demo").glob("*/*.*")]
    return {"terminal" if path.suffix == "" else path.name: path for path in files}


def _acting(name: str, calm: Path | None, path: Path, origin: str) -> list[str]:
    one, other = "" if calm is None else _plain(calm), _plain(path)
    if name == "terminal":
        # The ids of other tests are pytest's to print; what it makes of them has no control character.
        found = read_lines(one, other)
        return [find for find in found if origin != "test id" or find.startswith("character")]
    if name.endswith(".json"):
        json.loads(other)
    reader = _READERS.get(path.suffix)
    # pytest-html's page is read in Chromium: without its script there is nothing in it.
    return reader(one, other) if reader is not None and name != "page.html" else []


def _plain(path: Path) -> str:
    """A file without the run's own id, which is another one in each session."""
    return re.sub(r"\d{8}T\d{9}Z-[0-9a-f]{8}", "RUN", path.read_text(encoding="utf-8"))


def _read_xml(calm: str, hostile: str) -> list[str]:
    return [] if _cases(calm) == _cases(hostile) else ["other elements than in the calm session"]


def _cases(text: str) -> list[str]:
    return [element.tag for element in ET.fromstring(text).iter()]  # noqa: S314 - a file of our own session


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_READERS = {".html": read_html, ".md": read_markdown, ".log": read_log, ".xml": _read_xml}
