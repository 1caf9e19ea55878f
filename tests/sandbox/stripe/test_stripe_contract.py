"""The emulator's surface held against the published description: addresses, parameters, error codes."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_paygate.sandbox import stripe as emulator_package
from pytest_paygate.sandbox.stripe.routes import OPERATIONS

# Endpoints the published subset leaves out; the official SDK has them.
BESIDE_THE_SUBSET = {
    ("GET", "/v1/charges/{}/refunds"),
    ("POST", "/v1/charges/{}"),
    ("POST", "/v1/payment_methods/{}"),
}


@pytest.fixture(scope="module")
def published(contracts: Path) -> dict[tuple[str, str], set[str]]:
    """(method, path without names) -> parameter names."""
    description = json.loads((contracts / "stripe" / "openapi-subset.json").read_text())
    found: dict[tuple[str, str], set[str]] = {}
    for path, item in description["paths"].items():
        for method, operation in item.items():
            names = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                names |= content["schema"].get("properties", {}).keys()
            found[method.upper(), re.sub(r"\{\w+\}", "{}", path)] = names
    return found


def test_every_address_is_a_published_one(published: dict[tuple[str, str], Any]) -> None:
    """No endpoint is made up, and none is declared twice."""
    ours = [(operation.method, re.sub(r"\{\w+\}", "{}", operation.path)) for operation in OPERATIONS]
    assert len(ours) == len(set(ours))
    assert set(ours) - published.keys() - BESIDE_THE_SUBSET == set()


def test_every_parameter_is_a_published_one(published: dict[tuple[str, str], set[str]]) -> None:
    """No endpoint takes a parameter the provider would refuse; unknown ones are refused here as there."""
    strangers = []
    for operation in OPERATIONS:
        key = (operation.method, re.sub(r"\{\w+\}", "{}", operation.path))
        names = published.get(key)
        if names is not None:
            strangers += [(*key, name) for name in operation.spec if name not in names]
    assert strangers == []


def test_every_error_code_is_a_published_one(contracts: Path) -> None:
    """Every `code=` written in the emulator is one of the provider's 209."""
    codes = set(json.loads((contracts / "stripe" / "error_codes.json").read_text())["error_codes"])
    used = set()
    for source in Path(str(emulator_package.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                used.add(node.value.value)
    used -= {None}
    assert len(used) >= 15
    assert used - codes == set()
