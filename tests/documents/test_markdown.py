"""The documents of the repository: what they link to is there, and what they tell people to type or write works."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache

import click
import pytest
import yaml

import pytest_paygate
from pytest_paygate.cli import paygate
from pytest_paygate.core.environment import Settings, read_settings
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.gate import Gate
from pytest_paygate.core.launch import GoLive
from pytest_paygate.core.model import parse
from pytest_paygate.core.trust import Policy
from tests.documents.markdown import DOCUMENTS, ROOT, anchors, blocks, links, name, spans

# The tutorial is not looked into but done: `tests/tutorial` writes its files and types its commands.
DONE = ROOT / "docs" / "tutorial.md"
BLOCKS = [block for path in DOCUMENTS if path != DONE for block in blocks(path)]
LANGUAGES = {"console", "ini", "json", "toml", "python", "yaml", "markdown", ""}
DIRECTIVES = re.compile(r"\{[a-z-]+\}.*")
# Commands of others that a reader is told to type.
FOREIGN = {"createdb", "createuser", "export", "gh", "git", "keyring", "op", "pip", "python", "sops", "uv"}
# Packages of the public API; their names are those of their modules.
PACKAGES = ("checks",)
# Options of plugins that a project may have, and of tools other than ours.
FOREIGN_OPTIONS = {"--clean-alluredir", "--cov", "-O"}


def of(language: str) -> list:
    """The fenced blocks of a language, each a case of its own."""
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language == language]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    """Every relative link of a document names a file that is there, and an anchor that it has."""
    for target, anchor in links(path):
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{name(path)}: {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{name(path)}: {target}#{anchor}"


def test_every_block_says_what_it_is():
    """A fenced block names a language that these tests look into, or is a directive of the site."""
    for block in BLOCKS:
        assert block.language in LANGUAGES or DIRECTIVES.fullmatch(block.language), f"{block}: {block.language!r}"


@cache
def pytest_options() -> frozenset[str]:
    """Every option of pytest with our plugin, and with those of the development environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd="/", capture_output=True, text=True, check=True
    )
    return frozenset(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", done.stdout))


def as_typed() -> click.Context:
    """The context of `paygate` as a shell makes it; a command keeps the help option of the first context it meets."""
    return paygate.make_context("paygate", [], resilient_parsing=True)


def check_paygate(words: list[str], where: str) -> None:
    """The words after `paygate` name a command and options it has."""
    command: click.Command = paygate
    context = as_typed()
    waiting = iter(words)
    for word in waiting:
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            found = command.get_command(context, word)
            assert found is not None, f"{where}: paygate has no command {word!r}"
            command, context = found, click.Context(found, parent=context, info_name=word)
        elif word.startswith("-"):
            known = {option: parameter for parameter in command.get_params(context) for option in parameter.opts}
            option = word.split("=")[0]
            assert option in known, f"{where}: {word}"
            if "=" not in word and option in known and not getattr(known[option], "is_flag", False):
                next(waiting, "")


def check_pytest(words: list[str], where: str) -> None:
    """The words after `pytest` are paths of gates that exist, packages, or options that pytest shows."""
    for word in words:
        if word.startswith("-") and len(word) > 1:
            assert word.split("=")[0] in pytest_options() | FOREIGN_OPTIONS, f"{where}: pytest has no option {word}"
        elif word.startswith("suites/"):
            assert (ROOT / word).is_dir(), f"{where}: {word} is no gate"


def check(line: str, where: str) -> bool:
    """Look at a command line; say whether it was one of ours."""
    for part in re.split(r" (?:&&|\||--) ", re.sub(r"\s+# .*$", "", line).replace("…", "ELLIPSIS")):
        words = shlex.split(part)
        match words:
            case ["paygate", *rest]:
                check_paygate(rest, where)
            case ["pytest", *rest] | ["python", "-m", "pytest", *rest]:
                check_pytest(rest, where)
            case ["make", target, *_]:
                targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
                assert target in targets, f"{where}: make has no target {target}"
            case ["python", script, *_] if script.endswith(".py"):
                assert any(ROOT.rglob(script)), f"{where}: {script} is not there"
            case _:
                return False
    return True


@pytest.mark.parametrize("block", of("console"))
def test_commands_exist(block):
    """What a console block has people type are commands and options that exist."""
    typed = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
    for line in typed:
        command = line.split()[0]
        assert check(line, str(block)) or command in FOREIGN or "=" in command, f"{block}: {line}"
        for quoted in re.findall(r"'((?:pytest|paygate) [^']*)'", line):
            assert check(quoted, str(block))
    assert typed or block.text.startswith(("=", "$")), f"{block}: nothing is typed"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_in_running_text_exist(path):
    """Commands and options that running text names exist as well."""
    known = pytest_options() | FOREIGN_OPTIONS | every_paygate_option()
    for span in spans(path):
        if re.match(r"(paygate|pytest|make) [^=]", span) and "[" not in span and "|" not in span:
            check(span, f"{name(path)}: `{span}`")
        elif re.match(r"--?[a-zA-Z]", span) and span.count("-") < 6 and not span.startswith("--paygate-*"):
            option = span.split()[0].split("=")[0]
            assert option in known or option.endswith("…"), f"{name(path)}: no command has the option {option}"


def every_paygate_option() -> set[str]:
    """The options of all commands of `paygate`."""
    found: set[str] = set()
    waiting = [(paygate, as_typed())]
    while waiting:
        command, context = waiting.pop()
        found |= {option for parameter in command.get_params(context) for option in parameter.opts}
        if isinstance(command, click.Group):
            inner = [command.get_command(context, one) for one in command.list_commands(context)]
            waiting += [(one, click.Context(one, parent=context)) for one in inner if one is not None]
    return found


def as_settings(document: dict) -> None:
    """Read as paygate.toml; an environment of which only a part is shown gets the two keys that each needs."""
    for environment in document.get("env", {}).values():
        environment.setdefault("mode", "staging")
        environment.setdefault("base_url", "https://shop.example/api/v1")
    read_settings(document, "block")


def as_gate(document: dict) -> None:
    """Read as gate.toml, or as the part of it that is shown."""
    document = {**document.pop("gate", {}), **document}
    whole = tomllib.loads((ROOT / "suites" / "e2e" / "gate.toml").read_text())
    parse(Gate, {**whole.pop("gate"), **whole, **document}, file="block", next_step="Correct the block.")


READERS = [
    (Settings, as_settings),
    (Gate, as_gate),
    (GoLive, lambda document: parse(GoLive, document, file="block", next_step="Correct the block.")),
    (Policy, lambda document: parse(Policy, document, file="block", next_step="Correct the block.")),
]


@pytest.mark.parametrize("block", of("json"))
def test_json_is_json(block):
    """A JSON block can be read as such."""
    assert isinstance(json.loads(block.text), dict)


@pytest.mark.parametrize("block", of("toml"))
def test_toml_is_read_by_our_own_readers(block):
    """A TOML block is accepted by the reader of the file it belongs to; a part is read within a whole."""
    keys = set(tomllib.loads(block.text))
    problems = []
    for model, reader in READERS:
        if keys <= {*model.model_fields, *({"gate"} if model is Gate else ())}:
            try:
                reader(tomllib.loads(block.text))
            except ConfigurationError as error:
                problems.append(error.refusal.text())
            else:
                return
    pytest.fail("\n".join([f"{block}: no reader takes the keys {sorted(keys)}", *problems]))


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles_and_imports_what_exists(block):
    """A Python block compiles, and what it imports from the package is public."""
    tree = compile(block.text, str(block), "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pytest_paygate"):
            assert node.module == "pytest_paygate", f"{block}: {node.module} is not public"
            assert {alias.name for alias in node.names} <= {*pytest_paygate.__all__, *PACKAGES}, str(block)


@pytest.mark.parametrize("block", of("yaml"))
def test_pipelines_are_yaml_and_run_what_exists(block):
    """A pipeline is YAML, and the gate commands in it exist."""
    assert yaml.safe_load(block.text)
    for line in re.findall(r"^\s*- (?:run: )?((?:pytest|paygate) .*)$", block.text, re.MULTILINE):
        assert check(line, str(block))
