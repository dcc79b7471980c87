"""The official `openai` client, unchanged, against the gateway: what it gets, what the provider was sent, which errors it raises."""

from __future__ import annotations

import json
from operator import mul

import openai
import pytest
from pydantic import BaseModel

from labmodels.providers.loopback import TEXT
from tests.gateway.serving import rows

ASKED = [{"role": "user", "content": "What is the answer?"}]
SUMMARY = "- A summary that is long enough to count."  # the domain checks that
TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
}


@pytest.fixture
def client(stage):
    with openai.OpenAI(base_url=f"{stage.gateway.url}/v1", api_key="none-needed", max_retries=0) as client:
        yield client


# -- answers ---------------------------------------------------------------------------------------------------------------


def test_a_completion_holds_the_answer_its_finish_and_its_usage_and_names_who_answered(client, stage):
    answer = client.chat.completions.create(model="gpt-4", messages=ASKED)
    assert answer.choices[0].message.content == TEXT and answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4" and answer.object == "chat.completion"
    row = rows(stage.lab)[-1]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (row.input_tokens, row.output_tokens)
    assert answer.usage.total_tokens == row.input_tokens + row.output_tokens
    assert answer.labmodels["request_id"] == row.request_id == answer._request_id
    assert [one["candidate"] for one in answer.labmodels["attempts"]] == ["gpt-4"] and answer.labmodels["degraded"] is False


