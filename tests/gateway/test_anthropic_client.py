"""The official `anthropic` client, unchanged, against the gateway: what it gets, what the provider was sent, which errors it raises."""

from __future__ import annotations

import anthropic
import pytest
from pydantic import BaseModel

from labmodels.providers.loopback import TEXT
from tests.gateway.serving import rows

ASKED = [{"role": "user", "content": "What is the answer?"}]
TOOL = {"name": "add", "description": "Adds.", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}
PIXEL = "iVBORw0KGgo="


@pytest.fixture
def client(stage):
    with anthropic.Anthropic(base_url=stage.gateway.url, api_key="none-needed", max_retries=0) as client:
        yield client


# -- answers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
def test_a_message_holds_the_answer_its_stop_reason_and_its_usage_whoever_answers(model, client, stage):
    message = client.messages.create(model=model, max_tokens=100, messages=ASKED)
    assert [block.text for block in message.content] == [TEXT] and message.stop_reason == "end_turn"
    assert message.model == model and message.role == "assistant" and message.type == "message"
    row = rows(stage.lab)[-1]
    cached = (row.cache_read_tokens or 0) + (row.cache_write_tokens or 0)
    assert message.usage.input_tokens == row.input_tokens - cached, "theirs leave out what the cache had"
    assert message.usage.cache_read_input_tokens == (row.cache_read_tokens or 0)
    assert message.usage.output_tokens == row.output_tokens
    assert message.labmodels["request_id"] == row.request_id == message._request_id


def test_system_blocks_images_and_parameters_reach_the_provider(client, stage):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    client.messages.create(
        model="gpt-4",
        max_tokens=33,
        system=[{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "See?"}, image]}],
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        extra_body={"temperature": 0.5},
    )
    body = stage.openai.seen[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Be short."}
    assert body["messages"][1]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"
    assert (body["max_tokens"], body["stop"], body["temperature"]) == (33, ["END"], 0.5)


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
def test_a_stream_is_their_events_and_adds_up_to_the_message(model, client):
    with client.messages.stream(model=model, max_tokens=100, messages=ASKED) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert [block.text for block in message.content] == [TEXT] and message.stop_reason == "end_turn"
    whole = client.messages.create(model=model, max_tokens=100, messages=ASKED)
    assert message.usage.input_tokens == whole.usage.input_tokens and message.usage.output_tokens == whole.usage.output_tokens
    assert [kind for kind in kinds if kind not in ("text", "content_block_delta")] == [
        "message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_use_comes_whole_and_its_result_goes_back(is_streamed, model, client, stage):
    provider = stage.openai if model == "gpt-4" else stage.anthropic
    provider.plan.append("tool_calls")
    wanted = {"model": model, "max_tokens": 100, "tools": [TOOL]}
    if is_streamed:
        with client.messages.stream(messages=ASKED, **wanted) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(messages=ASKED, tool_choice={"type": "tool", "name": "add"}, **wanted)
    assert message.stop_reason == "tool_use"
    (block,) = [block for block in message.content if block.type == "tool_use"]
    assert block.name == "add" and block.input == {"x": 1}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "2"}]}]}
    client.messages.create(messages=[*ASKED, {"role": "assistant", "content": [block.model_dump()]}, result], **wanted)
    sent = provider.seen[-1].body["messages"]
    assert sent[1]["role"] == "assistant" and block.id in str(sent[1])
    assert block.id in str(sent[2]) and "2" in str(sent[2])


class Verdict(BaseModel):
    """What a model is made to answer."""

    answer: int


def test_structured_output_is_parsed_and_its_schema_reaches_the_provider(client, stage):
    stage.openai.reply = '{"answer": 42}'
    message = client.messages.parse(model="gpt-4", max_tokens=100, messages=ASKED, output_format=Verdict)
    assert message.parsed_output == Verdict(answer=42)
    assert stage.openai.seen[-1].body["response_format"]["json_schema"]["schema"]["required"] == ["answer"]


def test_a_cut_answer_says_so(client, stage):
    stage.openai.plan.append("length")
    assert client.messages.create(model="gpt-4", max_tokens=5, messages=ASKED).stop_reason == "max_tokens"


# -- errors ----------------------------------------------------------------------------------------------------------------

FAULTS = [
    ("400", anthropic.BadRequestError, 400, "invalid_request_error"),
    ("401", anthropic.InternalServerError, 503, "api_error"),
    ("429-seconds", anthropic.RateLimitError, 429, "rate_limit_error"),
    ("context_overflow", anthropic.BadRequestError, 400, "invalid_request_error"),
    ("500", anthropic.InternalServerError, 503, "api_error"),
    ("html", anthropic.InternalServerError, 503, "api_error"),
]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("fault", "kind", "status", "type_"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_each_fault_of_a_provider_raises_its_class(fault, kind, status, type_, is_streamed, client, stage):
    stage.anthropic.plan.extend([fault] * 9)
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(model="claude", max_tokens=9, messages=ASKED, stream=is_streamed)
    assert isinstance(raised.value, kind) or status == 503
    assert raised.value.status_code == status and raised.value.body["error"]["type"] == type_
    assert "a-key-for-anthropic" not in str(raised.value)


def test_a_name_that_nothing_has_is_not_found(client):
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.messages.create(model="cloude", max_tokens=9, messages=ASKED)
    assert "did you mean claude?" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"extra_body": {"top_k": 5}}, "top_k"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.type"),
        ({"output_config": {"effort": "high"}}, "output_config.effort"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}, "messages[0].content[0].type"),
        ({"messages": []}, "messages"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_not_supported_is_refused_by_name_and_nobody_is_asked(given, param, client, stage):
    with pytest.raises(anthropic.BadRequestError) as raised:
        client.messages.create(**{"model": "gpt-4", "max_tokens": 9, "messages": ASKED, **given})
    assert param in str(raised.value) and stage.openai.seen == []


def test_a_stream_that_breaks_after_its_first_output_ends_in_an_error_and_never_in_a_stop(client, stage):
    stage.anthropic.plan.append("cut")
    kinds = []
    with pytest.raises(anthropic.APIStatusError) as raised:
        for event in client.messages.create(model="claude", max_tokens=9, messages=ASKED, stream=True):
            kinds.append(event.type)
    assert "content_block_delta" in kinds and "message_stop" not in kinds and "message_delta" not in kinds
    assert raised.value.body["error"]["type"] == "api_error"


def test_models_are_listed_in_their_shape(client):
    page = client.models.list()
    assert {"auto", "claude", "gpt-4"} <= {model.id for model in page.data} and page.has_more is False
    assert client.models.retrieve("claude").display_name == "claude"


def test_what_there_is_not_is_said_in_their_shape(client):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="claude", messages=ASKED)
