"""Currency exponents: how many decimal digits a minor unit stands for.

Owns the ISO 4217 table (published 2026-01-01; a test compares it with the `iso4217` package) and the overrides of
providers that count differently. Must not hold exchange rates or minimum amounts.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TWO_DIGITS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: _TWO_DIGITS,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# BGN left ISO 4217 when Bulgaria took the euro in 2026, but providers still list prices in it.
_RETIRED = {"BGN": 2}

ISO_EXPONENTS = MappingProxyType({code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()})
EXPONENTS = MappingProxyType({**ISO_EXPONENTS, **_RETIRED})


class AmountConvention(StrEnum):
    """Whose counting of minor units an integer follows."""

    ISO = "iso"
    STRIPE = "stripe"


# docs.stripe.com/currencies: MGA is sent without decimals; ISK and UGX times one hundred, although ISO has none.
_OVERRIDES: Mapping[AmountConvention, Mapping[str, int]] = MappingProxyType(
    {AmountConvention.STRIPE: MappingProxyType({"MGA": 0, "ISK": 2, "UGX": 2})}
)


def exponent(currency: str, convention: AmountConvention = AmountConvention.ISO) -> int:
    """Return how many decimal digits one minor unit of `currency` is.

    Args:
        currency: ISO 4217 code, upper case.
        convention: whose counting the integer follows.

    Raises:
        KeyError: for a code that is in no table.
    """
    override = _OVERRIDES[convention].get(currency) if convention in _OVERRIDES else None
    return EXPONENTS[currency] if override is None else override