def test_headers_say_who_answered(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4", messages=ASKED)
    assert raw.headers["x-labmodels-candidate"] == "gpt-4" and raw.headers["x-labmodels-degraded"] == "false"


def test_parameters_and_the_conversation_reach_the_provider(client, stage):
    client.chat.completions.create(
        model="gpt-4",
        messages=[{"role": "developer", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
        temperature=0.7,
        top_p=0.9,
        max_completion_tokens=77,
        seed=5,
        stop="END",
        metadata={"team": "ops"},
        store=False,
    )
    body = stage.openai.seen[-1].body
    assert body["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi."}]
    assert (body["temperature"], body["top_p"], body["seed"], body["stop"], body["max_tokens"]) == (0.7, 0.9, 5, ["END"], 77)


def test_a_stream_brings_the_text_in_pieces_and_the_usage_when_it_is_asked_for(client):
    chunks = list(client.chat.completions.create(model="gpt-4", messages=ASKED, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1 and "".join(pieces) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in client.chat.completions.create(model="gpt-4", messages=ASKED, stream=True))


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_calls_come_whole_and_their_results_go_back(is_streamed, client, stage):
    stage.openai.plan.append("tool_calls")
    if is_streamed:
        with client.chat.completions.stream(model="gpt-4", messages=ASKED, tools=[TOOL]) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(model="gpt-4", messages=ASKED, tools=[TOOL], tool_choice="required")
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "add" and json.loads(call.function.arguments) == {"x": 1}
    sent = stage.openai.seen[-1].body
    assert sent["tools"][0]["function"]["name"] == "add" and sent["tool_choice"] == ("auto" if is_streamed else "required")
    done = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": call.function.model_dump()}]}
    client.chat.completions.create(model="gpt-4", messages=[*ASKED, done, {"role": "tool", "tool_call_id": call.id, "content": "2"}])
    asked, told = stage.openai.seen[-1].body["messages"][1:]
    assert asked["tool_calls"][0]["id"] == call.id and told == {"role": "tool", "tool_call_id": call.id, "content": "2"}


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
def test_one_call_at_a_time_is_asked_of_every_provider(model, client, stage):
    client.chat.completions.create(model=model, messages=ASKED, tools=[TOOL], parallel_tool_calls=False)
    server = stage.openai if model == "gpt-4" else stage.anthropic
    sent = server.seen[-1].body
    if model == "gpt-4":
        assert sent["parallel_tool_calls"] is False
    else:
        assert sent["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_stream_names_who_answers_from_its_first_byte(client, stage):
    with client.chat.completions.with_streaming_response.create(model="auto", messages=ASKED, stream=True) as response:
        candidate, request_id = response.headers["x-labmodels-candidate"], response.headers["x-labmodels-request-id"]
        chunks = [json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line.startswith("data: {")]
    assert {chunk["model"] for chunk in chunks} == {candidate} and {chunk["id"] for chunk in chunks} == {f"chatcmpl-{request_id}"}


class Verdict(BaseModel):
    """What a model is made to answer."""

    answer: int


def test_structured_output_is_parsed_and_its_schema_reaches_the_provider(client, stage):
    stage.openai.reply = '{"answer": 42}'
    answer = client.chat.completions.parse(model="gpt-4", messages=ASKED, response_format=Verdict)
    assert answer.choices[0].message.parsed == Verdict(answer=42)
    assert stage.openai.seen[-1].body["response_format"]["json_schema"]["schema"]["required"] == ["answer"]


def test_a_domain_and_auto_are_models_too(client, stage):
    assert client.chat.completions.create(model="auto", messages=ASKED).labmodels["candidate"] in ("gpt-4", "claude")
    stage.openai.reply = SUMMARY
    answer = client.chat.completions.create(model="summarization", messages=ASKED)
    assert answer.model == "gpt-4" and rows(stage.lab)[-1].domain == "summarization"


def test_a_fallback_is_a_success_that_tells_of_the_failures(client, stage):
    stage.openai.plan.extend(["401"] * 9)
    stage.anthropic.reply = SUMMARY
    answer = client.chat.completions.create(model="summarization", messages=ASKED)
    assert answer.model == "claude"
    told = [(one["candidate"], one["outcome"], one["error_class"]) for one in answer.labmodels["attempts"]]
    assert told[0] == ("gpt-4", "failed", "auth") and told[-1] == ("claude", "ok", None)


# -- fences ----------------------------------------------------------------------------------------------------------------


def test_headers_set_the_terms_of_a_request(client, stage):
    client.chat.completions.create(
        model="gpt-4", messages=ASKED, extra_headers={"x-labmodels-domain": "translation", "x-labmodels-profile": "high_accuracy"}
    )
    assert (rows(stage.lab)[-1].domain, rows(stage.lab)[-1].profile) == ("translation", "high_accuracy")


def test_what_is_fenced_off_is_not_asked(client, stage):
    with pytest.raises(openai.InternalServerError) as hosted:
        client.chat.completions.create(model="gpt-4", messages=ASKED, extra_headers={"x-labmodels-local-only": "true"})
    assert hosted.value.status_code == 503 and hosted.value.code == "no_provider"
    with pytest.raises(openai.RateLimitError) as dear:
        client.chat.completions.create(model="gpt-4", messages=ASKED, extra_headers={"x-labmodels-max-cost": "0.0000001"})
    assert dear.value.code == "insufficient_quota"
    assert stage.openai.seen == []


@pytest.mark.parametrize(
    "header",
    [("x-labmodels-local-only", "yes"), ("x-labmodels-max-cost", "much"), ("x-labmodels-profile", "nobody")],
    ids=lambda one: one[0],
)
def test_terms_that_mean_nothing_are_refused_rather_than_ignored(header, client, stage):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4", messages=ASKED, extra_headers=dict([header]))
    assert stage.openai.seen == []


# -- errors ----------------------------------------------------------------------------------------------------------------

FAULTS = [
    ("400", openai.BadRequestError, 400, "invalid_request"),
    ("401", openai.InternalServerError, 503, "no_provider"),  # the provider's key is wrong, not the client's
    ("429-seconds", openai.RateLimitError, 429, "rate_limited"),
    ("insufficient_quota", openai.InternalServerError, 503, "no_provider"),
    ("context_overflow", openai.BadRequestError, 400, "context_length_exceeded"),
    ("content_filter", openai.BadRequestError, 400, "content_filter"),
    ("500", openai.InternalServerError, 503, "no_provider"),
    ("html", openai.InternalServerError, 503, "no_provider"),
    ("hang_up", openai.InternalServerError, 503, "no_provider"),
]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("fault", "kind", "status", "code"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_each_fault_of_a_provider_raises_its_class(fault, kind, status, code, is_streamed, client, stage):
    stage.openai.plan.extend([fault] * 9)
    stage.openai.reply = ""  # a filter stops the answer before its first word
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model="gpt-4", messages=ASKED, stream=is_streamed)
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert "a-key-for-openai" not in str(raised.value)
    assert raised.value.response.headers["x-should-retry"] == ("true" if status == 429 else "false")


def test_the_client_does_not_ask_again_where_the_router_has_already(stage):
    stage.openai.plan.extend(["401"] * 9)
    with openai.OpenAI(base_url=f"{stage.gateway.url}/v1", api_key="x") as patient, pytest.raises(openai.InternalServerError):
        patient.chat.completions.create(model="gpt-4", messages=ASKED)
    assert len(stage.openai.seen) == 1


def test_a_name_that_nothing_has_is_not_found(client):
    for model in ("gpt4", "text_embeddings"):
        with pytest.raises(openai.NotFoundError) as raised:
            client.chat.completions.create(model=model, messages=ASKED)
        assert raised.value.code == "model_not_found" and raised.value.param == "model"
    assert "did you mean" in str(raised.value) or "/v1/models" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 1.5}, "frequency_penalty"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"extra_body": {"best_of": 3}}, "best_of"),
        ({"temperature": 9}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages[0].content[0].type"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_not_supported_is_refused_by_name_and_nobody_is_asked(given, param, client, stage):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**{"model": "gpt-4", "messages": ASKED, **given})
    assert raised.value.param == param and param in str(raised.value)
    assert stage.openai.seen == []


def test_a_stream_that_breaks_after_its_first_output_ends_in_an_error_and_never_in_a_stop(client, stage):
    stage.openai.plan.append("cut")
    pieces, finishes = [], []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(model="gpt-4", messages=ASKED, stream=True):
            pieces.append(chunk.choices[0].delta.content or "")
            finishes.append(chunk.choices[0].finish_reason)
    assert TEXT.startswith("".join(pieces)) and "".join(pieces) and set(finishes) == {None}
    assert raised.value.code == "no_provider"


# -- embeddings and models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_embeddings_are_proxied_in_both_encodings(encoding, client, stage):
    given = {} if encoding is None else {"encoding_format": encoding}
    answer = client.embeddings.create(model="hosted", input=["a", "four"], **given)
    vectors = [row.embedding for row in answer.data]
    if encoding == "base64":
        import base64
        import struct

        vectors = [list(struct.unpack("<2f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [[1.0, 1.0], [4.0, 1.0]] and answer.model == "hosted"
    assert stage.openai.seen[-1].body["model"] == "text-embedding-3-small"


def test_an_embedding_model_is_found_by_its_domain_too(client):
    assert client.embeddings.create(model="notes", input="x").model == client.embeddings.create(model="hosted/notes", input="x").model


def test_the_labs_own_encoder_answers_too_and_cuts_no_text_in_silence(client):
    texts = ["how do I roll back a release?", "Go back to the release before.", "The pond is deep."]
    rows = client.embeddings.create(model="text_embeddings", input=texts).data
    asked, near, far = (row.embedding for row in rows)
    assert len(asked) == 384 and sum(a * a for a in asked) == pytest.approx(1.0, abs=1e-3)
    assert sum(map(mul, asked, near)) > sum(map(mul, asked, far)) + 0.2
    with pytest.raises(openai.BadRequestError, match="text 0 has"):
        client.embeddings.create(model="text_embeddings", input="word " * 400)


def test_models_lists_what_can_be_asked_for(client):
    kinds = {model.id: model.labmodels["kind"] for model in client.models.list()}
    assert (kinds["auto"], kinds["gpt-4"], kinds["summarization"]) == ("auto", "language_model", "domain")
    assert (kinds["custom/lab_assistant"], kinds["hosted"]) == ("custom", "embedding_model")
    assert client.models.retrieve("custom/lab_assistant").id == "custom/lab_assistant"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
