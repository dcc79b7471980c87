"""api/gateway.openapi.yaml says what the gateway does: its addresses, what a request may hold, and what really comes back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from labmodels.gateway import anthropic_wire, app, metrics, openai_wire
from labmodels.gateway.limits import Limits
from tests.labs import REPOSITORY

DESCRIPTION = yaml.safe_load((REPOSITORY / "api/gateway.openapi.yaml").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]
GATEWAY = Path(app.__file__).parent


def faults(schema: str, value: object) -> list[str]:
    """Return what is wrong with `value` as the description has it."""
    validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


class NoBackend:
    """Enough for a gateway that nobody asks."""

    def keys(self):
        return []


def test_the_addresses_are_those_of_the_gateway():
    async def addresses():
        gateway = app.Gateway(NoBackend(), Limits(), totals=list, log=print)
        return {re.sub(r":path}", "}", route.path): (route.methods or {"GET"}) - {"HEAD"} for route in gateway.routes.routes}

    described = {path: {method.upper() for method in item} for path, item in DESCRIPTION["paths"].items()}
    assert described == {path: methods for path, methods in asyncio.run(addresses()).items()}


@pytest.mark.parametrize(("schema", "wire"), [("ChatCompletionRequest", openai_wire), ("MessageRequest", anthropic_wire)])
def test_a_request_may_hold_what_the_wire_honours_or_ignores_and_nothing_else(schema, wire):
    properties = SCHEMAS[schema]["properties"]
    ignored = {name for name, value in properties.items() if str(value.get("description", "")).startswith("Ignored")}
    assert ignored == wire._IGNORED
    assert properties.keys() - ignored == wire._HONOURED


def test_each_status_is_one_that_is_counted():
    told = {int(status) for item in DESCRIPTION["paths"].values() for one in item.values() for status in one["responses"]}
    assert told <= set(metrics.STATUSES)


def test_the_codes_are_those_of_the_gateway():
    sources = "".join(path.read_text() for path in GATEWAY.glob("*.py"))
    raised = set(re.findall(r'Fault\(\s*\d+, "(\w+)"', sources)) | set(re.findall(r'\(\d{3}, "(\w+)"\)', sources))
    assert set(SCHEMAS["ErrorCode"]["enum"]) == raised | {"unknown_url", "method_not_allowed"}


ASKED = {"model": "documentation", "messages": [{"role": "user", "content": "How do I roll back a release?"}], "max_tokens": 300}


def test_what_comes_back_is_what_is_described(stage):
    for path, schema in (("/v1/chat/completions", "ChatCompletion"), ("/v1/messages", "Message")):
        answer = stage.gateway.post(path, ASKED)
        assert (answer.status_code, faults(schema, answer.json())) == (200, [])
        assert answer.headers["x-labmodels-candidate"]
    assert faults("OpenAIModels", stage.gateway.get("/v1/models").json()) == []
    assert faults("AnthropicModels", stage.gateway.get("/v1/models", **{"anthropic-version": "2023-06-01"}).json()) == []
    assert faults("OpenAIModel", stage.gateway.get("/v1/models/auto").json()) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", {**ASKED, "n": 2}, 400),
        ("/v1/chat/completions", {**ASKED, "model": "nothing"}, 404),
        ("/v1/messages", {**ASKED, "top_k": 5}, 400),
        ("/v1/messages", {"model": "auto", "messages": []}, 400),
        ("/v1/embeddings", {"model": "text_embeddings", "input": []}, 400),
    ],
)
def test_an_error_is_as_described_and_a_request_that_is_described_is_no_error_of_form(stage, path, body, status):
    answer = stage.gateway.post(path, body)
    shape = "AnthropicError" if path == "/v1/messages" else "OpenAIError"
    assert (answer.status_code, faults(shape, answer.json())) == (status, [])
    assert str(status) in DESCRIPTION["paths"][path]["post"]["responses"]
    request = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert bool(faults(request, body)) is (status == 400)
