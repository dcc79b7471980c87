"""Prices come from the config, else from the published list, else from nobody; published ones are right for each provider's usage."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import LanguageModel, Parameters, Prices
from labmodels.providers.protocol import Usage
from labmodels.router import prices as module
from labmodels.router.prices import FREE, PriceList, Tier, prices_of

AT = datetime(2026, 11, 20, tzinfo=UTC)
OWN = Prices(input="$7 / 1M tokens", output="$9 / 1M tokens")


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def model(provider: str, name: str, **settings) -> LanguageModel:
    return LanguageModel(name="m", provider=provider, model=name, context_tokens=10**6, **settings)


def cost(provider: str, name: str, usage: Usage, at: datetime = AT, **extra) -> Decimal | None:
    prices = prices_of(model(provider, name, parameters=Parameters(extra=extra)), at)
    assert prices is None or prices.source == "genai-prices"
    return prices.cost_usd(usage) if prices else None


# Each expectation is the provider's price page, by hand: tokens times dollars a million.
@pytest.mark.parametrize(
    ("provider", "name", "usage", "expected"),
    [
        # 400 fresh at 2.5, 600 cached at 1.25, 100 written at 10
        ("openai", "gpt-4o", Usage(1000, 600, None, 100), "0.00275"),
        # a dated name is the same model; 90 of the 100 are reasoning, which is output and not charged again
        ("openai", "gpt-4o-2024-08-06", Usage(1000, 600, None, 100, 90), "0.00275"),
        # the same to the token: 272,000 is still the lower tier, one more moves every token to the higher
        ("openai", "gpt-5.4", Usage(272_000, 0, 0, 1000), "0.695"),
        ("openai", "gpt-5.4", Usage(272_001, 1, 0, 1000), "1.3825005"),
        # 100 fresh at 4, 500 read at 0.4, 400 written at 5, 10 output at 20
        ("openai", "gpt-5.6-sol", Usage(1000, 500, 400, 10), "0.0028"),
        # OpenAI charges nothing of its own for writing here: 1000 at 2.5
        ("openai", "gpt-4o", Usage(1000, 0, 400, 0), "0.0025"),
        # this model has no cache: what were said to be cached is ordinary input
        ("openai", "gpt-4", Usage(1000, 600, 0, 0), "0.03"),
        # 100 fresh at 5, 500 read at 0.5, 400 written for five minutes at 6.25, 10 output at 25
        ("anthropic", "claude-opus-5", Usage(1000, 500, 400, 10), "0.0035"),
        ("anthropic", "claude-haiku-5-5", Usage(100_000, 0, 0, 1000), "0.0105"),
        ("anthropic", "claude-haiku-5-5", Usage(100_001, 100_001, 0, 1000), "0.00750005"),
        ("anthropic", "claude-opus-5", Usage(0, 0, 0, 0), "0"),
        ("anthropic", "claude-opus-5", Usage(None, 0, 0, 10), None),
        ("anthropic", "claude-opus-5", Usage(10), None),
        ("openai", "no-such-model", Usage(10, 0, 0, 10), None),
        # audio, images and searches cost by other units than Usage counts
        ("openai", "gpt-realtime", Usage(10, 0, 0, 10), None),
        ("openai", "text-embedding-3-small", Usage(10, 0, 0, 10), None),
        # named like OpenAI, and not OpenAI
        ("my_openai", "gpt-4o", Usage(10, 0, 0, 10), None),
        ("llama_cpp", "gpt-4o", Usage(10, 0, 0, 10), None),
    ],
)
def test_the_published_cost_of_a_try(provider, name, usage, expected):
    assert cost(provider, name, usage) == (None if expected is None else Decimal(expected))


def test_an_hour_in_the_cache_costs_more_than_five_minutes():
    usage = Usage(1000, 0, 1000, 0)
    assert cost("anthropic", "claude-opus-5", usage, cache_control={"type": "ephemeral", "ttl": "5m"}) == Decimal("0.00625")
    assert cost("anthropic", "claude-opus-5", usage, cache_control={"type": "ephemeral", "ttl": "1h"}) == Decimal("0.01")


def test_a_faster_tier_that_the_parameters_ask_for_is_charged():
    usage = Usage(1000, 0, 0, 100)
    assert cost("openai", "gpt-4o", usage, service_tier="priority") == Decimal("0.00595")
    assert cost("anthropic", "claude-opus-5", usage, speed="fast") == Decimal("0.015")
    prices = prices_of(model("openai", "gpt-4o"), AT, parameters=Parameters(extra={"service_tier": "priority"}))
    assert prices and prices.cost_usd(usage) == Decimal("0.00595")


def test_the_price_is_that_of_the_time_of_the_request():
    usage = Usage(10**6, 0, 0, 10**6)
    assert cost("openai", "o3", usage, datetime(2025, 6, 9, 23, 59, tzinfo=UTC)) == 50
    assert cost("openai", "o3", usage, datetime(2025, 6, 10, tzinfo=UTC)) == 10


def test_the_model_that_answered_is_charged_and_an_unknown_name_of_it_changes_nothing():
    asked, usage = model("openai", "gpt-4o"), Usage(10**6, 0, 0, 0)
    assert prices_of(asked, AT, model_returned="gpt-4o-mini").cost_usd(usage) == Decimal("0.15")
    assert prices_of(asked, AT, model_returned="a-name-of-tomorrow").cost_usd(usage) == Decimal("2.5")


def test_the_prices_of_the_config_win():
    found = prices_of(model("openai", "gpt-4o", prices=OWN), AT, model_returned="gpt-4o-mini")
    assert found == PriceList.flat("config", OWN)
    assert found.cost_usd(Usage(10**6, 0, 0, 10**6)) == 16


def test_what_a_server_of_ones_own_charges_is_unknown_unless_the_config_says(monkeypatch):
    assert prices_of(model("openai", "gpt-4o", base_url="http://127.0.0.1:1/v1"), AT) is None
    assert prices_of(model("openai", "gpt-4o", base_url="http://127.0.0.1:1/v1", prices=OWN), AT).source == "config"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    assert prices_of(model("anthropic", "claude-opus-5"), AT) is None
    assert prices_of(model("openai", "gpt-4o"), AT) is not None


def test_without_the_package_nothing_is_known_and_nothing_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    module._entry.cache_clear()
    assert prices_of(model("openai", "gpt-4o"), AT) is None
    assert prices_of(model("openai", "gpt-4o", prices=OWN), AT) is not None
    module._entry.cache_clear()


OFFLINE = """
import sys, datetime
def refuse(event, _):
    if event.startswith("socket.") and event not in ("socket.__new__",):
        raise SystemExit(f"the network was used: {event}")
