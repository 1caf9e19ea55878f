"""Typed parameters: what an endpoint takes, how a string becomes a value, and which error a wrong one gets.

Owns parsing and shape errors only; rules that need the database or another parameter live with the resource.
An empty string unsets a nullable parameter (the value becomes None) and is refused elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_paygate.sandbox.stripe import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_paygate.sandbox.stripe.context import Json

METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500
INTEGER_DIGITS_MAX = 17
LIST_ITEMS_MAX = 500
_INTEGER = re.compile(r"[+-]?[0-9]+")
_LIVING = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter: how it is read, and whether it must be there or may be unset."""

    parse: Callable[[Any, str], Any]
    required: bool = False
    nullable: bool = False

    def must(self) -> Field:
        """The same parameter, required."""
        return replace(self, required=True)

    def or_unset(self) -> Field:
        """The same parameter, unset by an empty string."""
        return replace(self, nullable=True)


Spec = dict[str, Field]


def read(spec: Mapping[str, Field], raw: Mapping[str, Any], prefix: str = "") -> Json:
    """Parse `raw` by `spec`; only parameters that were sent are in the answer.

    Raises:
        StripeError: 400, in Stripe's order: unknown parameters, then missing ones, then wrong values.

    """
    strangers = [_named(prefix, name) for name in raw if name not in spec]
    if strangers:
        raise errors.unknown(strangers)
    for name, field in spec.items():
        if field.required and name not in raw:
            raise errors.missing(_named(prefix, name))
    values: Json = {}
    for name, value in raw.items():
        field, full_name = spec[name], _named(prefix, name)
        if value == "":
            if not field.nullable:
                raise errors.empty(full_name)
            values[name] = None
        else:
            values[name] = field.parse(value, full_name)
    return values


def text(characters_max: int = 5_000) -> Field:
    """A string."""

    def parse(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise errors.invalid(f"Invalid string: {name} must be a string", param=name)
        if len(value) > characters_max:
            message = f"Invalid string: {value[:12]}...{value[-5:]}; must be at most {characters_max} characters"
            raise errors.invalid(message, param=name)
        return value

    return Field(parse)


def integer(minimum: int | None = None, maximum: int | None = None) -> Field:
    """A whole number within bounds."""

    def parse(value: Any, name: str) -> int:
        if not isinstance(value, str) or not _INTEGER.fullmatch(value) or len(value) > INTEGER_DIGITS_MAX:
            shown = value if isinstance(value, str) else "a nested value"
            raise errors.invalid(f"Invalid integer: {shown[:60]}", param=name, code="parameter_invalid_integer")
        number = int(value)
        if minimum is not None and number < minimum:
            message = f"This value must be greater than or equal to {minimum}."
            raise errors.invalid(message, param=name, code="parameter_invalid_integer")
        if maximum is not None and number > maximum:
            message = f"This value must be less than or equal to {maximum}."
            raise errors.invalid(message, param=name, code="parameter_invalid_integer")
        return number

    return Field(parse)


def boolean() -> Field:
    """`true`, `false`, and the `True`, `False` older official clients send."""

    def parse(value: Any, name: str) -> bool:
        if not isinstance(value, str) or value not in _LIVING:
            shown = value if isinstance(value, str) else "a nested value"
            raise errors.invalid(f"Invalid boolean: {shown[:60]}", param=name)
        return _LIVING[value]

    return Field(parse)


def choice(*allowed: str) -> Field:
    """One of a closed set of strings."""

    def parse(value: Any, name: str) -> str:
        if value not in allowed:
            listed = allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"
            raise errors.invalid(f"Invalid {name}: must be one of {listed}", param=name)
        return str(value)

    return Field(parse)


def items(inner: Field) -> Field:
    """An array: `a[]=1`, `a[0]=1`, or one value without brackets."""

    def parse(value: Any, name: str) -> list[Any]:
        if isinstance(value, str):
            raise errors.invalid("Invalid array", param=name)
        if not all(key.isascii() and key.isdigit() and len(key) < 6 for key in value) or len(value) > LIST_ITEMS_MAX:
            raise errors.invalid("Invalid array", param=name)
        return [inner.parse(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]

    return Field(parse)


def record(spec: Mapping[str, Field]) -> Field:
    """A nested hash with known members."""

    def parse(value: Any, name: str) -> Json:
        if not isinstance(value, dict):
            raise errors.invalid("Invalid object", param=name)
        return read(spec, value, name)

    return Field(parse)


def metadata() -> Field:
    """Up to 50 keys; an empty value unsets its key (None here), an empty `metadata` unsets all of them."""

    def parse(value: Any, name: str) -> Json:
        if not isinstance(value, dict):
            raise errors.invalid("Invalid object", param=name)
        if len(value) > METADATA_KEYS_MAX:
            raise errors.invalid(f"Metadata can have at most {METADATA_KEYS_MAX} keys", param=name)
        for key, item in value.items():
            _check_metadata(key, item, name)
        return {key: item or None for key, item in value.items()}

    return Field(parse, nullable=True)


def address() -> Field:
    """An http or https address: whatever it is, a browser may be sent there."""

    def parse(value: Any, name: str) -> str:
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
        except ValueError:
            parts = None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            message = "Invalid URL: An explicit scheme (such as https) must be provided."
            raise errors.invalid(message, param=name, code="url_invalid")
        return str(value)

    return Field(parse)


def created_filter() -> Field:
    """An exact time, or bounds `gt`, `gte`, `lt`, `lte`, in seconds since the epoch."""
    bounds = record({name: integer() for name in ("gt", "gte", "lt", "lte")})
    exact = integer()

    def parse(value: Any, name: str) -> Json:
        if isinstance(value, str):
            return {"eq": exact.parse(value, name)}
        return dict(bounds.parse(value, name))

    return Field(parse)


def not_emulated() -> Field:
    """A parameter Stripe has and the sandbox has not; `""` and `false` pass, since they ask for nothing."""

    def parse(value: Any, name: str) -> None:
        if value not in ("false", "False"):
            raise errors.not_emulated(name)

    return Field(parse, nullable=True)


def merged(old: Mapping[str, str], sent: Mapping[str, str | None] | None) -> dict[str, str]:
    """Metadata after an update: None for the whole unsets everything, None for a key unsets that key.

    Raises:
        StripeError: 400 when the result would hold more than 50 keys.

    """
    if sent is None:
        return {}
    result = {key: value for key, value in {**old, **sent}.items() if value is not None}
    if len(result) > METADATA_KEYS_MAX:
        raise errors.invalid(f"Metadata can have at most {METADATA_KEYS_MAX} keys", param="metadata")
    return result


def _check_metadata(key: str, value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise errors.invalid(f"Invalid metadata: values must be strings ({name}[{key[:40]}])", param=name)
    if len(key) > METADATA_KEY_CHARACTERS_MAX:
        message = f"Metadata keys must be at most {METADATA_KEY_CHARACTERS_MAX} characters: {key[:40]}..."
        raise errors.invalid(message, param=name)
    if len(value) > METADATA_VALUE_CHARACTERS_MAX:
        message = (
            f"Metadata values can have up to {METADATA_VALUE_CHARACTERS_MAX} characters, but you passed in a value "
            f"that is {len(value)} characters. Invalid value: {value[:50]}..."
        )
        raise errors.invalid(message, param=f"{name}[{key}]")


def _named(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name
