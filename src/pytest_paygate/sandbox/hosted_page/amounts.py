"""How an amount is written on the page: ISO code first, as many decimals as the provider's minor unit has."""

from __future__ import annotations

# The provider's rules, not ISO 4217: MGA has no decimals here, ISK and UGX are sent times one hundred.
_NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def format_amount(amount_minor: int, currency: str) -> str:
    """Write minor units for people: 500 eur is `EUR 5.00`."""
    code = currency.upper()
    if code in _NO_DECIMALS:
        return f"{code} {amount_minor}"
    decimals = 3 if code in _THREE_DECIMALS else 2
    sign = "-" if amount_minor < 0 else ""
    whole, fraction = divmod(abs(amount_minor), 10**decimals)
    return f"{code} {sign}{whole}.{fraction:0{decimals}d}"
