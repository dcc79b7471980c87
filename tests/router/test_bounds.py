"""What is counted before a request is sent bounds what it becomes, for any text, any tokenizer at hand and any usage."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import LanguageModel, Parameters, Prices
from labmodels.providers.protocol import Image, Message, Request, Text, Tool, ToolCall, Usage
from labmodels.router.bounds import (
    fewest_input_tokens,
    likely_cost_usd,
    likely_input_tokens,
    most_cost_usd,
    most_input_tokens,
    most_output_tokens,
)
from labmodels.router.prices import PriceList, Tier, prices_of

HELLO = Request((Message("user", "hello"),))


def model(context_tokens: int = 10**6, *, name: str = "x", **settings) -> LanguageModel:
    return LanguageModel(name="m", provider="openai", model=name, context_tokens=context_tokens, **settings)


def prices(per_million: tuple[int, int, int, int]) -> Prices:
    names = ("input", "output", "cache_read", "cache_write")
    return Prices(**{name: f"${price} / 1M tokens" for name, price in zip(names, per_million, strict=True)})


texts = st.text(max_size=200)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
schemas = st.dictionaries(texts, json_values, max_size=3)
parts = st.lists(st.builds(Text, texts) | st.just(Image("https://example.com/a.png")), max_size=3).map(tuple)
messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    texts | parts,
    st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple),
    st.none() | texts,
)
requests = st.builds(
    Request,
    st.lists(messages, max_size=4).map(tuple),
    parameters=st.none() | st.builds(Parameters, max_output_tokens=st.none() | st.integers(1, 5000), extra=schemas),
    json_schema=st.none() | schemas,
    tools=st.lists(st.builds(Tool, texts, texts, schemas), max_size=2).map(tuple),
)
price_lists = st.lists(st.tuples(*[st.integers(0, 100)] * 4), min_size=1, max_size=3).map(
    lambda found: PriceList("config", tuple(Tier(500 * place, prices(one)) for place, one in enumerate(found)))
)
models = st.builds(model, st.integers(5000, 10**5), max_output_tokens=st.none() | st.integers(1, 5000))


@given(requests, st.none() | models)
def test_the_guess_lies_between_the_bounds(request, asked):
    assert fewest_input_tokens(request) <= likely_input_tokens(request) <= most_input_tokens(request, asked)


@given(requests, models, price_lists, st.data())
def test_no_usage_within_the_bounds_costs_more_than_the_largest_bill(request, asked, found, data):
    given_ = data.draw(st.integers(0, min(most_input_tokens(request, asked), asked.context_tokens)))
    read = data.draw(st.integers(0, given_))
    written = data.draw(st.integers(0, given_ - read))
    output = data.draw(st.integers(0, most_output_tokens(asked, request)))
    assert found.cost_usd(Usage(given_, read, written, output)) <= most_cost_usd(asked, found, request)


@given(requests, models, price_lists)
def test_the_guess_of_the_cost_is_no_larger_than_the_largest_bill(request, asked, found):
    assert likely_cost_usd(asked, found, request) <= most_cost_usd(asked, found, request)


def byte_fallback(text: str) -> int:
    """The worst tokenizer: one token a byte, after Unicode's composition, as Qwen's does it."""
    import unicodedata

    return max(len(text.encode()), len(unicodedata.normalize("NFC", text).encode()))


@given(st.lists(st.text(), max_size=5))
def test_the_worst_tokenizer_stays_below_the_bound(said):
    request = Request(tuple(Message("user", text) for text in said))
    assert sum(byte_fallback(text) for text in said) <= most_input_tokens(request)


def test_composed_characters_that_grow_are_bounded():
    grows = "\N{MUSICAL SYMBOL SIXTEENTH NOTE}" * 1000  # 4 bytes each, and 12 when composed
    assert most_input_tokens(Request((Message("user", grows),))) > 12_000


PLAIN = most_input_tokens(HELLO)
SCHEMA = {"type": "object", "description": "d" * 1000}


@pytest.mark.parametrize(
    ("request_", "least"),
    [
        (Request((Message("user", "hello"), Message("user", ""))), 4),
        (Request((Message("user", (Text("hello"), Image("https://example.com/a.png"))),)), 16_384),
        (Request(HELLO.messages, json_schema=SCHEMA), 1000),
        (Request(HELLO.messages, tools=(Tool("t", "", SCHEMA),)), 1000 + 804),
        (Request((Message("assistant", "hello", (ToolCall("1", "t", "x" * 1000),)),)), 1000),
        (Request(HELLO.messages, parameters=Parameters(extra={"prediction": "x" * 1000})), 1000),
    ],
)
def test_everything_that_goes_along_is_counted(request_, least):
    assert most_input_tokens(request_) >= PLAIN + least


def test_an_image_is_counted_as_the_model_counts_it():
    seen = Request((Message("user", (Image("data:image/png;base64,AAAA"),)),))
    blank = Request((Message("user", ""),))
    counted = {
        name: most_input_tokens(seen, model(name=name)) - most_input_tokens(blank, model(name=name)) for name in ("gpt-5", "gpt-4o-mini")
    }
    assert counted == {"gpt-5": 16_384, "gpt-4o-mini": 48_169}
    assert most_input_tokens(seen) - most_input_tokens(blank) == 48_169


def test_the_parameters_of_the_model_hold_where_the_request_has_none():
    chatty = model(parameters=Parameters(extra={"note": "x" * 1000}))
    assert most_input_tokens(HELLO, chatty) >= PLAIN + 1000
    assert most_input_tokens(Request(HELLO.messages, parameters=Parameters()), chatty) == PLAIN


@pytest.mark.parametrize(
    ("asked", "parameters", "expected"),
    [
        (model(8000), None, 8000),
        (model(8000, max_output_tokens=1000), None, 1000),
        (model(8000, max_output_tokens=1000, parameters=Parameters(max_output_tokens=300)), None, 300),
        (model(8000, max_output_tokens=1000, parameters=Parameters(max_output_tokens=300)), Parameters(max_output_tokens=700), 700),
        (model(8000, max_output_tokens=1000, parameters=Parameters(max_output_tokens=300)), Parameters(), 1000),
        (model(8000), Parameters(max_output_tokens=10**6), 8000),
    ],
)
def test_the_most_that_is_written(asked, parameters, expected):
    assert most_output_tokens(asked, Request(HELLO.messages, parameters=parameters)) == expected


def test_what_cannot_fit_is_not_charged():
    small = model(100, max_output_tokens=10)
    bill = most_cost_usd(small, PriceList.flat("config", prices((10, 10, 1, 20))), Request((Message("user", "x" * 10**6),)))
    assert bill == (100 * Decimal(20) + 10 * Decimal(10)) / 10**6


def test_an_unknown_price_is_an_unknown_bill():
    assert most_cost_usd(model(), None, HELLO) is None
    assert likely_cost_usd(model(), None, HELLO) is None


def test_the_higher_tier_is_in_the_bill_as_soon_as_it_can_be_reached():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    asked = model(400_000, name="gpt-5.4", max_output_tokens=1000)
    found = prices_of(asked, at)
    assert most_cost_usd(asked, found, HELLO) == (PLAIN * Decimal("2.5") + 1000 * 15) / 10**6
    long = Request((Message("user", "x" * 300_000),))
    assert most_cost_usd(asked, found, long) == (most_input_tokens(long) * Decimal(5) + 1000 * Decimal("22.5")) / 10**6


@pytest.mark.parametrize(("text", "expected"), [("", 4), ("a" * 400, 104), ("中" * 100, 104), ("aaaa中", 6)])
def test_the_guess_counts_four_bytes_of_latin_or_one_chinese_character_as_a_token(text, expected):
    assert likely_input_tokens(Request((Message("user", text),))) == expected
