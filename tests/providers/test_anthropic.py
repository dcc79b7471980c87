"""Anthropic's wire format: what is sent for tools, images and turns in any order, and how blocks are read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import LanguageModel
from labmodels.providers.anthropic_body import body_of
from labmodels.providers.loopback import Loopback
from labmodels.providers.protocol import (
    Answer,
    Finished,
    Image,
    Message,
    ProviderFault,
    Request,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
)
from labmodels.providers.registry import build
from tests.providers.conversations import CONVERSATION, LOOKUP, OTHER, assembled

REQUEST = Request((Message("user", "Find x."),), tools=(LOOKUP, OTHER))
MODEL = LanguageModel(name="m", provider="anthropic", model="some-model", context_tokens=8000)
X = '{"x": 1}'


@pytest.fixture(scope="module")
def loopback():
    with Loopback() as server:
        yield server


@pytest.fixture(scope="module")
def anthropic(loopback):
    return build(MODEL.model_copy(update={"base_url": loopback.url}), {})


def streamed(provider, request: Request = REQUEST) -> Answer:
    *deltas, finished = provider.stream(request)
    assert isinstance(finished, Finished)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == finished.answer.text
    assert assembled(delta for delta in deltas if isinstance(delta, ToolCallDelta)) == finished.answer.tool_calls
    return finished.answer


def test_a_conversation_with_tools_and_images_is_sent_as_the_api_has_it(loopback, anthropic):
    anthropic.complete(CONVERSATION)
    body = loopback.seen[-1].body
    assert body["system"] == "Be brief.\n\nAnswer in one word."
    user, assistant, answers = body["messages"]
    assert (user["role"], assistant["role"], answers["role"]) == ("user", "assistant", "user")
    assert user["content"] == [
        {"type": "text", "text": "What is on it?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://pictures.invalid/cat.png"}},
    ]
    assert assistant["content"] == [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "a", "name": "lookup", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "other", "input": {}},
    ]
    assert answers["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "one"}]},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "two"}]},
        {"type": "text", "text": "And now?"},
    ]
    assert body["tools"][0] == {"name": "lookup", "description": "Finds x.", "input_schema": dict(LOOKUP.parameters)}
    assert body["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("tool:lookup", {"type": "tool", "name": "lookup"}),
    ],
)
def test_a_choice_of_tool_is_put_into_the_words_of_the_api(choice, sent):
    assert body_of(Request(REQUEST.messages, tools=(LOOKUP,), tool_choice=choice), MODEL)["tool_choice"] == sent
    assert not {"tools", "tool_choice"} & set(body_of(Request(REQUEST.messages, tool_choice=choice), MODEL))


@pytest.mark.parametrize(
    "request_",
    [
        Request((Message("assistant", "", tool_calls=(ToolCall("a", "lookup", '{"x": '),)),)),
        Request((Message("assistant", "", tool_calls=(ToolCall("a", "lookup", "[1]"),)),)),
        Request((Message("assistant", "", tool_calls=(ToolCall("a", "lookup", "[" * 100_000),)),)),
        Request((Message("user", (Image("http://pictures.invalid/cat.png"),)),)),
        Request((Message("user", (Image("data:image/svg+xml,<svg/>"),)),)),
        Request((Message("user", (Image("/etc/passwd"),)),)),
        Request(REQUEST.messages, tools=(LOOKUP,), tool_choice="any"),
    ],
    ids=["half a call", "a list", "a deep list", "plain http", "no base64", "a path", "an unknown choice"],
)
def test_what_the_api_has_no_form_for_is_an_invalid_request_that_is_not_sent(loopback, anthropic, request_):
    before = len(loopback.seen)
    for ask in (anthropic.complete, streamed.__get__(anthropic)):
        with pytest.raises(ProviderFault) as caught:
            ask(request_)
        assert caught.value.error_class == "invalid_request"
    assert len(loopback.seen) == before


_messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.sampled_from(["", "one", "two"]),
    st.lists(st.just(ToolCall("a", "lookup", X)), max_size=2).map(tuple),
    st.just("a"),
)


@given(st.lists(_messages, max_size=8))
def test_turns_alternate_hold_something_and_lose_nothing(messages):
    body = body_of(Request(tuple(messages)), MODEL)
    roles = [turn["role"] for turn in body["messages"]]
    assert all(first != second for first, second in pairwise(roles))
    assert all(turn["content"] for turn in body["messages"])
    sent = str(body["messages"]) + body.get("system", "")
    assert sent.count("one") == sum(message.text == "one" for message in messages)
    assert sent.count("'tool_use'") == sum(len(message.tool_calls) for message in messages if message.role not in ("system", "tool"))
    assert sent.count("'tool_result'") == sum(message.role == "tool" for message in messages)


@pytest.mark.parametrize("ask", [lambda provider: provider.complete(REQUEST), streamed], ids=["plain", "stream"])
def test_an_answer_that_is_only_a_call_is_not_empty(loopback, anthropic, ask):
    loopback.plan.append("tool_calls")
    answer = ask(anthropic)
    assert (answer.text, answer.finish, answer.tool_calls) == ("", "tool_calls", (ToolCall("call-1", "lookup", X),))
    loopback.plan.append("tool_calls+length")
    cut = ask(anthropic)
    assert (cut.finish, cut.tool_calls[0].arguments) == ("length", X[:4] if ask is streamed else "{}")


def block(index: int, start: dict, *deltas: dict) -> list[dict]:
    """Return the events of one block."""
    begin = {"type": "content_block_start", "index": index, "content_block": start}
    return [begin, *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)]


def stops(*indexes: int) -> list[dict]:
    return [{"type": "content_block_stop", "index": index} for index in indexes]


def use(identity: str, name: str, given: dict | None = None) -> dict:
    return {"type": "tool_use", "id": identity, "name": name, "input": given or {}}


def piece(text: str) -> dict:
    return {"type": "input_json_delta", "partial_json": text}


def ended(*events: dict, reason: str = "tool_use") -> list[dict]:
    return [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


def test_blocks_of_every_kind_are_read_and_thoughts_are_no_answer(loopback, anthropic):
    thinking = {"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "c2ln"}
    searching = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    events = [
        *block(0, {"type": "thinking", "thinking": ""}, *thinking),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}),
        *block(2, searching, piece('{"query": "x"}')),
        *block(3, use("a", "lookup"), piece(""), piece('{"x"')),
        *block(4, use("b", "other")),
        {"type": "content_block_delta", "index": 3, "delta": piece(": 1}")},
        *block(5, use("c", "whole", {"y": 2})),
        *stops(0, 1, 2, 3, 4, 5),
    ]
    loopback.plan.append(ended(*events))
    answer = streamed(anthropic)
    assert (answer.text, answer.finish) == ("I look.", "tool_calls")
    assert answer.tool_calls == (ToolCall("a", "lookup", X), ToolCall("b", "other", "{}"), ToolCall("c", "whole", '{"y": 2}'))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (ended(*block(0, {"type": "text", "text": "calling"})), "malformed"),
        (ended(*block(0, use("a", ""), piece(X))), "malformed"),
        (ended(*block(0, use("a", "lookup"), piece(X)))[:-1], "truncated"),
        (ended(*block(0, use("a", "lookup"), piece(X)), reason="pause_turn"), "truncated"),
        (ended(*block(0, {"type": "thinking", "thinking": "Hm."}), reason="end_turn"), "empty"),
        ([{"type": "message_stop"}], "truncated"),
        ([{"type": ["odd"], "delta": 7, "index": {}}, {"type": "message_stop"}], "truncated"),
        ([{"type": "content_block_delta", "index": {}, "delta": {"text": 7}}, {"type": "message_stop"}], "truncated"),
    ],
    ids=["no call", "no name", "no terminator", "paused", "only thoughts", "nothing", "odd", "odd delta"],
)
def test_an_odd_answer_is_typed(loopback, anthropic, events, expected):
    loopback.plan.append(events)
    with pytest.raises(ProviderFault) as caught:
        streamed(anthropic)
    assert caught.value.error_class == expected


def test_a_tool_without_a_description_is_sent(loopback, anthropic):
    anthropic.complete(Request(REQUEST.messages, tools=(Tool("bare", "", {"type": "object"}),)))
    assert loopback.seen[-1].body["tools"][0]["name"] == "bare"
