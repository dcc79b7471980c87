"""OpenAI's wire format: what is sent for tools and images, and how calls are read from servers that differ."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from labmodels.config.schema.language_model import LanguageModel
from labmodels.providers.loopback import Loopback
from labmodels.providers.protocol import Answer, Finished, Message, ProviderFault, Request, TextDelta, ToolCall, ToolCallDelta
from labmodels.providers.registry import build
from tests.providers.conversations import CONVERSATION, LOOKUP, OTHER, PIXEL, assembled

REQUEST = Request((Message("user", "Find x."),), tools=(LOOKUP, OTHER))
X = '{"x": 1}'


@pytest.fixture(scope="module")
def loopback():
    with Loopback() as server:
        yield server


@pytest.fixture(scope="module")
def openai(loopback):
    return build(LanguageModel(name="m", provider="openai", model="some-model", base_url=loopback.openai_url, context_tokens=8000), {})


def streamed(provider, request: Request = REQUEST) -> Answer:
    *deltas, finished = provider.stream(request)
    assert isinstance(finished, Finished)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == finished.answer.text
    assert assembled(delta for delta in deltas if isinstance(delta, ToolCallDelta)) == finished.answer.tool_calls
    return finished.answer


def ended(*deltas: dict, finish: str | None = "tool_calls") -> list[dict]:
    """Return the events of a stream of these deltas."""
    ends = [] if finish is None else [{"choices": [{"delta": {}, "finish_reason": finish}]}]
    return [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas] + ends


def whole(message: dict, finish: str = "tool_calls") -> list[dict]:
    return [{"choices": [{"message": message, "finish_reason": finish}]}]


def call(name: str = "", arguments: object = "", **keys: object) -> dict:
    return {"tool_calls": [keys | {"function": {"name": name, "arguments": arguments}}]}


def test_a_conversation_with_tools_and_images_is_sent_as_the_api_has_it(loopback, openai):
    openai.complete(CONVERSATION)
    body = loopback.seen[-1].body
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "tool", "tool", "system", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "What is on it?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "image_url", "image_url": {"url": "https://pictures.invalid/cat.png"}},
    ]
    assert body["messages"][2]["content"] == "I look."
    assert body["messages"][2]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "lookup", "arguments": X}},
        {"id": "b", "type": "function", "function": {"name": "other", "arguments": ""}},
    ]
    assert body["messages"][4] == {"role": "tool", "content": "two", "tool_call_id": "b"}
    assert body["tools"][0] == {
        "type": "function",
        "function": {"name": "lookup", "description": "Finds x.", "parameters": dict(LOOKUP.parameters)},
    }


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("tool:lookup", {"type": "function", "function": {"name": "lookup"}}),
    ],
)
def test_a_choice_of_tool_is_sent_with_the_tools_and_not_without(loopback, openai, choice, sent):
    openai.complete(Request(REQUEST.messages, tools=(LOOKUP,), tool_choice=choice))
    assert loopback.seen[-1].body["tool_choice"] == sent
    openai.complete(Request(REQUEST.messages, tool_choice=choice))
    assert not {"tools", "tool_choice"} & set(loopback.seen[-1].body)


@pytest.mark.parametrize("ask", [lambda provider: provider.complete(REQUEST), streamed], ids=["plain", "stream"])
def test_an_answer_that_is_only_a_call_is_not_empty(loopback, openai, ask):
    loopback.plan.append("tool_calls")
    answer = ask(openai)
    assert (answer.text, answer.finish, answer.tool_calls) == ("", "tool_calls", (ToolCall("call-1", "lookup", X),))
    loopback.plan.append("tool_calls+length")
    cut = ask(openai)
    assert (cut.finish, cut.tool_calls[0].arguments) == ("length", X[:4])


TWO = (ToolCall("a", "lookup", X), ToolCall("b", "other", "{}"))


@pytest.mark.parametrize(
    "deltas",
    [
        [call("lookup", index=0, id="a"), call("other", index=1, id="b"), call("", '{"x"', index=0), call("", "{}", index=1),
         call("", ": 1}", index=0)],
        [call("lookup", X, id="a"), call("other", "{}", id="b")],
        [call("lookup", X, index=0, id="a"), call("other", "{}", index=0, id="b")],
        [call("lookup", '{"x"', index=0, id="a"), call("lookup", ": 1}", index=0, id="a"), call("other", "{}", index=1, id="b")],
        [call("lookup", '{"x"', id="a"), call("", ": 1}"), call("other", "{}", id="b")],
        [call("lookup", {"x": 1}, index=0, id="a"), call("other", {}, index=1, id="b")],
        [{"tool_calls": call("lookup", X, index=0, id="a")["tool_calls"] + call("other", "{}", index=1, id="b")["tool_calls"]}],
    ],
    ids=["interleaved", "no index", "index 0 always", "id and name with each piece", "pieces without a name", "objects", "in one event"],
)  # fmt: skip
def test_calls_are_told_apart_however_a_server_numbers_them(loopback, openai, deltas):
    loopback.plan.append(ended(*deltas))
    assert streamed(openai).tool_calls == TWO


@pytest.mark.parametrize("ask", [lambda provider: provider.complete(REQUEST), streamed], ids=["plain", "stream"])
def test_calls_without_ids_get_some_and_stay_apart(loopback, openai, ask):
    calls = {"tool_calls": [{"function": {"name": "lookup", "arguments": X}}, {"function": {"name": "lookup", "arguments": "{}"}}]}
    loopback.plan.append(whole(calls) if ask is not streamed else ended(calls))
    first, second = ask(openai).tool_calls
    assert first.id and second.id and first.id != second.id
    assert (first.arguments, second.arguments) == (X, "{}")


def test_the_older_form_of_a_call_is_read(loopback, openai):
    function = {"name": "lookup", "arguments": X}
    loopback.plan.append(whole({"content": None, "function_call": function}, "function_call"))
    plain = openai.complete(REQUEST)
    pieces = [{"function_call": {"name": "lookup", "arguments": ""}}, {"function_call": {"arguments": X}}]
    loopback.plan.append(ended(*pieces, finish="function_call"))
    for answer in (plain, streamed(openai)):
        assert answer.finish == "tool_calls"
        assert [(one.name, one.arguments) for one in answer.tool_calls] == [("lookup", X)]


def test_a_call_under_a_finish_of_stop_ends_the_answer_as_a_call(loopback, openai):
    loopback.plan.append(ended(call("lookup", X, index=0, id="a"), finish="stop"))
    assert streamed(openai).finish == "tool_calls"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (ended({"content": "calling"}), "malformed"),
        (ended(call("", X, index=0, id="a")), "malformed"),
        (ended({"tool_calls": "none"}), "malformed"),
        (ended(call("lookup", X, index=0, id="a"), finish=None), "truncated"),
        (ended({"reasoning_content": "I think."}, finish="stop"), "empty"),
        (ended({"refusal": "I will "}, {"refusal": "not."}, finish="stop"), "refusal"),
        (ended({"content": [{"type": "text", "text": "In "}, {"type": "thinking"}]}, {"content": "parts"}, finish="stop"), "In parts"),
        (ended({"reasoning_content": "Hm."}, {"reasoning": "So."}, {"content": "42"}, finish="stop"), "42"),
    ],
    ids=["no call", "no name", "odd calls", "no finish", "only thoughts", "refused", "content in parts", "thoughts first"],
)
def test_an_odd_answer_is_typed_or_read(loopback, openai, events, expected):
    loopback.plan.append(events)
    is_fault = expected in {"malformed", "truncated", "empty", "refusal"}
    with pytest.raises(ProviderFault) if is_fault else nullcontext() as caught:
        assert streamed(openai).text == expected
    assert not is_fault or caught.value.error_class == expected


def test_arguments_are_json_as_the_model_wrote_it(loopback, openai):
    odd = '{"x": 1.50, "y": "\\u00e9"}'
    loopback.plan.append(ended(call("lookup", odd, index=0, id="a")))
    (made,) = streamed(openai).tool_calls
    assert made.arguments == odd and json.loads(odd)["y"] == "é"
