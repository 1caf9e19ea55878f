"""Typed reading of a provider's object. Pure.

A field that is missing or of another shape is an error with its name, never a guess: money is at stake in every one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_paygate.core.money import Money, MoneyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.currencies import AmountConvention


class OddFieldError(ValueError):
    """A field is missing or of another shape. The value is never in the message."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Document:
    """One JSON object of a provider, whose amounts follow one convention."""

    def __init__(self, data: object, convention: AmountConvention, name: str = "(whole)") -> None:
        if not isinstance(data, dict):
            raise OddFieldError(name)
        self._data: Mapping[str, object] = data
        self._convention = convention

    def text(self, field: str) -> str:
        """A text that must be there and not be empty."""
        value = self._data.get(field)
        if not isinstance(value, str) or not value:
            raise OddFieldError(field)
        return value

    def text_or_empty(self, field: str) -> str:
        """A text that may be null or absent; an expanded object gives its id."""
        value = self._data.get(field)
        if isinstance(value, dict):
            value = value.get("id")
        if value is not None and not isinstance(value, str):
            raise OddFieldError(field)
        return value or ""

    def flag(self, field: str) -> bool:
        """A truth value that must be there."""
        value = self._data.get(field)
        if not isinstance(value, bool):
            raise OddFieldError(field)
        return value

    def flag_or_none(self, field: str) -> bool | None:
        """A truth value, None where it is null or absent."""
        return None if self._data.get(field) is None else self.flag(field)

    def money_or_none(self, field: str) -> Money | None:
        """An amount in this object's `currency`, None where it is null or absent."""
        return None if self._data.get(field) is None else self.money(field)

    def money(self, field: str, *, absent_is_zero: bool = False) -> Money:
        """An amount in this object's `currency`."""
        value = self._data.get(field)
        if value is None and absent_is_zero:
            value = 0
        if type(value) is not int:
            raise OddFieldError(field)
        try:
            return Money.from_provider(value, self.text("currency"), self._convention)
        except MoneyError:
            raise OddFieldError(field) from None

    def moment(self, field: str) -> datetime:
        """A time: seconds since the epoch, or ISO 8601 (taken as UTC when it names no zone)."""
        value = self._data.get(field)
        try:
            if type(value) is int:
                return datetime.fromtimestamp(value, UTC)
            if isinstance(value, str):
                parsed = datetime.fromisoformat(value)
                return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            pass
        raise OddFieldError(field)

    def inner(self, field: str) -> Document | None:
        """An object inside, None when it is null, absent or not expanded."""
        value = self._data.get(field)
        return Document(value, self._convention, field) if isinstance(value, dict) else None

    @property
    def raw(self) -> object:
        """The object as it came."""
        return self._data

    def items(self, field: str) -> Sequence[Document]:
        """A list of objects; null and absent are an empty one."""
        value = self._data.get(field)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise OddFieldError(field)
        return tuple(Document(item, self._convention, field) for item in value)

    def listed(self, field: str) -> Sequence[object]:
        """A list of objects that must be there: an answer without it is no empty list."""
        if not isinstance(self._data.get(field), list):
            raise OddFieldError(field)
        return self.objects(field)

    def require(self, field: str, value: str) -> Document:
        """The object itself, when it says what it must say of itself: an answer to another question is no answer."""
        if self._data.get(field) != value:
            raise OddFieldError(field)
        return self

    def objects(self, field: str) -> Sequence[object]:
        """The same list, each object as it came."""
        return tuple(item.raw for item in self.items(field))

    def words(self, field: str) -> Mapping[str, str]:
        """A table of texts such as metadata; other values in it are left out."""
        value = self._data.get(field)
        if not isinstance(value, dict):
            return {}
        return {str(name): text for name, text in value.items() if isinstance(text, str)}
