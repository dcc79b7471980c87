"""Every fault of the loopback provider, for both SDKs, plain and streaming: the class of the error, or the answer."""

from __future__ import annotations

import json
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmodels.config.schema.language_model import Capabilities, Credentials, LanguageModel, Parameters, Timeouts
from labmodels.providers.loopback import ADDRESSES, FAULTS, TEXT, Loopback
from labmodels.providers.loopback_answers import input_tokens, tokens
from labmodels.providers.protocol import Answer, Finished, Message, ProviderFault, Request, TextDelta, ToolCallDelta, Usage
from labmodels.providers.registry import build
from tests.providers.conversations import assembled

KEY = "canary-9f2c-not-a-real-key-51aa"
ENVIRON = {"TEST_KEY": KEY}
FAST = Timeouts(connect="500 ms", first_token="200 ms", between_tokens="200 ms", total="500 ms")
MIDWAY = Timeouts(connect="5 s", first_token="5 s", between_tokens="200 ms", total="5 s")
SLOW = Timeouts(connect="5 s", first_token="20 s", between_tokens="20 s", total="20 s")
PATIENT = Timeouts(connect="5 s", first_token="100 s", between_tokens="20 s", total="110 s")
UNSENDABLE = "canary-9f2c\r\nx-injected: yes"
REQUEST = Request((Message("system", "Be brief."), Message("user", "What is the answer?")))


@pytest.fixture(scope="module")
def loopback():
    with Loopback() as server:
        yield server


def model(provider: str, url: str, timeouts: Timeouts = SLOW, **settings) -> LanguageModel:
    return LanguageModel(
        name="m",
        provider=provider,
        model="some-model",
        base_url=url,
        context_tokens=8000,
        credentials=Credentials(api_key="env:TEST_KEY"),
        capabilities=Capabilities(json_schema=True),
        timeouts=timeouts,
        **settings,
    )


def provider_at(loopback: Loopback, provider: str, **settings):
    return build(model(provider, loopback.openai_url if provider == "openai" else loopback.url, **settings), ENVIRON)


def ask(provider, mode: str, request: Request = REQUEST) -> Answer:
    if mode == "plain":
        return provider.complete(request)
    *deltas, finished = provider.stream(request)
    assert isinstance(finished, Finished)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == finished.answer.text
    assert assembled(delta for delta in deltas if isinstance(delta, ToolCallDelta)) == finished.answer.tool_calls
    return finished.answer


# fault: (plain, streaming); one class for both providers unless a dict names them
EXPECTED = {
    "400": "invalid_request", "401": "auth", "402": "quota_exhausted", "403": "auth", "404": "auth", "408": "overloaded",
    "413": "context_overflow",
    "429": "rate_limited", "429-seconds": "rate_limited", "429-date": "rate_limited", "429-absurd": "rate_limited",
    "insufficient_quota": "quota_exhausted", "context_overflow": "context_overflow",
    "500": "overloaded", "502": "overloaded", "503": "overloaded", "529": "overloaded",
    "html": "malformed", "bad_json": "malformed", "json_list": "malformed", "oversized": "malformed", "json_error": "overloaded",
    "no_finish": "truncated", "clean_eof": "truncated", "cut": "truncated", "hang_up": "connection", "redirect": "malformed",
    "empty": "empty", "odd_finish": "malformed",
    "drip_headers": ("timeout_total", "timeout_first_token"), "slow_headers": ("timeout_total", "timeout_first_token"),
    "silent": ("timeout_total", "timeout_first_token"), "drip": ("timeout_total", "timeout_first_token"),
    "drip_error": ("timeout_total", "timeout_first_token"),
    "no_terminator": (None, "truncated"), "no_choices": ("malformed", None), "wrong_type": (None, "malformed"),
    "empty_choices": {"openai": ("malformed", "truncated"), "anthropic": "empty"}, "no_usage": None, "length": None,
    "no_calls": "malformed", "tool_calls": None, "tool_calls+cut": "truncated", "tool_calls+clean_eof": "truncated",
    "tool_calls+no_finish": "truncated",
    "tool_calls+in_band_error": (None, "overloaded"), "tool_calls+silent_midway": (None, "timeout_between_tokens"),
    "silent_midway": (None, "timeout_between_tokens"), "in_band_error": (None, "overloaded"), "bad_event": (None, "malformed"),
    "content_filter": {"openai": "content_filtered", "anthropic": "refusal"},
    "context_full": {"openai": None, "anthropic": "context_overflow"},
}  # fmt: skip


