"""What a model's tokens cost at a moment, and who says so: its own config, else the package genai-prices, else nobody.

The package is asked only about a provider's own address: what another server charges, its operator says. Its bundled list is read and
never updated from the network. Costs are `cost`'s, bounds are `bounds`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from labmodels.config.schema.language_model import Prices
from labmodels.providers.endpoint import base_url
from labmodels.router.cost import cost_usd

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

    from labmodels.config.schema.language_model import LanguageModel, Parameters
    from labmodels.providers.protocol import Usage

Source = Literal["config", "genai-prices", "built-in"]

_TOKENS = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok"}
_SEARCHES = {"web_searches_kcount", "storage_searches_kcount"}  # of the provider's own tools, which no request here has
_CONTEXT = ("service_tier", "speed")  # parameters that change the price


class Tier(NamedTuple):
    """Prices of all tokens of a request with at least so many input tokens."""

    from_tokens: int
    prices: Prices


@dataclass(frozen=True, slots=True)
class PriceList:
    """What the tokens of one model cost. The tiers rise; the first begins at 0."""

    source: Source
    tiers: tuple[Tier, ...]

    @classmethod
    def flat(cls, source: Source, prices: Prices) -> PriceList:
        """Return a list on which the size of a request does not matter."""
        return cls(source, (Tier(0, prices),))

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """Return what `usage` costs in US dollars, exactly; None is unknown."""
        return cost_usd(usage, self._reachable(usage.input_tokens or 0)[-1].prices)

    def dearest(self, most_input_tokens: int) -> tuple[Decimal, Decimal]:
        """Return the highest prices that a token of input and one of output can have in a request of at most this size."""
        prices = [tier.prices for tier in self._reachable(most_input_tokens)]
        given = (price for one in prices for price in (one.input, one.cache_read, one.cache_write) if price is not None)
        return max(given), max(one.output for one in prices)

    def _reachable(self, input_tokens: int) -> list[Tier]:
        return [tier for tier in self.tiers if tier.from_tokens <= input_tokens]


FREE = PriceList.flat(
    "built-in", Prices.model_construct(input=Decimal(0), output=Decimal(0), cache_read=Decimal(0), cache_write=Decimal(0))
)


def prices_of(
    model: LanguageModel, at: datetime, *, model_returned: str | None = None, parameters: Parameters | None = None
) -> PriceList | None:
    """Return what `model` costs a request that began at `at` (aware); None is unknown, which is not free.

    `model_returned` is the model that answered, where the provider said so; `parameters` are those of the request, if they differ
    from the model's.
    """
    if model.prices is not None:
        return PriceList.flat("config", model.prices)
    if base_url(model) is not None:
        return None
    entry = (_entry(model.provider, model_returned) if model_returned else None) or _entry(model.provider, model.model)
    if entry is None:
        return None
    extra = (parameters or model.parameters).extra
    context = {name: extra[name] for name in _CONTEXT if isinstance(extra.get(name), str)}
    tiers = _tiers(entry.get_prices(at, context), _cache_write(extra))
    return PriceList("genai-prices", tiers) if tiers else None


@lru_cache(maxsize=1024)
def _entry(provider: str, model: str) -> ModelInfo | None:
    """Return what the package knows of a model; None also without the package. A provider that is only named alike is another."""
    try:
        from genai_prices.data import providers
    except ImportError:
        return None
    known = next((one for one in providers if one.id == provider), None)
    return known.find_model(model) if known else None


def _cache_write(extra: Mapping[str, Any]) -> str:
    """Return the price that writing to the cache has: Anthropic's entries live for five minutes unless the request says an hour."""
    control = extra.get("cache_control")
    return "cache_write_1h_mtok" if isinstance(control, Mapping) and control.get("ttl") == "1h" else "cache_write_mtok"


def _tiers(listed: ModelPrice, cache_write: str) -> tuple[Tier, ...]:
    """Return the tiers of a published price; none where something besides text tokens is charged, which Usage does not count."""
    charged = {key: price for key, price in vars(listed).items() if price is not None}
    if not {"input_mtok", "output_mtok"} <= charged.keys() or charged.keys() - _TOKENS - _SEARCHES:
        return ()
    starts = {tier.start + 1 for key in charged.keys() & _TOKENS for tier in getattr(charged[key], "tiers", ())}

    def price(key: str, input_tokens: int) -> Decimal:
        # A class without a price of its own is charged as what it is part of.
        return _at(charged.get(key, charged["input_mtok"]), input_tokens)

    return tuple(
        Tier(
            start,
            Prices.model_construct(
                input=price("input_mtok", start),
                output=price("output_mtok", start),
                cache_read=price("cache_read_mtok", start),
                cache_write=price(cache_write, start),
            ),
        )
        for start in sorted({0} | starts)
    )


def _at(price: Decimal | TieredPrices, input_tokens: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if input_tokens > tier.start), price.base)
