"""OpenAI's chat completions: a request becomes a Question, an Outcome a completion, events become chunks. No I/O.

What a request may hold is a list: honoured, ignored on purpose because it changes no answer, or refused by name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labmodels.gateway.faults import invalid
from labmodels.gateway.fields import Fields, parameters_of
from labmodels.gateway.wire import Wanted, content_of, own_facts
from labmodels.providers.protocol import Image, Message, Role, Text, TextDelta, Tool, ToolCall
from labmodels.router.question import Question

if TYPE_CHECKING:
    from labmodels.gateway.backend import Listed
    from labmodels.gateway.faults import Fault
    from labmodels.providers.protocol import Delta, Usage
    from labmodels.router.outcome import Began, Outcome

_HONOURED = frozenset({
    "model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "user", "stream", "stream_options",
    "n", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs", "frequency_penalty", "presence_penalty",
    "modalities",
})  # fmt: skip
# Bookkeeping, caching and speed at OpenAI: the answer is the same without them.
_IGNORED = frozenset({
    "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "prediction",
})  # fmt: skip
_REFUSED = {
    "functions": "send tools",
    "function_call": "send tool_choice",
    "reasoning_effort": "it stands in the model's config, under parameters.extra",
    "verbosity": "it stands in the model's config, under parameters.extra",
    "top_logprobs": "no provider is asked for log probabilities",
}
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


class OpenAIWire:
    """Chat completions, models and errors as OpenAI's API has them."""

    ping = b": ping\n\n"

    def wanted(self, body: Fields) -> Wanted:
        """Return what a request wants; raise Fault."""
        body.refuse(_HONOURED, _IGNORED, _REFUSED)
        body.only("n", 1)
        body.only("logprobs", False)
        body.only("frequency_penalty", 0)
        body.only("presence_penalty", 0)
        body.only("modalities", ["text"])
        tools = tuple(_tool(tool) for tool in body.each("tools"))
        has_parallel_calls = body.get("parallel_tool_calls", bool) is not False
        options = body.inner("stream_options")
        model = body.need("model", str)
        question = Question(
            _messages(body),
            target=model,
            parameters=_parameters(body),
            json_schema=_json_schema(body.inner("response_format")),
            tools=tools,
            tool_choice=_tool_choice(body),
            has_parallel_calls=has_parallel_calls,
            user=body.get("user", str) or "",
        )
        is_streamed = bool(body.get("stream", bool))
        return Wanted(question, model, is_streamed, bool(options and options.get("include_usage", bool)))

    def answer(self, wanted: Wanted, outcome: Outcome) -> dict[str, Any]:
        """Return a chat completion."""
        answer = outcome.answer
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.tool_calls:
            message["tool_calls"] = [_call_out(call) for call in answer.tool_calls]
        return {
            "id": f"chatcmpl-{outcome.request_id}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": outcome.attempts[-1].candidate,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}],
            "usage": _usage(answer.usage),
            "system_fingerprint": None,
            "labmodels": own_facts(outcome),
        }

    def writer(self, wanted: Wanted, began: Began) -> OpenAIWriter:
        """Return what writes a streamed answer."""
        return OpenAIWriter(wanted, began)

    def status(self, fault: Fault) -> int:
        """Return the status of an error."""
        return fault.status

    def error(self, fault: Fault) -> dict[str, Any]:
        """Return the body of an error."""
        if fault.code == "insufficient_quota":
            kind = "insufficient_quota"
        else:
            kind = "rate_limit_error" if fault.status == 429 else "invalid_request_error" if fault.status < 500 else "server_error"
        return {"error": {"message": str(fault), "type": kind, "param": fault.param, "code": fault.code}}

    def error_event(self, fault: Fault) -> bytes:
        """Return what ends a stream that broke off; no [DONE] follows it."""
        return _event(self.error(fault))

    def listing(self, models: Sequence[Listed]) -> dict[str, Any]:
        """Return the body of a list of models."""
        return {"object": "list", "data": [self.model(listed) for listed in models]}

    def model(self, listed: Listed) -> dict[str, Any]:
        """Return the body of one model."""
        known = {"id": listed.name, "object": "model", "created": listed.created_s, "owned_by": listed.owned_by}
        return {**known, "labmodels": {"kind": listed.kind}}


