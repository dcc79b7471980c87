"""Values with units as configurations write them: "5 seconds", "85%", "$0.10", "$2.50 / 1M tokens".

Each type parses text to a plain value (seconds as float, a share as float, money as Decimal) and serialises to one canonical
text, so that "5 seconds" and "5 s" are the same release. A bare number where a unit is needed is refused, not guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_SECONDS = {
    "ms": 0.001, "millisecond": 0.001, "milliseconds": 0.001,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_NUMBER = r"(\d{1,15}(?:\.\d{1,9})?)"
_DURATION_PART = re.compile(rf"{_NUMBER}\s*([a-zA-Z]+)\s*")
_PERCENT = re.compile(rf"{_NUMBER}\s*%")
_MONEY = re.compile(rf"\$\s*{_NUMBER}|{_NUMBER}\s*USD")
_PRICE = re.compile(rf"(?:\$\s*{_NUMBER}|{_NUMBER}\s*USD)\s*(?:/|per)\s*(1K|1M)\s*tokens?", re.IGNORECASE)
_TOKENS = {"1k": 1_000, "1m": 1_000_000}


def _refuse(kind: str, wanted: str) -> PydanticCustomError:
    return PydanticCustomError("unit", "expected {kind}, such as {wanted}", {"kind": kind, "wanted": wanted})


def parse_duration(value: Any) -> float:
    """Return seconds for text such as "5 seconds", "500ms" or "1h 30m"; raise a `unit` error otherwise."""
    text = value.strip() if isinstance(value, str) else ""
    position, seconds = 0, 0.0
    while match := _DURATION_PART.match(text, position):
        unit = _SECONDS.get(match[2].lower())
        if unit is None:
            break
        seconds += float(match[1]) * unit
        position = match.end()
    if not text or position != len(text):
        raise _refuse("a duration with its unit", '"5 seconds", "500 ms" or "2h"')
    return seconds


def format_duration(seconds: float) -> str:
    """Return the canonical text of a duration: in milliseconds below a second, else in the largest unit that divides it."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds and seconds % size == 0:
            return f"{int(seconds / size)} {unit}"
    if 0 < seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds!r} s".replace(".0 s", " s")


def parse_share(value: Any) -> float:
    """Return a share in [0, 1] for "85%"; raise a `unit` error otherwise."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or float(match[1]) > 100:
        raise _refuse("a percentage from 0% to 100%", '"85%"')
    return float(Decimal(match[1]) / 100)


def format_share(share: float) -> str:
    """Return the canonical text of a share: "85%"."""
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


def parse_money(value: Any) -> Decimal:
    """Return US dollars for "$0.10" or "0.10 USD"; raise a `unit` error otherwise."""
    match = _MONEY.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise _refuse("an amount in US dollars", '"$0.10" or "0.10 USD"')
    return Decimal(match[1] or match[2])


def format_money(amount: Decimal) -> str:
    """Return the canonical text of an amount: at least two decimals, no trailing zeros beyond them."""
    text = f"{amount.normalize():f}"
    whole, _, fraction = text.partition(".")
    return f"${whole}.{fraction:<02}"


def parse_price(value: Any) -> Decimal:
    """Return US dollars per one million tokens for "$2.50 / 1M tokens"; raise a `unit` error otherwise."""
    match = _PRICE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise _refuse("a price per tokens", '"$2.50 / 1M tokens"')
    return Decimal(match[1] or match[2]) * (1_000_000 // _TOKENS[match[3].lower()])


def format_price(per_million: Decimal) -> str:
    """Return the canonical text of a price: dollars per one million tokens."""
    return f"{format_money(per_million)} / 1M tokens"


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


_N = r"\d{1,15}(\.\d{1,9})?"
_UNITS = "|".join(sorted(_SECONDS, key=len, reverse=True))

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    _text(rf"^\s*({_N}\s*({_UNITS})\s*)+$", "5 seconds", "500 ms", "1h 30m"),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Share = Annotated[float, BeforeValidator(parse_share), PlainSerializer(format_share, when_used="json"), _text(rf"^\s*{_N}\s*%\s*$", "85%")]
Money = Annotated[
    Decimal,
    BeforeValidator(parse_money),
    PlainSerializer(format_money, when_used="json"),
    _text(rf"^\s*(\$\s*{_N}|{_N}\s*USD)\s*$", "$0.10", "0.10 USD"),
]
Price = Annotated[
    Decimal,
    BeforeValidator(parse_price),
    PlainSerializer(format_price, when_used="json"),
    _text(rf"^\s*(\$\s*{_N}|{_N}\s*USD)\s*(/|per)\s*(1K|1M|1k|1m)\s*tokens?\s*$", "$2.50 / 1M tokens"),
]
