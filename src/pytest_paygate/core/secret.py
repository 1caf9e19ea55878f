"""A secret that cannot be printed, and the shapes by which a stray secret or card number is recognised.

`Secret` is the only type in which a key or password may travel; the shapes are the second net behind the allow-list in
`redaction.py`, never the first.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_SHAPES = re.compile(
    r"(?:sk|rk|rkcs|pk)_(?:live|test)_[A-Za-z0-9]{6,}"
    r"|whsec_[A-Za-z0-9+/=_-]{6,}"
    r"|(?:snd|prd|dev|integ)_[A-Za-z0-9]{32,}"
    r"|pk_(?:snd|prd|dev)_[0-9a-f]{16,}"
    r"|epk_[A-Za-z0-9]{16,}"
    r"|(?:pi|seti|pay|cs)_\w+_secret_\w+"
    # A token begins so; in the middle of an id the three letters are chance.
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}"
)
# Card numbers by issuer range and length; the Luhn check follows. Issuer ranges start with 2 to 6, so epoch
# milliseconds (which start with 1) never match however often they pass Luhn.
_CARD = re.compile(
    r"(?<![0-9A-Za-z])(?=(?P<digits>(?:4\d|5[1-5]|2[2-7]|3[04-9]|6[0245])(?:[ -]?\d){11,17}))(?P=digits)(?![0-9A-Za-z])"
)
# A UUID is no card number, however many of its hexadecimal digits happen to be decimal.
_UUID = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Secret:
    """A value that is revealed only where it is sent. It has no readable text, comparison, hash or pickled form."""

    __slots__ = ("__value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        self.__value = value
        self.source = source
        for seen in _WATCHERS:
            seen(self)

    def reveal(self) -> str:
        """Return the value. Call it only where it is put on the wire, or searched for in what was written."""
        return self.__value

    def fingerprint(self) -> str:
        """Return a short one-way mark by which two uses of one secret can be told to be the same."""
        digest = hmac.new(b"pytest-paygate fingerprint", self.__value.encode(), hashlib.sha256)
        return f"sha256:{digest.hexdigest()[:12]}"

    def starts_with(self, *prefixes: str) -> bool:
        """Say whether the value starts with one of the published key prefixes, such as `sk_test_`."""
        return self.__value.startswith(prefixes)

    def is_one_of(self, published: Collection[str]) -> bool:
        """Say whether it is one of a few published values, such as the sandbox's rehearsal keys."""
        return self.__value in published

    def __repr__(self) -> str:
        return f"Secret({self.source or 'hidden'})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


_WATCHERS: list[Callable[[Secret], None]] = []


def watch(seen: Callable[[Secret], None]) -> Callable[[], None]:
    """Be told of every secret that comes into being from now on, tokens that a suite obtains among them.

    Args:
        seen: called with each of them.

    Returns:
        A function that ends it; calling it twice does nothing.
    """
    _WATCHERS.append(seen)

    def stop() -> None:
        if seen in _WATCHERS:
            _WATCHERS.remove(seen)

    return stop


def looks_secret(text: str) -> bool:
    """Say whether a text carries something shaped like a provider key, a token or a card number."""
    if _SHAPES.search(text) is not None:
        return True
    return any(_passes_luhn(match["digits"]) for match in _CARD.finditer(_UUID.sub("uuid", text)))


def _passes_luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    odd = digits[-1::-2]
    even = [_LUHN_DOUBLED[digit] for digit in digits[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0
