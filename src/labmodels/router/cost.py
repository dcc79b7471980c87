"""What a try cost: tokens by class times their prices, exact. Unknown is None, never 0. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import Prices
    from labmodels.providers.protocol import Usage

_MILLION = Decimal(1_000_000)
_PICO = Decimal(10) ** 12


def cost_usd(usage: Usage, prices: Prices | None) -> Decimal | None:
    """Return US dollars; None without prices, without token counts, or when tokens occurred in a class that has no price.

    `input_tokens` include the cached ones, which are charged at their own price; reasoning lies inside the output.
    """
    if prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    charged = (
        (max(0, usage.input_tokens - read - written), prices.input),
        (read, prices.cache_read),
        (written, prices.cache_write),
        (usage.output_tokens, prices.output),
    )
    total = Decimal(0)
    for tokens, price in charged:
        if tokens and price is None:
            return None
        total += tokens * (price or Decimal(0)) / _MILLION
    return total


def pico_usd(amount: Decimal | None) -> int | None:
    """Return an amount as the whole pico-dollars that the ledger sums; None stays unknown."""
    return None if amount is None else int((amount * _PICO).to_integral_value(ROUND_HALF_EVEN))