# Faults of time get short limits, below what they last; the others long ones, so that a busy machine changes no class.
LIMITS = dict.fromkeys(["drip_headers", "slow_headers", "silent", "drip", "drip_error"], FAST) | dict.fromkeys(
    ["silent_midway", "tool_calls+silent_midway"], MIDWAY
)
FINISHES = {"no_finish", "clean_eof", "length", "content_filter", "context_full", "odd_finish", "empty", "no_terminator"}
OWN_TESTS = {*ADDRESSES, "echo_key", "short"}


def test_every_fault_of_the_loopback_provider_has_its_class():
    assert EXPECTED.keys() | OWN_TESTS >= FAULTS


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", EXPECTED)
def test_a_fault_becomes_its_class_within_the_time_and_shows_no_key(loopback, fault, provider, mode):
    expected = EXPECTED[fault]
    expected = expected[provider] if isinstance(expected, dict) else expected
    expected = expected[mode == "stream"] if isinstance(expected, tuple) else expected
    loopback.plan.append(fault)
    seen = len(loopback.seen)
    if expected is None:
        answer = ask(provider_at(loopback, provider), mode)
        assert answer.text == ("" if answer.tool_calls else TEXT)
    else:
        with pytest.raises(ProviderFault) as caught:
            ask(provider_at(loopback, provider, timeouts=LIMITS.get(fault, SLOW)), mode)
        assert caught.value.error_class == expected, str(caught.value)
        assert KEY not in "".join(traceback.format_exception(caught.value))
    assert len(loopback.seen) == seen + 1, "one try is one request: the SDK does not retry"


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", ADDRESSES)
def test_what_cannot_be_reached_is_a_connection_fault(loopback, fault, provider, mode):
    with pytest.raises(ProviderFault) as caught:
        ask(build(model(provider, loopback.address(provider, fault), SLOW), ENVIRON), mode)
    assert caught.value.error_class == "connection", str(caught.value)


@pytest.mark.parametrize("fault", sorted(FAULTS - {"silent_midway", "in_band_error", "bad_event", "no_calls", "tool_calls"}))
def test_a_fault_of_an_embedding_is_typed_as_that_of_an_answer(loopback, fault):
    expected = EXPECTED.get(fault, {"short": "malformed", "echo_key": "auth"}.get(fault, "connection"))
    expected = expected["openai"] if isinstance(expected, dict) else expected
    expected = expected[0] if isinstance(expected, tuple) else expected
    if fault in FINISHES:  # a vector has none
        expected = None
    if fault == "oversized":  # vectors are: it is only blank
        expected = "empty"
    loopback.plan.append(fault)
    asked = build(model("openai", loopback.address("openai", fault), LIMITS.get(fault, SLOW)), ENVIRON)
    if fault in ADDRESSES:
        loopback.plan.clear()
    if expected is None:
        assert len(asked.embed(["a", "bcd"]).vectors) == 2
    else:
        with pytest.raises(ProviderFault) as caught:
            asked.embed(["a", "bcd"])
        assert caught.value.error_class == expected, str(caught.value)


