"""Values with units as configurations write them: "5 seconds", "85%", "$0.10", "$2.50 / 1M tokens".

Each type parses text to a plain value (seconds as float, a share as float, money as Decimal) and serialises to one canonical
text, so that "5 seconds" and "5 s" are the same release. A bare number where a unit is needed is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_SECONDS = {
    "ms": Decimal("0.001"), "millisecond": Decimal("0.001"), "milliseconds": Decimal("0.001"),
    "s": Decimal("1"), "sec": Decimal("1"), "second": Decimal("1"), "seconds": Decimal("1"),
    "m": Decimal("60"), "min": Decimal("60"), "minute": Decimal("60"), "minutes": Decimal("60"),
    "h": Decimal("3600"), "hour": Decimal("3600"), "hours": Decimal("3600"),
    "d": Decimal("86400"), "day": Decimal("86400"), "days": Decimal("86400"),
}  # fmt: skip
_NUMBER = r"(\d{1,15}(?:\.\d{1,9})?)"
_DURATION_PART = re.compile(rf"{_NUMBER}\s*([a-zA-Z]+)\s*", re.ASCII)
_PERCENT = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_MONEY = re.compile(rf"\$\s*{_NUMBER}|{_NUMBER}\s*USD", re.ASCII)
_PRICE = re.compile(rf"(?:\$\s*{_NUMBER}|{_NUMBER}\s*USD)\s*(?:/|per)\s*(1K|1M)\s*tokens?", re.IGNORECASE | re.ASCII)
_TOKENS = {"1k": 1_000, "1m": 1_000_000}


def _refuse(kind: str, wanted: str) -> PydanticCustomError:
    return PydanticCustomError("unit", "expected {kind}, such as {wanted}", {"kind": kind, "wanted": wanted})


def parse_duration(value: Any) -> float:
    """Return seconds for text such as "5 seconds", "500ms" or "1h 30m"; raise a `unit` error otherwise."""
    return _duration(value if isinstance(value, str) else "")


@lru_cache(maxsize=1024)  # the same few durations and prices stand in every file, and are read once for each combination
def _duration(value: str) -> float:
    text = value.strip()
    position, seconds = 0, Decimal(0)  # exact, so that "700 ms" and "0.7 s" are the same number
    while match := _DURATION_PART.match(text, position):
        unit = _SECONDS.get(match[2].lower())
        if unit is None:
            break
        seconds += Decimal(match[1]) * unit
        position = match.end()
    if not text or position != len(text):
        raise _refuse("a duration with its unit", '"5 seconds", "500 ms" or "2h"')
    return float(seconds)


def format_duration(seconds: float) -> str:
    """Return the canonical text of a duration: in milliseconds below a second, else in the largest unit that divides it."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds and seconds % size == 0:
            return f"{int(seconds / size)} {unit}"
    exact = Decimal(repr(seconds))
    return f"{(exact * 1000).normalize():f} ms" if 0 < seconds < 1 else f"{exact.normalize():f} s"


def parse_share(value: Any) -> float:
    """Return a share in [0, 1] for "85%"; raise a `unit` error otherwise."""
    return _share(value if isinstance(value, str) else "")


@lru_cache(maxsize=1024)
def _share(value: str) -> float:
    match = _PERCENT.fullmatch(value.strip())
    if not match or float(match[1]) > 100:
        raise _refuse("a percentage from 0% to 100%", '"85%"')
    return float(Decimal(match[1]) / 100)


def format_share(share: float) -> str:
    """Return the canonical text of a share: "85%"."""
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


def parse_money(value: Any) -> Decimal:
    """Return US dollars for "$0.10" or "0.10 USD"; raise a `unit` error otherwise."""
    return _money(value if isinstance(value, str) else "")


@lru_cache(maxsize=1024)
def _money(value: str) -> Decimal:
    match = _MONEY.fullmatch(value.strip())
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
    return _price(value if isinstance(value, str) else "")


@lru_cache(maxsize=1024)
def _price(value: str) -> Decimal:
    match = _PRICE.fullmatch(value.strip())
    if not match:
        raise _refuse("a price per tokens", '"$2.50 / 1M tokens"')
    return Decimal(match[1] or match[2]) * (1_000_000 // _TOKENS[match[3].lower()])


def format_price(per_million: Decimal) -> str:
    """Return the canonical text of a price: dollars per one million tokens."""
    return f"{format_money(per_million)} / 1M tokens"


class Written:
    """How a value is written: parsed from text before `inner` (a core schema) checks it, and serialised to its canonical text in JSON.

    Says to Pydantic directly what BeforeValidator, PlainSerializer and WithJsonSchema would; these inspect their functions' signatures
    anew for each field, a tenth of what a command spends on reading one file.
    """

    def __init__(
        self, parse: Callable[[Any], Any], write: Callable[[Any], str], inner: CoreSchema, pattern: str, what: str, *examples: str
    ) -> None:
        self._parse = parse
        self._write = write
        self._inner = inner
        # patternErrorMessage is what YAML editors show in place of the pattern.
        self._json = {"type": "string", "pattern": pattern, "patternErrorMessage": f"expected {what}", "examples": list(examples)}

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        """Return the core schema: parse, then check."""
        serialization = core_schema.plain_serializer_function_ser_schema(self._write, when_used="json")
        return core_schema.no_info_before_validator_function(self._parse, self._inner, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        """Return the JSON Schema of the text."""
        return dict(self._json)


def _any_case(word: str) -> str:
    """Return a pattern for `word` in any case; JSON Schema's dialect of patterns has no flag for it."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


_N = r"\d{1,15}(\.\d{1,9})?"
_UNITS = "|".join(_any_case(unit) for unit in sorted(_SECONDS, key=len, reverse=True))
_DURATION_TEXT = rf"\s*({_N}\s*({_UNITS})\s*)+$"
_DURATION_EXAMPLES = ("a duration with its unit", "5 seconds", "500 ms", "1h 30m")
_USD, _PER, _A_TOKEN = _any_case("usd"), _any_case("per"), _any_case("token")

_IS_DECIMAL = core_schema.is_instance_schema(Decimal)

Duration = Annotated[
    float, Written(parse_duration, format_duration, core_schema.float_schema(), rf"^{_DURATION_TEXT}", *_DURATION_EXAMPLES)
]
PositiveDuration = Annotated[
    float,
    Written(parse_duration, format_duration, core_schema.float_schema(gt=0), rf"^(?=.*[1-9]){_DURATION_TEXT}", *_DURATION_EXAMPLES),
]
Share = Annotated[
    float,
    Written(
        parse_share,
        format_share,
        core_schema.float_schema(),
        r"^\s*(0{0,13}\d{1,2}(\.\d{1,9})?|0{0,12}100(\.0{1,9})?)\s*%\s*$",
        "a percentage from 0% to 100%",
        "85%",
    ),
]
Money = Annotated[
    Decimal,
    Written(parse_money, format_money, _IS_DECIMAL, rf"^\s*(\$\s*{_N}|{_N}\s*USD)\s*$", "an amount in US dollars", "$0.10", "0.10 USD"),
]
Price = Annotated[
    Decimal,
    Written(
        parse_price,
        format_price,
        _IS_DECIMAL,
        rf"^\s*(\$\s*{_N}|{_N}\s*{_USD})\s*(/|{_PER})\s*1[kKmM]\s*{_A_TOKEN}[sS]?\s*$",
        "a price per tokens",
        "$2.50 / 1M tokens",
    ),
]
