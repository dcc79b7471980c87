"""Anthropic's messages: a request becomes a Question, an Outcome a message, events become theirs. No I/O.

What a request may hold is a list, as in `openai_wire`. Anthropic's `input_tokens` leave out what was read from or written to a cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labmodels.gateway.faults import invalid
from labmodels.gateway.fields import Fields, parameters_of
from labmodels.gateway.wire import Wanted, content_of, own_facts
from labmodels.providers.protocol import Image, Message, Text, TextDelta, Tool, ToolCall
from labmodels.router.question import Question

if TYPE_CHECKING:
    from labmodels.gateway.backend import Listed
    from labmodels.gateway.faults import Fault
    from labmodels.providers.protocol import Delta, Finish, Usage
    from labmodels.router.outcome import Began, Outcome

_HONOURED = frozenset({
    "model", "messages", "max_tokens", "system", "temperature", "top_p", "stop_sequences", "stream", "tools", "tool_choice", "metadata",
    "output_config", "thinking",
})  # fmt: skip
_IGNORED = frozenset({"service_tier", "cache_control", "inference_geo", "speed", "diagnostics"})
_REFUSED = {"top_k": "it stands in the model's config, under parameters.extra"}
_STOPS: dict[Finish, str] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_KINDS = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "timeout_error", 413: "request_too_large",
    429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


class AnthropicWire:
    """Messages, models and errors as Anthropic's API has them."""

    ping = b'event: ping\ndata: {"type": "ping"}\n\n'

    def wanted(self, body: Fields) -> Wanted:
        """Return what a request wants; raise Fault."""
        body.refuse(_HONOURED, _IGNORED, _REFUSED)
        if thinking := body.inner("thinking"):
            thinking.only("type", "disabled")
        model = body.need("model", str)
        metadata, choice = body.inner("metadata"), body.inner("tool_choice")
        question = Question(
            (*_system(body), *_messages(body)),
            target=model,
            parameters=_parameters(body),
            json_schema=_json_schema(body.inner("output_config")),
            tools=tuple(_tool(tool) for tool in body.each("tools")),
            tool_choice=_tool_choice(choice),
            has_parallel_calls=not (choice and choice.get("disable_parallel_tool_use", bool)),
            user=(metadata.get("user_id", str) if metadata else None) or "",
        )
        return Wanted(question, model, bool(body.get("stream", bool)))

    def answer(self, wanted: Wanted, outcome: Outcome) -> dict[str, Any]:
        """Return a message."""
        answer = outcome.answer
        content: list[dict[str, Any]] = [{"type": "text", "text": answer.text, "citations": None}] if answer.text else []
        content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": _object(call)} for call in answer.tool_calls]
        return {
            **_message_head(f"msg_{outcome.request_id}", outcome.attempts[-1].candidate),
            "content": content,
            "stop_reason": _STOPS[answer.finish],
            "usage": _usage(answer.usage),
            "labmodels": own_facts(outcome),
        }

    def writer(self, wanted: Wanted, began: Began) -> AnthropicWriter:
        """Return what writes a streamed answer."""
        return AnthropicWriter(began)

    def status(self, fault: Fault) -> int:
        """Return the status of an error; Anthropic has one of its own for too many requests at once."""
        return 529 if fault.code == "overloaded" else fault.status

    def error(self, fault: Fault) -> dict[str, Any]:
        """Return the body of an error."""
        status = self.status(fault)
        kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": str(fault)}, "labmodels": {"code": fault.code}}

    def error_event(self, fault: Fault) -> bytes:
        """Return what ends a stream that broke off; no message_stop follows it."""
        return _event(self.error(fault))

    def listing(self, models: Sequence[Listed]) -> dict[str, Any]:
        """Return the body of a list of models, which has one page."""
        data = [self.model(listed) for listed in models]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return {"data": data, "has_more": False, **ends}

    def model(self, listed: Listed) -> dict[str, Any]:
        """Return the body of one model."""
        created_at = datetime.fromtimestamp(listed.created_s, UTC).isoformat().replace("+00:00", "Z")
        known = {"type": "model", "id": listed.name, "display_name": listed.name, "created_at": created_at}
        return {**known, "labmodels": {"kind": listed.kind}}


