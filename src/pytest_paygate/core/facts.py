"""Facts: the typed values a row leaves for later rows, and the only shapes in which anything reaches the journal.

Rules:
- a fact's kind is declared in `gate.toml`; a value that does not fit its kind is refused, not trimmed;
- text is an identifier or a word list by pattern, never free text; something shaped like a secret or a card number is
  refused whatever its kind.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pytest_paygate.core.money import Money, MoneyError
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FactValue: TypeAlias = str | int | float | bool | Money | datetime | tuple[str, ...]
JsonValue: TypeAlias = str | int | float | bool | list[str] | dict[str, str | int]

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}")
_WORD = re.compile(r"[\w][\w .,:;/()+%=-]{0,119}")
_LAST4 = re.compile(r"[0-9]{4}")
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.~/-]{0,199})?")


class FactKind(StrEnum):
    """The shapes a fact may have."""

    IDENTIFIER = "identifier"
    WORD = "word"
    WORDS = "words"
    INTEGER = "integer"
    SECONDS = "seconds"
    MONEY = "money"
    TIME = "time"
    LAST4 = "last4"
    FLAG = "flag"
    LINK = "link"


class FactShapeError(ValueError):
    """A value does not fit the kind it was declared as. The value itself is never in the message."""


def to_json(kind: FactKind, value: object) -> JsonValue:
    """Check a value against its kind and return the form the journal keeps.

    Raises:
        FactShapeError: when the value does not fit, or looks like a secret or a card number.
    """
    encoded = _ENCODERS[kind](value)
    texts: Sequence[object] = encoded if isinstance(encoded, list) else [encoded]
    if any(isinstance(text, str) and looks_secret(text) for text in texts):
        raise FactShapeError("the value looks like a key, a token or a card number")
    return encoded


def from_json(kind: FactKind, value: JsonValue) -> FactValue:
    """Turn the journal's form back into the typed value.

    Raises:
        FactShapeError: when it does not fit the kind.
    """
    match kind, value:
        case FactKind.MONEY, {"minor": int(minor), "currency": str(currency)} if len(value) == 2:  # type: ignore[arg-type]
            try:
                return Money(minor, currency)
            except MoneyError as error:
                raise FactShapeError(str(error)) from None
        case FactKind.TIME, str(text):
            try:
                return _time(datetime.fromisoformat(text))
            except (ValueError, OverflowError):
                raise FactShapeError("the journal holds no time here") from None
        case FactKind.WORDS, list(words):
            return tuple(to_json(FactKind.WORDS, words))  # type: ignore[arg-type]
        case ((FactKind.MONEY | FactKind.TIME | FactKind.WORDS), _):
            raise FactShapeError(f"the journal holds no {kind} here")
        case _:
            return to_json(kind, value)  # type: ignore[return-value]


def shown(value: FactValue) -> str:
    """The one way a fact is written for a reader."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case tuple():
            return ", ".join(value) if value else "none"
        case _:
            return str(value)


def _matching(pattern: re.Pattern[str], what: str, value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise FactShapeError(f"the value is not {what}")
    return str(value)


def _words(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or len(value) > 50:
        raise FactShapeError("the value is not a short list of words")
    return [_word(item) for item in value]


def _integer(value: object) -> int:
    if type(value) is not int:
        raise FactShapeError("the value is not an integer")
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e9:  # type: ignore[operator]  # NaN fails the comparison too
        raise FactShapeError("the value is not a number of seconds")
    return round(float(value), 3)  # type: ignore[arg-type]


def _money(value: object) -> dict[str, str | int]:
    if not isinstance(value, Money):
        raise FactShapeError("the value is not Money")
    return {"minor": value.minor, "currency": value.currency}


def _time(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise FactShapeError("the value is not an aware time")
    return value.astimezone(UTC)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise FactShapeError("the value is not true or false")
    return value


_identifier = partial(_matching, _IDENTIFIER, "an identifier (letters, digits and _ . : @ -, at most 128)")
_word = partial(_matching, _WORD, "a short plain phrase")
_ENCODERS: dict[FactKind, Callable[[object], JsonValue]] = {
    FactKind.IDENTIFIER: _identifier,
    FactKind.WORD: _word,
    FactKind.WORDS: _words,
    FactKind.INTEGER: _integer,
    FactKind.SECONDS: _seconds,
    FactKind.MONEY: _money,
    FactKind.TIME: lambda value: _time(_parsed(value)).isoformat(),
    FactKind.LAST4: partial(_matching, _LAST4, "four digits"),
    FactKind.FLAG: _flag,
    # Scheme, host and path only: a query or a fragment may carry a token.
    FactKind.LINK: partial(_matching, _LINK, "a plain http(s) link without query"),
}


def _parsed(value: object) -> object:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
