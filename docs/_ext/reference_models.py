"""Reference tables from our own pydantic models: files, journal events, the record.

Owns the way from a model to Markdown; knows nothing of Sphinx. What a table says is what the model says at this moment,
so a key that is added shows up by itself.
"""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, get_args

from pytest_paygate.core import environment, events, gate, record, trust
from pytest_paygate.core.launch import GoLive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_paygate.core.model import Model

_BOUNDS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
)


def settings_tables() -> str:
    """Every table of `paygate.toml`."""
    return "\n".join(_sections(environment.Settings))


def gate_tables() -> str:
    """Every table of `gate.toml`; the keys of the first stand under `[gate]` or beside it."""
    return "\n".join(_sections(gate.Gate))


def policy_tables() -> str:
    """The policy file of `paygate verify`, and `golive.toml`."""
    return "\n".join([*_sections(trust.Policy), *_sections(GoLive)])


def journal_events() -> str:
    """Every kind of event a journal may hold, with its fields, after the envelope each line has."""
    parts = list(_section(events.Entry, events.Entry.model_json_schema()["properties"], "Every line"))
    for model in event_models():
        properties = dict(model.model_json_schema()["properties"])
        kind = properties.pop("kind")["const"]
        parts += _section(model, properties, f"`{kind}`")
        for name, inner in _models_below(model).items():
            parts += _section(inner, inner.model_json_schema()["properties"], f"`{name}`")
    return "\n".join(parts)


def record_tables() -> str:
    """The record (`evidence.json`), model by model."""
    return "\n".join(_sections(record.Record))


def event_models() -> tuple[type[Model], ...]:
    """The models of the journal's events, in the order in which they are declared."""
    return tuple(_members(events.EventBody))


def _members(annotation: Any) -> Iterator[type[Model]]:
    for part in get_args(annotation):
        if isinstance(part, type) and hasattr(part, "model_fields"):
            yield part
        else:
            yield from _members(part)


def _sections(model: type[Model]) -> Iterator[str]:
    """A model and every model it holds, each once, the outermost first."""
    schema = model.model_json_schema()
    inner = _models_below(model)
    yield from _section(model, schema["properties"], f"`{model.__name__}`")
    for name, definition in schema.get("$defs", {}).items():
        if "properties" in definition:
            yield from _section(inner[name], definition["properties"], f"`{name}`")


def _models_below(model: type[Model]) -> dict[str, type[Model]]:
    found: dict[str, type[Model]] = {}
    for field in model.model_fields.values():
        for part in _all_types(field.annotation):
            if hasattr(part, "model_fields") and part.__name__ not in found:
                found |= {part.__name__: part, **_models_below(part)}
    return found


def _all_types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _all_types(part)


def _section(model: type[Model], properties: dict[str, Any], title: str) -> Iterable[str]:
    definitions = model.model_json_schema().get("$defs", {})
    yield f"## {title}\n"
    yield f"{inspect.getdoc(model)}\n"
    if not properties:
        yield "No field of its own.\n"
        return
    yield "| key | value | default |\n| --- | --- | --- |"
    for name, schema in properties.items():
        field = model.model_fields[name]
        default = "**required**" if field.is_required() else _default(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_cell(_value(schema, definitions))} | {_cell(default)} |"
    yield ""


def _default(value: Any) -> str:
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if value is None or value in ("", (), {}, []):
        return "none"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _value(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a value must be, in words: type, choices, bounds; a table is named and linked."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        target = definitions.get(name, {})
        return f"[`{name}`](#{name.lower()})" if "properties" in target else _value(target, definitions)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            told = dict.fromkeys(_value(one, definitions) for one in schema[union])
            return "any event below" if union == "oneOf" else " or ".join(told)
    return _plain(schema, definitions)


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{choice}`" for choice in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        told = f"list of {_value(schema.get('items', {}), definitions)}"
    elif kind == "object":
        inner = schema.get("additionalProperties")
        told = f"table of {_value(inner, definitions)}" if isinstance(inner, dict) else "table"
    else:
        told = {"null": "nothing", "string": schema.get("format", "text"), "number": "number"}.get(kind, kind)
    bounds = [words.format(schema[key]) for key, words in _BOUNDS if key in schema]
    if "pattern" in schema:
        bounds.append(f"form `{schema['pattern']}`")
    return ", ".join([told, *bounds])
