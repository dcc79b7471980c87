"""What the SDKs do not show of the wires: streams add up however they were cut into pieces, and nothing odd gets through."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.gateway.anthropic_wire import AnthropicWire
from labmodels.gateway.embeddings_wire import wanted_vectors
from labmodels.gateway.faults import Fault, fault_of
from labmodels.gateway.fields import Fields, decoded
from labmodels.gateway.openai_wire import OpenAIWire
from labmodels.ledger.record import Attempt, Occasion
from labmodels.providers.protocol import Answer, TextDelta, ToolCall, ToolCallDelta, Usage
from labmodels.router.outcome import Began, Outcome

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {**CHAT, "max_tokens": 5}
TEXTS = st.lists(st.text(min_size=1), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([
    "model", "messages", "tools", "tool_choice", "response_format", "stop", "stream", "stream_options", "temperature", "max_tokens",
    "system", "output_config", "metadata", "thinking", "stop_sequences", "n", "user", "input", "encoding_format", "x",
])  # fmt: skip
USAGE = Usage(12, 5, 3, 7, 2)


def outcome(text: str, calls: tuple[ToolCall, ...] = (), usage: Usage = USAGE) -> Outcome:
    attempt = Attempt("a1", "r1", datetime.now(UTC), Occasion("dev", ""), "gpt-4", "openai", "m", "ok", "0" * 64)
    return Outcome("r1", Answer(text, "tool_calls" if calls else "stop", usage, tool_calls=calls), (attempt,))


def written(wire, body: dict, texts: list[str], calls: list[list[str]]) -> list[str]:
    """Return the data of each event that a stream of these pieces becomes."""
    writer = wire.writer(wire.wanted(Fields(body)), Began("r1", "gpt-4"))
    stream = writer.began() + b"".join(writer.delta(TextDelta(text)) for text in texts)
    for index, pieces in enumerate(calls):
        stream += writer.delta(ToolCallDelta(index, f"call_{index}", "add"))
        stream += b"".join(writer.delta(ToolCallDelta(index, arguments=piece)) for piece in pieces)
    whole = tuple(ToolCall(f"call_{index}", "add", "".join(pieces)) for index, pieces in enumerate(calls))
    stream += writer.ended(outcome("".join(texts), whole), 0)
    events = stream.decode().removesuffix("\n\n").split("\n\n")
    return [event.rpartition("data: ")[2] for event in events]


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_chunks_of_openai_add_up_to_the_answer(texts, calls):
    *chunks, done = written(OpenAIWire(), {**CHAT, "stream": True}, texts, calls)
    choices = [choice for chunk in map(json.loads, chunks) for choice in chunk["choices"]]
    assert done == "[DONE]" and [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "".join(texts)
    deltas = [call for choice in choices for call in choice["delta"].get("tool_calls", [])]
    for index, pieces in enumerate(calls):
        own = [delta for delta in deltas if delta["index"] == index]
        assert "".join(delta["function"]["arguments"] for delta in own) == "".join(pieces)
        assert [delta.get("id") for delta in own] == [f"call_{index}"] + [None] * len(pieces)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_events_of_anthropic_are_blocks_one_after_the_other_that_add_up(texts, calls):
    events = [json.loads(event) for event in written(AnthropicWire(), {**MESSAGE, "stream": True}, texts, calls)]
    assert [event["type"] for event in events][:1] == ["message_start"]
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]
    blocks: list[str] = []
    is_open = False
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert not is_open and event["index"] == len(blocks)
            blocks.append("")
            is_open = True
        elif event["type"] == "content_block_stop":
            assert is_open and event["index"] == len(blocks) - 1
            is_open = False
        else:
            assert is_open and event["index"] == len(blocks) - 1
            blocks[-1] += event["delta"].get("text") or event["delta"].get("partial_json") or ""
    assert not is_open and blocks == [*(["".join(texts)] if texts else []), *("".join(pieces) for pieces in calls)]
    assert events[-2]["usage"] == {"input_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 7}


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_a_body_holds_it_is_read_or_refused_with_a_400(body):
    for wire, known in ((OpenAIWire(), CHAT), (AnthropicWire(), MESSAGE)):
        for given_body in (body, {**known, **body}):
            try:
                wire.wanted(Fields(given_body))
            except Fault as fault:
                assert fault.status == 400
    try:
        wanted_vectors(Fields(body))
    except Fault as fault:
        assert fault.status == 400


@given(st.binary(max_size=50))
def test_any_bytes_are_an_object_or_a_400(body):
    try:
        decoded(body)
    except Fault as fault:
        assert fault.status == 400


def test_unknown_usage_is_null_and_never_zero_for_openai():
    wire = OpenAIWire()
    assert wire.answer(wire.wanted(Fields(CHAT)), outcome("x", usage=Usage()))["usage"] is None


def test_arguments_that_are_no_object_stand_as_they_were_written():
    wire = AnthropicWire()
    body = wire.answer(wire.wanted(Fields(MESSAGE)), outcome("", (ToolCall("c", "add", "[1"), ToolCall("d", "add", ""))))
    assert [block["input"] for block in body["content"]] == [{"arguments": "[1"}, {}]


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError])
def test_a_bug_is_told_without_its_text(kind):
    fault = fault_of(kind("secret-path /lab/.labmodels"))
    assert fault.status == 500 and "secret-path" not in str(fault)
