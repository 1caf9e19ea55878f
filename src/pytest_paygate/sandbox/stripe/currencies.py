"""Which amounts the provider takes: minimum by settlement currency, maximum digits, zero- and three-decimal rules.

Owns the rules and one fixed conversion table, so that the same amount gives the same answer on every run. The rates
are made up to be plausible; nothing may be concluded from them.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from pytest_paygate.sandbox.stripe import errors

MINIMUM_MINOR_BY_SETTLEMENT = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
# ISK and UGX have no minor unit, yet are sent times 100.
ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)  # fmt: skip
HUNDREDFOLD = frozenset({"isk", "ugx"})
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
DIGITS_MAX = {"idr": 12, "inr": 9}
DIGITS_MAX_DEFAULT = 8
# Units of the currency for one US dollar.
UNITS_PER_DOLLAR = {
    "usd": "1", "aed": "3.6725", "aud": "1.53", "bgn": "1.69", "bhd": "0.376", "bif": "2950", "brl": "5.40",
    "cad": "1.40", "chf": "0.80", "clp": "940", "czk": "21", "djf": "178", "dkk": "6.45", "eur": "0.865", "gbp": "0.76",
    "gnf": "8680", "hkd": "7.78", "huf": "331", "idr": "16700", "inr": "88.6", "isk": "126", "jod": "0.709",
    "jpy": "154", "kmf": "426", "krw": "1460", "kwd": "0.307", "mga": "4480", "mxn": "18.4", "myr": "4.15",
    "nok": "10.1", "nzd": "1.77", "omr": "0.385", "pln": "3.67", "pyg": "7070", "ron": "4.40", "rwf": "1450",
    "sek": "9.5", "sgd": "1.30", "thb": "32.4", "tnd": "2.95", "twd": "31", "tzs": "2450", "ugx": "3600",
    "vnd": "26300", "vuv": "122", "xaf": "568", "xof": "568", "xpf": "103", "zar": "17.2",
}  # fmt: skip
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "aud": "A$", "cad": "CA$"}


def known(value: str, param: str = "currency") -> str:
    """The currency code in lower case.

    Raises:
        StripeError: 400 for a code the provider does not take.

    """
    code = value.lower()
    if code not in UNITS_PER_DOLLAR:
        listed = ", ".join(UNITS_PER_DOLLAR)
        raise errors.invalid(
            f"Invalid currency: {code[:20]}. Stripe currently supports these currencies: {listed}", param=param
        )
    return code


def exponent(currency: str) -> int:
    """Decimal digits of the provider's minor unit for this currency."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def shown(amount_minor: int, currency: str) -> str:
    """An amount as error messages show it, such as `€5.00` or `175.00 Ft`."""
    places = exponent(currency)
    text = f"{Decimal(amount_minor).scaleb(-places):,.{places}f}"
    if currency == "huf":
        return f"{text} Ft"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{text}" if symbol else f"{currency.upper()} {text}"


def rate(source: str, target: str) -> Decimal:
    """Units of `target` for one unit of `source`, six decimals."""
    units = Decimal(UNITS_PER_DOLLAR[target]) / Decimal(UNITS_PER_DOLLAR[source])
    return units.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def converted(amount_minor: int, source: str, target: str, rounding: str = ROUND_HALF_UP) -> int:
    """The same money in minor units of another currency."""
    if source == target:
        return amount_minor
    units = Decimal(amount_minor).scaleb(-exponent(source)) * rate(source, target)
    return int(units.scaleb(exponent(target)).quantize(Decimal(1), rounding))


def check_amount(amount_minor: int, currency: str, settlement: str, param: str = "amount") -> None:
    """Refuse an amount the provider would refuse.

    Raises:
        StripeError: 400 `amount_too_small`, `amount_too_large` or `invalid_charge_amount`.

    """
    digits = DIGITS_MAX.get(currency, DIGITS_MAX_DEFAULT)
    if amount_minor >= 10**digits:
        most = shown(10**digits - 1, currency)
        raise errors.invalid(f"Amount must be no more than {most}", param=param, code="amount_too_large")
    if currency in THREE_DECIMAL and amount_minor % 10:
        message = f"Invalid amount: {amount_minor}. Three-decimal amounts in {currency} must end in 0."
        raise errors.invalid(message, param=param, code="invalid_charge_amount")
    if currency in HUNDREDFOLD and amount_minor % 100:
        message = f"Invalid amount: {amount_minor}. Amounts in {currency} must be divisible by 100."
        raise errors.invalid(message, param=param, code="invalid_charge_amount")
    least = MINIMUM_MINOR_BY_SETTLEMENT.get(settlement, 50)
    settled = converted(amount_minor, currency, settlement, ROUND_DOWN)
    if settled >= least:
        return
    if currency == settlement:
        message = f"Amount must be at least {shown(least, currency)} {currency}"
    else:
        message = (
            f"Amount must convert to at least {shown(least, settlement)}. {shown(amount_minor, currency)} converts to "
            f"approximately {shown(settled, settlement)}."
        )
    raise errors.invalid(message, param=param, code="amount_too_small")
