"""The loopback provider speaks as the real ones do: their own clients read it, and its counts add up."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import anthropic
import httpx2
import openai
import pytest

from labmodels.providers.loopback import TEXT, Loopback
from labmodels.providers.loopback_answers import ARGUMENTS, tokens

MESSAGES = [{"role": "user", "content": "Find x."}]
PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}}
OPENAI_TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": PARAMETERS}}]
ANTHROPIC_TOOLS = [{"name": "lookup", "input_schema": PARAMETERS}]


@pytest.fixture(scope="module")
def loopback():
    with Loopback() as server:
        yield server


@pytest.fixture(scope="module")
def openai_client(loopback):
    with openai.OpenAI(api_key="none", base_url=loopback.openai_url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(loopback):
    with anthropic.Anthropic(api_key="none", base_url=loopback.url, max_retries=0) as client:
        yield client


def test_openais_client_reads_text_calls_and_usage(loopback, openai_client):
    create = openai_client.chat.completions.create
    plain = create(model="m", messages=MESSAGES)
    assert plain.choices[0].message.content == TEXT and plain.choices[0].finish_reason == "stop"
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (tokens("Find x."), tokens(TEXT))
    loopback.plan.extend(["tool_calls", "tool_calls"])
    (call,) = create(model="m", messages=MESSAGES, tools=OPENAI_TOOLS).choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("lookup", ARGUMENTS)
    stream = create(model="m", messages=MESSAGES, tools=OPENAI_TOOLS, stream=True)
    deltas = [call for chunk in stream if chunk.choices for call in chunk.choices[0].delta.tool_calls or ()]
    assert len(deltas) > 2 and deltas[0].function.name == "lookup"
    assert "".join(delta.function.arguments for delta in deltas) == ARGUMENTS


def test_anthropics_client_reads_text_calls_and_usage(loopback, anthropic_client):
    asked = {"model": "m", "max_tokens": 9, "messages": MESSAGES}
    with anthropic_client.messages.stream(**asked) as stream:
        message = stream.get_final_message()
    assert message.content[0].text == TEXT and message.stop_reason == "end_turn"
    told = message.usage
    assert told.input_tokens + told.cache_read_input_tokens + told.cache_creation_input_tokens == tokens("Find x.")
    assert told.output_tokens == tokens(TEXT)
    loopback.plan.extend(["tool_calls", "tool_calls"])
    (whole,) = anthropic_client.messages.create(**asked, tools=ANTHROPIC_TOOLS).content
    with anthropic_client.messages.stream(**asked, tools=ANTHROPIC_TOOLS) as stream:
        (pieced,) = stream.get_final_message().content
    assert (whole.name, whole.input) == (pieced.name, pieced.input) == ("lookup", {"x": 1})


def test_a_plan_of_several_faults_at_once_has_them_all(loopback, openai_client):
    loopback.plan.append("tool_calls+length+no_usage")
    answer = openai_client.chat.completions.create(model="m", messages=MESSAGES)
    assert (answer.usage, answer.choices[0].finish_reason) == (None, "length")
    assert answer.choices[0].message.tool_calls[0].function.arguments == ARGUMENTS[:4]


def test_each_entry_of_the_plan_serves_one_of_many_requests_at_once(loopback):
    loopback.plan.extend(["503"] * 30)
    with httpx2.Client() as client, ThreadPoolExecutor(20) as threads:
        body = {"model": "m", "messages": MESSAGES}
        asked = [threads.submit(client.post, f"{loopback.openai_url}/chat/completions", json=body) for _ in range(60)]
        statuses = [one.result().status_code for one in asked]
    assert (statuses.count(503), statuses.count(200)) == (30, 30)


def test_importing_it_imports_no_library():
    code = (
        "import sys, labmodels.providers.loopback\n"
        "assert not {'openai', 'anthropic', 'httpx2', 'pydantic', 'sqlalchemy', 'typer', 'yaml'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