class OpenAIWriter:
    """Writes one answer as chunks. Their text is put together around what hardly changes: a chunk costs one small `dumps`."""

    def __init__(self, wanted: Wanted, began: Began) -> None:
        self._wanted = wanted
        usage = {"usage": None} if wanted.has_usage_chunk else {}
        self._head = {
            "id": f"chatcmpl-{began.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": began.candidate,
            "system_fingerprint": None,
            **usage,
        }
        self._before = f'data: {json.dumps(self._head)[:-1]}, "choices": [{{"index": 0, "delta": '
        self._calls: set[int] = set()

    def began(self) -> bytes:
        """Return the chunk with the role."""
        return self._chunk('{"role": "assistant", "content": ""}')

    def delta(self, event: Delta) -> bytes:
        """Return a chunk with text or a piece of a tool call."""
        if isinstance(event, TextDelta):
            return self._chunk(f'{{"content": {json.dumps(event.text)}}}')
        call: dict[str, Any] = {"index": event.index, "function": {"arguments": event.arguments}}
        if event.index not in self._calls:
            self._calls.add(event.index)
            call |= {"id": event.id, "type": "function", "function": {"name": event.name, "arguments": event.arguments}}
        return self._chunk(json.dumps({"tool_calls": [call]}))

    def ended(self, outcome: Outcome, switches: int) -> bytes:
        """Return the chunk with the finish reason, the one with the usage where it was asked for, and [DONE]."""
        facts = {**self._head, "labmodels": own_facts(outcome, switches)}
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": outcome.answer.finish}
        end = _event({**facts, "choices": [choice]})
        if self._wanted.has_usage_chunk:
            end += _event({**self._head, "choices": [], "usage": _usage(outcome.answer.usage)})
        return end + b"data: [DONE]\n\n"

    def _chunk(self, delta: str) -> bytes:
        return f'{self._before}{delta}, "logprobs": null, "finish_reason": null}}]}}\n\n'.encode()


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


# -- reading ---------------------------------------------------------------------------------------------------------------


def _messages(body: Fields) -> tuple[Message, ...]:
    messages = tuple(_message(message) for message in body.each("messages"))
    if not messages:
        raise invalid("messages must hold at least one message", "messages")
    return messages


def _message(message: Fields) -> Message:
    written = message.need("role", str)
    role = _ROLES.get(written)
    if role is None:
        raise invalid(f"{message.at('role')} must be one of {', '.join(_ROLES)}", message.at("role"))
    calls = tuple(_call_in(call) for call in message.each("tool_calls")) if role == "assistant" else ()
    content = _content(message, is_optional=role == "assistant")
    return Message(role, content, calls, message.need("tool_call_id", str) if role == "tool" else None)


def _content(message: Fields, *, is_optional: bool) -> str | tuple[Text | Image, ...]:
    content = message.raw("content")
    if isinstance(content, str):
        return content
    if content is None and is_optional:
        return ""
    if not isinstance(content, list):
        raise invalid(f"{message.at('content')} must be a text or a list of parts", message.at("content"))
    return content_of([_part(part) for part in message.each("content")])


def _part(part: Fields) -> Text | Image:
    kind = part.need("type", str)
    if kind in ("text", "refusal"):
        return Text(part.need(kind, str))
    if kind == "image_url" and (image := part.inner("image_url")):
        return Image(image.need("url", str))
    raise invalid(f"{part.at('type')} must be text or image_url", part.at("type"))


def _call_in(call: Fields) -> ToolCall:
    function = call.inner("function")
    if function is None:
        raise invalid(f"{call.at('function')} is missing", call.at("function"))
    return ToolCall(call.need("id", str), function.need("name", str), function.need("arguments", str))


def _call_out(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: Fields) -> Tool:
    function = tool.inner("function")
    if tool.raw("type") != "function" or function is None:
        raise invalid(f"{tool.at('type')} must be function", tool.at("type"))
    parameters = function.get("parameters", dict) or {"type": "object", "properties": {}}
    return Tool(function.need("name", str), function.get("description", str) or "", parameters)


def _tool_choice(body: Fields) -> str:
    choice = body.raw("tool_choice")
    if choice is None:
        return "auto"
    if choice in ("auto", "none", "required"):
        return str(choice)
    function = Fields(choice, "tool_choice").inner("function")
    if function is None:
        raise invalid("tool_choice must be auto, none, required or name a function", "tool_choice")
    return f"tool:{function.need('name', str)}"


def _json_schema(wanted: Fields | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    kind = wanted.need("type", str)
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    inner = wanted.inner("json_schema") if kind == "json_schema" else None
    if inner is None:
        raise invalid("response_format must be text, json_object or json_schema with its schema", "response_format")
    schema: dict[str, Any] = inner.need("schema", dict)
    return schema


def _parameters(body: Fields) -> Any:
    stop = body.raw("stop")
    limit = "max_completion_tokens" if body.raw("max_completion_tokens") is not None else "max_tokens"
    return parameters_of(
        {
            "temperature": ("temperature", body.get("temperature", float)),
            "top_p": ("top_p", body.get("top_p", float)),
            "max_output_tokens": (limit, body.get(limit, int)),
            "seed": ("seed", body.get("seed", int)),
            "stop": ("stop", [stop] if isinstance(stop, str) else body.get("stop", list)),
        }
    )


def _usage(usage: Usage) -> dict[str, Any] | None:
    """Return the usage block; None where the provider said nothing: unknown is not 0."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
