"""Values with units: one canonical text for each value, whatever it was written as."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from labmodels.config.units import (
    format_duration,
    format_money,
    format_price,
    format_share,
    parse_duration,
    parse_money,
    parse_price,
    parse_share,
)

NUMBERS = st.decimals(0, 10**9, places=3).map(lambda number: f"{number:f}") | st.integers(0, 10**6).map(str)
SPACES = st.sampled_from(["", " ", "  "])
UNITS = st.sampled_from(
    [
        "ms",
        "millisecond",
        "milliseconds",
        "s",
        "sec",
        "Second",
        "seconds",
        "m",
        "min",
        "MIN",
        "minutes",
        "h",
        "hour",
        "hours",
        "d",
        "day",
        "days",
    ]
)
DURATIONS = st.lists(st.builds("".join, st.tuples(NUMBERS, SPACES, UNITS, SPACES)), min_size=1, max_size=3).map("".join)
SHARES = st.builds("".join, st.tuples(st.decimals(0, 100, places=2).map(str), SPACES, st.just("%")))
AMOUNTS = st.one_of(st.builds("${}{}".format, SPACES, NUMBERS), st.builds("{}{}USD".format, NUMBERS, SPACES))
PRICES = st.builds(
    "{}{}{} 1{} token{}".format, AMOUNTS, SPACES, st.sampled_from(["/", "per"]), st.sampled_from("kKmM"), st.sampled_from(["", "s"])
)


@pytest.mark.parametrize(
    ("texts", "parse", "write"),
    [
        (DURATIONS, parse_duration, format_duration),
        (SHARES, parse_share, format_share),
        (AMOUNTS, parse_money, format_money),
        (PRICES, parse_price, format_price),
    ],
    ids=["duration", "share", "money", "price"],
)
def test_the_canonical_text_reads_back_as_the_same_value_and_is_its_own_canonical_text(texts, parse, write):
    @given(texts)
    def holds(text):
        value = parse(text)
        assert parse(write(value)) == value
        assert write(parse(write(value))) == write(value)
        assert parse(f"  {text}  ") == value

    holds()


@given(st.integers(0, 10**7))
def test_durations_that_are_equal_have_one_text(milliseconds):
    written = {f"{milliseconds} ms", f"{milliseconds / 1000:.3f} s", f"{milliseconds // 1000} s {milliseconds % 1000}ms"}
    assert len({format_duration(parse_duration(text)) for text in written}) == 1


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("5 seconds", 5, "5 s"), ("500ms", 0.5, "500 ms"), ("700 ms", 0.7, "700 ms"), ("1.5s", 1.5, "1.5 s"), ("90 s", 90, "90 s"),
        ("2m", 120, "2 min"),
        ("1h 30m", 5400, "90 min"), ("24h", 86400, "1 d"), ("0 s", 0, "0 s"), ("0.0001 ms", 1e-7, "0.0001 ms"),
    ],
)  # fmt: skip
def test_a_duration_and_its_canonical_text(text, seconds, canonical):
    assert parse_duration(text) == seconds
    assert format_duration(parse_duration(text)) == canonical


@pytest.mark.parametrize(
    ("amount", "canonical"),
    [("$0.10", "$0.10"), ("0.1 USD", "$0.10"), ("$100", "$100.00"), ("$0", "$0.00"), ("$0.125", "$0.125"), ("$1000000", "$1000000.00")],
)
def test_an_amount_and_its_canonical_text(amount, canonical):
    assert format_money(parse_money(amount)) == canonical


def test_a_price_is_for_a_million_tokens_whatever_it_was_given_for():
    assert parse_price("$0.002 / 1K tokens") == parse_price("2 USD per 1m token") == Decimal(2)
    assert format_price(Decimal("2.5")) == "$2.50 / 1M tokens"


def test_a_share_is_between_nothing_and_all():
    assert (parse_share("0%"), parse_share("85 %"), parse_share("99.9%"), parse_share("100%")) == (0.0, 0.85, 0.999, 1.0)
    assert format_share(0.999) == "99.9%"


@pytest.mark.parametrize("parse", [parse_duration, parse_share, parse_money, parse_price])
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        5,
        0.5,
        [],
        {},
        "",
        " ",
        "5",
        "5 parsecs",
        "-5 s",
        "-1%",
        "101%",
        "$",
        "$-1",
        "1,000 USD",
        "\u0665 s",
        "\u0665%",
        "$\u0665",
        "1e3 s",
        "$5/token",
        "5 s x",
        "$1 / 2M tokens",
    ],
)
def test_a_value_without_its_unit_or_of_another_kind_is_refused_and_not_guessed(parse, value):
    with pytest.raises(PydanticCustomError) as caught:
        parse(value)
    assert caught.value.type == "unit"
