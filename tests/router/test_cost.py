"""Costs are exact, cached tokens are charged once and at their own price, and unknown stays unknown."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import Prices
from labmodels.providers.protocol import Usage
from labmodels.router.cost import cost_usd, pico_usd

PRICES = Prices(input="$2.50 / 1M tokens", output="$10 / 1M tokens", cache_read="$0.25 / 1M tokens", cache_write="$3.125 / 1M tokens")
PLAIN = Prices(input="$2.50 / 1M tokens", output="$10 / 1M tokens")


@pytest.mark.parametrize(
    ("usage", "prices", "expected"),
    [
        (Usage(1000, None, None, 100), PRICES, Decimal("0.0035")),
        (Usage(1000, 600, None, 100), PRICES, Decimal("0.00215")),
        (Usage(1000, 600, 400, 100, 90), PRICES, Decimal("0.0024")),
        (Usage(0, 0, 0, 0), PRICES, Decimal(0)),
        (Usage(1000, 0, 0, 100), PLAIN, Decimal("0.0035")),
        (Usage(1000, 600, None, 100), PLAIN, None),
        (Usage(1000, None, None, 100), None, None),
        (Usage(None, None, None, 100), PRICES, None),
        (Usage(1000, None, None, None), PRICES, None),
        (Usage(), PRICES, None),
    ],
)
def test_the_cost_of_a_try(usage, prices, expected):
    assert cost_usd(usage, prices) == expected


def test_the_ledger_holds_it_without_rounding_a_cent_and_unknown_as_null():
    assert pico_usd(cost_usd(Usage(1, None, None, 1), PRICES)) == 12_500_000
    assert pico_usd(None) is None
    assert pico_usd(Decimal(0)) == 0


_tokens = st.integers(0, 10**7)


@given(_tokens, _tokens, _tokens, _tokens)
def test_tokens_are_charged_once_each(fresh, read, written, output):
    usage = Usage(fresh + read + written, read, written, output)
    million = Decimal(1_000_000)
    assert cost_usd(usage, PRICES) == (fresh * Decimal("2.5") + read * Decimal("0.25") + written * Decimal("3.125") + output * 10) / million
