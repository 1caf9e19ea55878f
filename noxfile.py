"""Every supported Python with the newest and the oldest dependencies; lint and documents each by themselves.

    nox                                   every session whose Python is on this machine
    nox -s "tests-3.13(newest)"           one of them
    nox -s "tests-3.13(newest)" -- tests/unit -x

Nothing is resolved here: both sets come from the locks, whose hashes are checked. What `make test` runs on one Python
is not repeated on each; the sessions run the gate, and the tests that need no browser and no second system.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOCKS = {"newest": "requirements.lock", "oldest": "requirements-oldest.lock"}
TESTS = ("suites/e2e", "tests/unit", "tests/properties", "tests/messages")

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
@nox.parametrize("dependencies", [nox.param(name, id=name) for name in LOCKS])
def tests(session: nox.Session, dependencies: str) -> None:
    """The e2e gate and the tests that need nothing from outside."""
    session.run("python", "--version")
    session.install("--require-hashes", "-r", LOCKS[dependencies])
    if dependencies == "oldest":
        # This set has no development tools: the wheel alone, in an empty folder, must pass its own gate.
        session.install("--no-deps", "--no-build-isolation", ".")
        folder = Path(session.create_tmp())
        # The folder lies below the checkout, whose settings must not be found.
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        session.chdir(folder)
        session.run("python", "-m", "pytest", "-q", "--pyargs", "pytest_paygate.suites.e2e", *session.posargs)
        return
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    # One at a time: a session in which a gate runs is about that gate alone.
    for chosen in [session.posargs] if session.posargs else [[one] for one in TESTS]:
        session.run("python", "-m", "pytest", "-q", *chosen)


def prepare(session: nox.Session) -> None:
    """Install the newest set and this checkout."""
    session.install("--require-hashes", "-r", LOCKS["newest"])
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """What `make lint` runs."""
    prepare(session)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """What `make docs` runs."""
    prepare(session)
    session.run(
        "python",
        "-m",
        "sphinx",
        "--fail-on-warning",
        "--keep-going",
        "--nitpicky",
        "-b",
        "html",
        "docs",
        "docs/_build/html",
    )