class AnthropicWriter:
    """Writes one answer as Anthropic's events: a block for the text, one for each tool call, one after the other."""

    def __init__(self, began: Began) -> None:
        self._began = began
        self._blocks = 0  # how many were begun; the last of them is open
        self._open: int | str | None = None  # the index of the tool call that is being written, or "text"

    def began(self) -> bytes:
        """Return message_start. The usage is not known before the end: message_delta brings it, and the SDKs take it from there."""
        head = _message_head(f"msg_{self._began.request_id}", self._began.candidate)
        return _event({"type": "message_start", "message": {**head, "usage": {"input_tokens": 0, "output_tokens": 0}}})

    def delta(self, event: Delta) -> bytes:
        """Return a delta, and before its first one what opens its block."""
        if isinstance(event, TextDelta):
            opened = self._opened("text", {"type": "text", "text": "", "citations": None})
            return opened + self._piece({"type": "text_delta", "text": event.text})
        opened = self._opened(event.index, {"type": "tool_use", "id": event.id, "name": event.name, "input": {}})
        return opened + self._piece({"type": "input_json_delta", "partial_json": event.arguments})

    def ended(self, outcome: Outcome, switches: int) -> bytes:
        """Return message_delta, with all of the usage, and message_stop."""
        told: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": _STOPS[outcome.answer.finish], "stop_sequence": None},
            "usage": _usage(outcome.answer.usage),
            "labmodels": own_facts(outcome, switches),
        }
        return self._closed() + _event(told) + _event({"type": "message_stop"})

    def _opened(self, block: int | str, content: dict[str, Any]) -> bytes:
        if block == self._open:
            return b""
        closed, self._open = self._closed(), block
        self._blocks += 1
        return closed + _event({"type": "content_block_start", "index": self._blocks - 1, "content_block": content})

    def _closed(self) -> bytes:
        return b"" if self._open is None else _event({"type": "content_block_stop", "index": self._blocks - 1})

    def _piece(self, delta: dict[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": self._blocks - 1, "delta": delta})


def _event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _message_head(name: str, model: str) -> dict[str, Any]:
    return {
        "id": name, "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


# -- reading ---------------------------------------------------------------------------------------------------------------


def _system(body: Fields) -> tuple[Message, ...]:
    system = body.raw("system")
    if system is None or system == "":
        return ()
    text = system if isinstance(system, str) else "\n\n".join(block.need("text", str) for block in body.each("system"))
    return (Message("system", text),)


def _messages(body: Fields) -> Iterator[Message]:
    is_empty = True
    for message in body.each("messages"):
        is_empty = False
        yield from _turn(message)
    if is_empty:
        raise invalid("messages must hold at least one message", "messages")


def _turn(message: Fields) -> Iterator[Message]:
    """Yield what one message of theirs is here: results of tools stand in turns of their own."""
    role = message.need("role", str)
    if role not in ("user", "assistant", "system"):
        raise invalid(f"{message.at('role')} must be user or assistant", message.at("role"))
    content = message.raw("content")
    if isinstance(content, str):
        yield Message(role, content)
        return
    if not isinstance(content, list):
        raise invalid(f"{message.at('content')} must be a text or a list of blocks", message.at("content"))
    parts: list[Text | Image] = []
    calls: list[ToolCall] = []
    for block in message.each("content"):
        kind = block.need("type", str)
        if kind == "tool_result" and role == "user":
            yield Message("tool", _result(block), tool_call_id=block.need("tool_use_id", str))
        elif kind == "tool_use" and role == "assistant":
            calls.append(ToolCall(block.need("id", str), block.need("name", str), json.dumps(block.need("input", dict))))
        elif kind not in ("thinking", "redacted_thinking"):  # signed for the model that thought it: no other can use it
            parts.append(_part(block))
    if parts or calls:
        yield Message(role, content_of(parts), tuple(calls))


def _result(block: Fields) -> str | tuple[Text | Image, ...]:
    content = block.raw("content")
    if content is None or isinstance(content, str):
        return content or ""
    return content_of([_part(part) for part in block.each("content")])


def _part(block: Fields) -> Text | Image:
    kind = block.need("type", str)
    if kind == "text":
        return Text(block.need("text", str))
    source = block.inner("source") if kind == "image" else None
    if source is None:
        raise invalid(f"{block.at('type')} {kind} is not supported", block.at("type"))
    if source.need("type", str) == "url":
        return Image(source.need("url", str))
    return Image(f"data:{source.need('media_type', str)};base64,{source.need('data', str)}")


def _tool(tool: Fields) -> Tool:
    tool.only("type", "custom")  # the others run at Anthropic
    return Tool(tool.need("name", str), tool.get("description", str) or "", tool.need("input_schema", dict))


def _tool_choice(choice: Fields | None) -> str:
    if choice is None:
        return "auto"
    kind = choice.need("type", str)
    known = {"auto": "auto", "any": "required", "none": "none"}
    if kind != "tool" and kind not in known:
        raise invalid("tool_choice.type must be auto, any, tool or none", "tool_choice.type")
    return known.get(kind) or f"tool:{choice.need('name', str)}"


def _json_schema(config: Fields | None) -> dict[str, Any] | None:
    if config is None:
        return None
    config.refuse({"format"}, (), {"effort": "it stands in the model's config, under parameters.extra"})
    wanted = config.inner("format")
    if wanted is None:
        return None
    wanted.only("type", "json_schema")
    schema: dict[str, Any] = wanted.need("schema", dict)
    return schema


def _parameters(body: Fields) -> Any:
    return parameters_of(
        {
            "temperature": ("temperature", body.get("temperature", float)),
            "top_p": ("top_p", body.get("top_p", float)),
            "max_output_tokens": ("max_tokens", body.need("max_tokens", int)),
            "stop": ("stop_sequences", body.get("stop_sequences", list)),
        }
    )


def _object(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a call as the object that the format wants; what is no object stands as the model wrote it."""
    try:
        value = json.loads(call.arguments or "{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"arguments": call.arguments}


def _usage(usage: Usage) -> dict[str, Any]:
    """Return the usage block; the format has no word for unknown, so it is 0 there."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    return {
        "input_tokens": max(0, (usage.input_tokens or 0) - read - written),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": usage.output_tokens or 0,
    }
