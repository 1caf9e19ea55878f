"""The one module that knows pydantic: strict frozen models, and its errors in our words.

Everything read from a file or a journal is parsed through `parse`; nothing else in the project imports pydantic.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from pytest_paygate.core.errors import configuration, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Day", "Field", "Model", "TypeAdapter", "ValidationError", "model_validator", "parse"]


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_day(value: object) -> object:
    # Digits alone would be read as seconds since 1970: a waiver until nobody knows when.
    if not isinstance(value, str):
        return value
    if not _DAY.fullmatch(value):
        raise ValueError("a day is written like 2026-11-21")
    return date.fromisoformat(value)


Day = Annotated[date, BeforeValidator(_written_as_a_day)]


class Model(BaseModel):
    """A frozen value read from outside: unknown keys are refused, types are not coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


ModelT = TypeVar("ModelT", bound=Model)


def parse(model: type[ModelT], data: Mapping[str, Any], *, file: str, key: str = "", next_step: str) -> ModelT:
    """Read a mapping into a model.

    Args:
        model: what it must become.
        data: parsed TOML or JSON.
        file: the file it came from, for the message.
        key: where in the file the mapping stands; empty for the whole file.
        next_step: what the reader can do.

    Raises:
        ConfigurationError: naming file, key, value, what was expected and the nearest valid name.
    """
    try:
        # Strict JSON semantics: `1` is not `True` and text is not a number, but an enum may be written as text.
        return model.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(part for part in (key, _path(first["loc"])) if part)
        raise configuration(
            f"{file}: {path}",
            _what(first),
            expected=_expected(model, first),
            observed=_shown(first.get("input")),
            next_step=next_step,
        ) from None


def _path(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _what(error: Any) -> str:
    words = {
        "missing": "is missing",
        "extra_forbidden": "is not a known key",
        "enum": "is not one of the allowed values",
        "literal_error": "is not one of the allowed values",
        "value_error": "is not accepted",
    }
    return words.get(error["type"], "has the wrong type or form")


def _expected(model: type[Model], error: Any) -> str:
    kind = error["type"]
    if kind == "missing":
        return "a value for this key"
    if kind == "extra_forbidden":
        known = _known_keys(model, error["loc"][:-1])
        return f"one of: {', '.join(known)}.{nearest(str(error['loc'][-1]), known)}" if known else "no key of this name"
    if kind in {"enum", "literal_error"}:
        allowed = [part.strip(" '") for part in str(error["ctx"]["expected"]).replace(" or ", ", ").split(",")]
        return f"one of: {', '.join(allowed)}.{nearest(str(error.get('input')), allowed)}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    return str(error["msg"])


def _known_keys(model: type[Model], loc: Sequence[int | str]) -> list[str]:
    """The field names at a place inside a model, found by walking its JSON Schema; none for a union or a pair."""
    schema: Any = model.model_json_schema()
    definitions = schema.get("$defs")
    for part in loc:
        schema = _resolve(schema, definitions)
        if isinstance(part, int):
            schema = schema.get("items", {})
        elif part in schema.get("properties", {}):
            schema = schema["properties"][part]
        else:
            schema = schema.get("additionalProperties") or {}
    return sorted(_resolve(schema, definitions).get("properties", {}))


def _resolve(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return definitions[schema["$ref"].removeprefix("#/$defs/")]
    for choice in schema.get("anyOf", []):
        if "$ref" in choice:
            return _resolve(choice, definitions)
    return schema


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table with the keys: " + (", ".join(map(str, value)) or "none")
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