@pytest.mark.parametrize("vector", ["[1e400]", "[NaN]", "[1" + "0" * 400 + "]", '["x"]', "7"])
def test_a_vector_of_what_is_no_number_is_malformed(loopback, vector):
    loopback.plan.append([{"data": [{"index": 0, "embedding": json.loads(vector)}], "model": "m"}])
    with pytest.raises(ProviderFault) as caught:
        provider_at(loopback, "openai").embed(["a"])
    assert caught.value.error_class == "malformed"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_limits_hold_through_a_proxy_too(loopback, provider, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", loopback.url)
    behind = build(model(provider, "http://model-server.invalid/v1", FAST), ENVIRON)
    loopback.plan.append("drip_headers")
    with pytest.raises(ProviderFault) as caught:
        ask(behind, "stream")
    assert caught.value.error_class == "timeout_first_token"
    assert ask(build(model(provider, "http://model-server.invalid/v1"), ENVIRON), "stream").text == TEXT


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_an_answer_comes_whole_with_its_usage_and_ids(loopback, provider, mode):
    answer = ask(provider_at(loopback, provider), mode)
    told = input_tokens(loopback.seen[-1].body)
    written = None if provider == "openai" else told // 8
    assert answer == Answer(TEXT, "stop", Usage(told, told // 4, written, tokens(TEXT), None), "some-model", "req-1")


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_usage_that_is_not_told_is_unknown_and_a_cut_by_length_is_said(loopback, provider, mode):
    loopback.plan.extend(["no_usage", "length"])
    target = provider_at(loopback, provider)
    assert ask(target, mode).usage == Usage()
    assert ask(target, mode).finish == "length"


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_key_that_the_service_repeats_is_redacted(loopback, provider, mode):
    loopback.plan.append("echo_key")
    with pytest.raises(ProviderFault) as caught:
        ask(provider_at(loopback, provider), mode)
    assert KEY in str(loopback.seen[-1].headers)  # the service did see it
    assert KEY not in str(caught.value) and "***" in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_openai_is_sent_what_the_config_says_and_nothing_else(loopback, mode):
    parameters = Parameters(temperature=0.2, max_output_tokens=50, stop=["END"], extra={"reasoning_effort": "low"})
    schema = {"type": "object"}
    ask(provider_at(loopback, "openai", parameters=parameters), mode, Request(REQUEST.messages, json_schema=schema))
    body = loopback.seen[-1].body
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the answer?"}]
    assert (body["temperature"], body["max_tokens"], body["stop"], body["reasoning_effort"]) == (0.2, 50, ["END"], "low")
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert not {"top_p", "seed", "max_completion_tokens"} & set(body)


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_anthropic_is_sent_what_the_config_says_and_nothing_else(loopback, mode):
    parameters = Parameters(temperature=0.2, max_output_tokens=7000, stop=["END"], extra={"top_k": 5, "output_config": {"effort": "low"}})
    ask(provider_at(loopback, "anthropic", parameters=parameters), mode, Request(REQUEST.messages, json_schema={"type": "object"}))
    body = loopback.seen[-1].body
    assert body["system"] == "Be brief." and [turn["role"] for turn in body["messages"]] == ["user"]
    assert (body["temperature"], body["max_tokens"], body["stop_sequences"], body["top_k"]) == (0.2, 7000, ["END"], 5)
    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert "top_p" not in body


@pytest.mark.parametrize("provider", ["openai", "anthropic", "llama_cpp"])
def test_a_server_of_ones_own_needs_no_key(loopback, provider):
    url = loopback.url if provider == "anthropic" else loopback.openai_url
    assert build(model(provider, url), {}).complete(REQUEST).text == TEXT


def test_a_large_answer_may_be_asked_for_without_streaming(loopback):
    large = LanguageModel(
        name="m",
        provider="anthropic",
        model="x",
        base_url=loopback.url,
        context_tokens=200_000,
        parameters=Parameters(max_output_tokens=64_000),
    )
    assert build(large, {}).complete(REQUEST).text == TEXT


@pytest.mark.parametrize("fault, after_s", [("429", None), ("429-seconds", 7.0), ("429-date", 0.0), ("429-absurd", 99999999.0)])
def test_retry_after_is_read_in_seconds_and_as_a_date(loopback, fault, after_s):
    loopback.plan.append(fault)
    with pytest.raises(ProviderFault) as caught:
        provider_at(loopback, "openai").complete(REQUEST)
    assert caught.value.retry_after_s == after_s


def test_embeddings_come_in_the_order_of_the_texts(loopback):
    assert provider_at(loopback, "openai").embed(["a", "bcd"]).vectors == ((1.0, 1.0), (3.0, 1.0))
    loopback.plan.append("short")
    with pytest.raises(ProviderFault, match="2 texts, 1 vectors"):
        provider_at(loopback, "openai").embed(["a", "bcd"])
    with pytest.raises(ProviderFault) as caught:
        provider_at(loopback, "anthropic").embed(["a"])
    assert caught.value.error_class == "invalid_request"


def test_a_stream_that_is_abandoned_frees_its_connection_and_the_next_call_works(loopback):
    target = provider_at(loopback, "openai")
    events = target.stream(REQUEST)
    assert next(events) == TextDelta("The ")
    events.close()
    assert ask(target, "stream").text == TEXT


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_key_that_no_header_can_carry_is_a_fault_that_does_not_show_it(loopback, provider):
    with pytest.raises(ProviderFault) as caught:
        build(model(provider, loopback.openai_url), {"TEST_KEY": UNSENDABLE}).complete(REQUEST)
    assert caught.value.error_class == "invalid_request"
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_calls_one_after_the_other_share_a_connection(provider, mode):
    with Loopback() as loopback:
        target = provider_at(loopback, provider)
        for _ in range(3):
            ask(target, mode)
        assert loopback.connections == 1


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_key_and_an_address_that_change_are_used_at_once(loopback, provider):
    environ = {"TEST_KEY": "canary-first-key", "TEST_URL": loopback.address(provider)}
    target = build(model(provider, "env:TEST_URL"), environ)
    for key in ("canary-first-key", "canary-second-key"):
        environ["TEST_KEY"] = key
        target.complete(REQUEST)
        assert loopback.seen[-1].headers["authorization"] == f"Bearer {key}"
    with Loopback() as moved:
        environ["TEST_URL"] = moved.address(provider)
        target.complete(REQUEST)
        assert len(moved.seen) == 1
    kept = target._service._known
    assert "canary" not in repr(kept) + repr(vars(kept[1]._client))


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_two_hundred_threads_may_ask_one_adapter_at_once(provider, mode):
    with Loopback() as loopback, ThreadPoolExecutor(200) as threads:
        loopback.plan.extend(["slow_headers"] * 200)
        target = build(model(provider, loopback.address(provider), PATIENT), ENVIRON)
        asked = [threads.submit(ask, target, mode) for _ in range(200)]
        assert loopback.has_seen(200) and not any(one.done() for one in asked), "none waits for another's connection"
        loopback.stopping.set()
        assert {type(one.exception()) for one in asked} == {ProviderFault}
        assert {one.result().text for one in [threads.submit(ask, target, mode) for _ in range(400)]} == {TEXT}


_words = st.sampled_from(["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "tool_use"])
_scalars = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "stop", "tool_calls", "end_turn"]) | _words
_names = st.sampled_from(
    ["type", "index", "delta", "content_block", "message", "usage", "choices", "content", "tool_calls", "function", "function_call", "id",
     "name", "arguments", "input", "text", "partial_json", "finish_reason", "stop_reason", "model", "refusal", "prompt_tokens", "error"]
)  # fmt: skip
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_names, inner, max_size=4), max_leaves=12)
_events = st.lists(st.dictionaries(_names, _values, min_size=1, max_size=4), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_events, st.sampled_from(["openai", "anthropic"]), st.sampled_from(["plain", "stream"]))
def test_whatever_objects_a_service_sends_it_is_an_answer_or_a_fault(loopback, events, provider, mode):
    loopback.plan.append(events)
    with suppress(ProviderFault):
        assert isinstance(ask(provider_at(loopback, provider), mode), Answer)