sys.addaudithook(refuse)
from labmodels.config.schema.language_model import LanguageModel
from labmodels.providers.protocol import Usage
from labmodels.router.prices import prices_of
assert not any(name.startswith("genai_prices") for name in sys.modules)
model = LanguageModel(name="m", provider="openai", model="gpt-4o", context_tokens=1000)
print(prices_of(model, datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)).cost_usd(Usage(1000000, 0, 0, 0)))
"""


def test_prices_are_looked_up_without_a_network_and_the_package_is_loaded_only_then():
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.50\n", "")


def test_a_built_in_is_free_and_not_unknown():
    assert FREE.cost_usd(Usage(10, 5, 5, 10)) == 0
    assert FREE.cost_usd(Usage()) is None


@given(
    st.sampled_from(
        [("openai", "gpt-4o"), ("openai", "gpt-5.4"), ("openai", "gpt-5.6-sol"), ("openai", "o3"), ("openai", "gpt-4"),
         ("anthropic", "claude-opus-5"), ("anthropic", "claude-haiku-5-5"), ("anthropic", "claude-sonnet-4-5"),
         ("anthropic", "claude-opus-4-6")]
    ),
    st.tuples(st.integers(0, 400_000), st.integers(0, 400_000), st.integers(0, 400_000), st.integers(0, 10**6)),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)  # fmt: skip
def test_our_cost_is_what_the_package_itself_computes(asked, tokens, at):
    fresh, read, written, output = tokens
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=fresh + read + written, cache_read_tokens=read, cache_write_tokens=written, output_tokens=output),
        asked[1],
        provider_id=asked[0],
        genai_request_timestamp=at,
    )
    assert cost(*asked, Usage(fresh + read + written, read, written, output), at) == theirs.total_price


def test_the_dearest_price_is_looked_for_in_every_tier_that_a_request_can_reach():
    cheaper_above = PriceList("config", (Tier(0, OWN), Tier(101, Prices(input="$1 / 1M tokens", output="$20 / 1M tokens"))))
    assert cheaper_above.dearest(100) == (7, 9)
    assert cheaper_above.dearest(101) == (7, 20)
    written = PriceList.flat("config", Prices(input="$1 / 1M tokens", output="$1 / 1M tokens", cache_write="$3 / 1M tokens"))
    assert written.dearest(1)[0] == 3
