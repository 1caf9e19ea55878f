"""Money as an integer number of minor units and an ISO 4217 code.

Rules:
- floats never touch money: amounts are integers, text is parsed digit by digit;
- two currencies never meet in one sum or comparison;
- `EUR 500` in minor units is five euros and prints as `EUR 5.00`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from pytest_paygate.core.currencies import EXPONENTS, AmountConvention, exponent

_TEXT = re.compile(r"(?P<currency>[A-Z]{3}) (?P<sign>-?)(?P<whole>[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,4}))?")


class MoneyError(ValueError):
    """An amount or a currency that cannot be money, or two currencies in one calculation."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency.

    Args:
        minor: integer minor units; negative for money going out.
        currency: ISO 4217 code, upper case.

    Raises:
        MoneyError: for a non-integer amount or a currency that is not in the table.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MoneyError(f"money is an integer number of minor units, not {type(self.minor).__name__}")
        if self.currency not in EXPONENTS:
            raise MoneyError(_unknown_currency(self.currency))

    @classmethod
    def parse(cls, text: str) -> Money:
        """Read `EUR 5.00`: code, one space, digits with exactly the currency's decimals.

        Raises:
            MoneyError: for any other form, an unknown code or a wrong number of decimals.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise MoneyError(f"{text!r} is not an amount; write it like 'EUR 5.00'")
        currency = match["currency"]
        if currency not in EXPONENTS:
            raise MoneyError(_unknown_currency(currency))
        digits = exponent(currency)
        fraction = match["fraction"] or ""
        if len(fraction) != digits:
            raise MoneyError(f"{text!r} has {len(fraction)} decimals; {currency} has {digits}")
        minor = int(match["whole"] + fraction)
        return cls(-minor if match["sign"] else minor, currency)

    @classmethod
    def from_provider(cls, minor: int, currency: str, convention: AmountConvention) -> Money:
        """Read a provider's integer that follows the provider's own decimals.

        Raises:
            MoneyError: when the provider's integer is not a whole number of ISO minor units.
        """
        code = currency.upper()
        if type(minor) is not int or code not in EXPONENTS:
            return cls(minor, code)
        whole, rest = _shifted(minor, exponent(code) - exponent(code, convention))
        if rest:
            raise MoneyError(f"{minor} is not a whole number of {code} minor units in the {convention} convention")
        return cls(whole, code)

    def in_convention(self, convention: AmountConvention) -> int:
        """Return the integer a provider expects for this amount.

        Raises:
            MoneyError: when the provider's integer cannot express the amount.
        """
        whole, rest = _shifted(self.minor, exponent(self.currency, convention) - exponent(self.currency))
        if rest:
            raise MoneyError(f"{self} has decimals that the {convention} convention cannot express")
        return whole

    def __str__(self) -> str:
        digits = exponent(self.currency)
        sign = "-" if self.minor < 0 else ""
        text = str(abs(self.minor)).rjust(digits + 1, "0")
        amount = f"{text[:-digits]}.{text[-digits:]}" if digits else text
        return f"{self.currency} {sign}{amount}"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise MoneyError(f"money does not mix with {type(other).__name__}")
        if other.currency != self.currency:
            raise MoneyError(f"{self} and {other} are two currencies")
        return other.minor


def _shifted(number: int, digits: int) -> tuple[int, int]:
    """A number moved to the left by decimal digits, and what moving it to the right leaves over."""
    return divmod(number * int(10 ** max(digits, 0)), int(10 ** max(-digits, 0)))


def _unknown_currency(code: object) -> str:
    near = get_close_matches(str(code).upper(), EXPONENTS)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{code!r} is not an ISO 4217 currency{hint}"
