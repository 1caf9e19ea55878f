"""Values read from outside: what a day looks like, that nothing is coerced, and each refusal in our words."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.model import Day, Model, ValidationError, model_validator, parse


class Colour(StrEnum):
    """One of three."""

    RED = "red"
    GREEN = "green"
    XENON = "Xenon"


class Leaf(Model):
    """What stands in lists, tables and by itself."""

    size: int = 1
    shade: Literal["dark", "light"] = "dark"
    day: Day | None = None

    @model_validator(mode="after")
    def _not_seven(self) -> Leaf:
        if self.size == 7:
            raise ValueError("any size but seven")
        return self


class Twig(Model):
    """What holds leaves."""

    tip: Leaf | None = None


class Tree(Model):
    """A whole file."""

    name: str
    colour: Colour = Colour.RED
    leaf: Leaf | None = None
    plain: Leaf = Leaf()
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = {}
    bare: dict[str, int] = {}
    twig: Twig | None = None
    pair: tuple[Twig, Twig] = (Twig(), Twig())
    either: Twig | Leaf | None = None


def refusal(data: dict, key: str = "") -> tuple[str, str, str]:
    """What was refused, expected and observed."""
    with pytest.raises(ConfigurationError) as refused:
        parse(Tree, data, file="f.toml", key=key, next_step="Do this.")
    found = refused.value.refusal
    assert (found.money, found.next_step) == ("No money moved.", "Do this.")
    assert refused.value.__suppress_context__
    return found.refused, found.expected, found.observed


def test_a_mapping_becomes_a_frozen_value():
    """Words become members, texts become days, lists become tuples; nothing can be changed afterwards."""
    data = {"name": "a", "colour": "green", "leaves": [{"day": "2026-11-21"}], "named": {"x": {"size": 2}}}
    tree = parse(Tree, data, file="f", next_step="n")
    assert tree == Tree(
        name="a", colour=Colour.GREEN, leaves=(Leaf(day=date(2026, 11, 21)),), named={"x": Leaf(size=2)}
    )
    assert type(tree.colour) is Colour
    with pytest.raises(ValidationError, match="frozen"):
        tree.name = "b"
    assert parse(Leaf, {"day": date(2026, 11, 21)}, file="f", next_step="n").day == date(2026, 11, 21)
    assert Leaf(day=date(2026, 11, 21)).day == date(2026, 11, 21)


@pytest.mark.parametrize("day", ["20261121", "2026-11-21x", "x2026-11-21", "2026-1-2", "٢٠٢٦-11-21", "1700000000", ""])
def test_a_day_has_one_spelling(day):
    """Digits alone would be seconds since 1970: a waiver until nobody knows when."""
    told = ("f.toml: leaf.day: is not accepted", "a day is written like 2026-11-21", repr(day))
    assert refusal({"name": "a", "leaf": {"day": day}}) == told


LEAF_KEYS = "one of: day, shade, size."
TREE_KEYS = "one of: bare, colour, either, leaf, leaves, name, named, pair, plain, twig."


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, ("name: is missing", "a value for this key", "a table with the keys: none")),
        ({"colour": "red"}, ("name: is missing", "a value for this key", "a table with the keys: colour")),
        ({"name": 5}, ("name: has the wrong type or form", "Input should be a valid string", "5")),
        ({"plain": {"size": True}}, ("plain.size: has the wrong type or form", "Input should be a valid integer", "True")),
        ({"plain": {"size": "1"}}, ("plain.size: has the wrong type or form", "Input should be a valid integer", "'1'")),
        ({"plain": {"size": 7}}, ("plain: is not accepted", "any size but seven", "a table with the keys: size")),
        ({"colour": "redd"}, ("colour: is not one of the allowed values", "one of: red, green, Xenon. Did you mean 'red'?", "'redd'")),
        ({"colour": "xyz"}, ("colour: is not one of the allowed values", "one of: red, green, Xenon.", "'xyz'")),
        (
            {"plain": {"shade": "lite"}},
            ("plain.shade: is not one of the allowed values", "one of: dark, light. Did you mean 'light'?", "'lite'"),
        ),
        ({"nam": 1}, ("nam: is not a known key", f"{TREE_KEYS} Did you mean 'name'?", "1")),
        ({"plain": {"zzzz": [1]}}, ("plain.zzzz: is not a known key", LEAF_KEYS, "[1]")),
        ({"leaf": {"zzzz": None}}, ("leaf.zzzz: is not a known key", LEAF_KEYS, "None")),
        ({"leaves": [{}, {"zzzz": {}}]}, ("leaves[1].zzzz: is not a known key", LEAF_KEYS, "a table with the keys: none")),
        ({"named": {"x": {"siz": {"a": 1, "b": 2}}}}, ("named.x.siz: is not a known key", f"{LEAF_KEYS} Did you mean 'size'?", "a table with the keys: a, b")),
        ({"twig": {"tip": {"zzzz": 1}}}, ("twig.tip.zzzz: is not a known key", LEAF_KEYS, "1")),
        ({"pair": [{"tip": {"zzzz": 1}}, {}]}, ("pair[0].tip.zzzz: is not a known key", "no key of this name", "1")),
        ({"either": {"zzzz": 1}}, ("either.Twig.zzzz: is not a known key", "no key of this name", "1")),
        ({"colour": "xenon"}, ("colour: is not one of the allowed values", "one of: red, green, Xenon. Did you mean 'Xenon'?", "'xenon'")),
        ({"bare": {"x": "y"}}, ("bare.x: has the wrong type or form", "Input should be a valid integer", "'y'")),
    ],
)  # fmt: skip
def test_a_refusal_names_the_key_and_what_would_do(data, told):
    """With the path through tables and lists, the allowed words or keys, and the nearest one."""
    data = data if data in ({}, {"colour": "red"}) else {"name": "a", **data}
    refused, expected, observed = refusal(data)
    assert (refused, expected, observed) == (f"f.toml: {told[0]}", *told[1:])
    assert refusal(data, "env.a")[0] == f"f.toml: env.a.{told[0]}"


def test_a_whole_file_has_no_key_before_its_own():
    """The path begins with the file's own keys; a model without tables has its keys named, too."""
    with pytest.raises(ConfigurationError) as refused:
        parse(Leaf, {"siz": 1}, file="f.toml", next_step="Do this.")
    assert str(refused.value) == (
        "f.toml: siz: is not a known key\n"
        f"  expected  {LEAF_KEYS} Did you mean 'size'?\n"
        "  observed  1\n"
        "  money     No money moved.\n"
        "  next      Do this."
    )


def test_what_others_take_from_here():
    """Nothing but these names: pydantic itself stays behind them."""
    taken: dict[str, object] = {}
    exec("from pytest_paygate.core.model import *", taken)  # noqa: S102 - the names are a rule of the module
    del taken["__builtins__"]
    assert sorted(taken) == ["Day", "Field", "Model", "TypeAdapter", "ValidationError", "model_validator", "parse"]


def test_what_is_observed_is_told_in_eighty_characters():
    """A longer value ends in three dots."""
    for length, shown in ((78, "'" + "x" * 78 + "'"), (79, "'" + "x" * 76 + "...")):
        assert refusal({"name": "a", "colour": "x" * length})[2] == shown
