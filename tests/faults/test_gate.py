"""The list of what is done to the gate is true: each test it names exists, and so does each case it means."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.faults import gate_page
from tests.faults.gate import FAULTS
from tests.faults.microcharge import SHOWN_BY
from tests.gate_runs import ROOT
from tests.rehearsal import hostile

HELD = sorted({node for fault in FAULTS for node in fault.held_by} | set(SHOWN_BY.values()))


@cache
def functions_of(path):
    """The test functions of a module."""
    tree = ast.parse((ROOT / path).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: node for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("node", HELD)
def test_a_named_test_exists_and_is_run(node):
    """A node id of the list leads to a test function that nothing skips."""
    path, _, name = node.partition("::")
    assert name in functions_of(path)
    marks = {ast.unparse(mark).partition("(")[0] for mark in functions_of(path)[name].decorator_list}
    assert not marks & {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}


def test_a_named_case_is_one_of_its_test():
    """Where a test does many things, the case that is meant is among them."""
    known = {one.name for one in hostile.ALL}
    named = {fault.case for fault in FAULTS if fault.case}
    assert named
    assert named <= known
    assert all(fault.held_by for fault in FAULTS)


def test_every_known_fault_of_gates_is_in_the_list():
    """H01 to H30 without a gap, and the misuses; a fault is told once."""
    numbers = {fault.number for fault in FAULTS}
    assert {f"H{number:02}" for number in range(1, 31)} <= numbers
    assert {f"M{number:02}" for number in range(1, 13)} <= numbers
    assert len({(fault.number, fault.done) for fault in FAULTS}) == len(FAULTS)


def test_the_page_is_that_of_the_list():
    """The published table is written from the list: `python -m tests.faults.gate_page`."""
    assert gate_page.PAGE.read_text() == gate_page.text()
