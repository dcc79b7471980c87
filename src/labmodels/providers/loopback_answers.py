"""What the loopback provider says: answers, streams and errors in the wire formats of OpenAI and Anthropic. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

PIECES = ("The ", "answer ", "is ", "42.")
TEXT = "".join(PIECES)
ARGUMENTS = '{"x": 1}'
_MADE_UP = "lookup"  # the tool that is called where the request offers none


class Refusal(NamedTuple):
    """An error with its status. `headers` may hold DATE, which becomes the present."""

    status: int
    openai: dict[str, Any]
    anthropic: dict[str, Any]
    headers: Mapping[str, str] = MappingProxyType({})


def _said(status: int, message: str, openai: str | None, anthropic: str, **headers: str) -> Refusal:
    """Return a refusal: the `code` that OpenAI gives (None: it gives none) and the `type` that Anthropic gives."""
    named = {"message": message} if openai is None else {"code": openai, "message": message}
    return Refusal(status, named, {"type": anthropic, "message": message}, {name.replace("_", "-"): told for name, told in headers.items()})


REFUSALS: dict[str, Refusal] = {
    "400": _said(400, "bad parameter", None, "invalid_request_error"),
    "401": _said(401, "wrong key", "invalid_api_key", "authentication_error"),
    "402": _said(402, "pay first", None, "billing_error"),
    "403": _said(403, "not for you", None, "permission_error"),
    "404": _said(404, "no such model", "model_not_found", "not_found_error"),
    "408": _said(408, "too slow", None, "timeout_error"),
    "413": _said(413, "too large", None, "request_too_large"),
    "429": _said(429, "slow down", None, "rate_limit_error"),
    "429-seconds": _said(429, "slow down", None, "rate_limit_error", retry_after="7"),
    "429-date": _said(429, "slow down", None, "rate_limit_error", retry_after="DATE"),
    "429-absurd": _said(429, "slow down", None, "rate_limit_error", retry_after="99999999"),
    "insufficient_quota": Refusal(
        429,
        {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your current quota"},
        {"type": "invalid_request_error", "message": "Your credit balance is too low"},
    ),
    "context_overflow": Refusal(
        400,
        {"code": "context_length_exceeded", "message": "This model's maximum context length is 8192 tokens"},
        {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"},
    ),
    "500": _said(500, "broken", None, "api_error"),
    "503": _said(503, "down", None, "api_error"),
    "529": _said(529, "overloaded", None, "overloaded_error"),
}

# How an answer ends, in OpenAI's and in Anthropic's words; None is not at all.
_FINISHES: dict[str, tuple[str | None, str | None]] = {
    "no_finish": (None, None),
    "clean_eof": (None, None),
    "length": ("length", "max_tokens"),
    "content_filter": ("content_filter", "refusal"),
    "context_full": ("stop", "model_context_window_exceeded"),
    "odd_finish": ("because", "because"),
    "no_calls": ("tool_calls", "tool_use"),
    "tool_calls": ("tool_calls", "tool_use"),
}
SHAPES = frozenset({*_FINISHES, "empty", "empty_choices", "no_choices", "no_usage", "no_terminator"})


def tokens(*texts: str) -> int:
    """Return about how many tokens texts have: one in four characters, rounded up."""
    return -(-sum(map(len, texts)) // 4)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with; `tool` is what is called, with ARGUMENTS. `faults` holds the SHAPES that it has."""

    model: str
    pieces: tuple[str, ...]
    tool: str | None
    faults: frozenset[str]
    input_tokens: int

    @property
    def arguments(self) -> str:
        """The call's arguments; half of them where a limit cut the answer."""
        return ARGUMENTS[: len(ARGUMENTS) // 2] if "length" in self.faults else ARGUMENTS

    @property
    def output_tokens(self) -> int:
        """The tokens of the answer, a call included."""
        return tokens(*self.pieces) + (0 if self.tool is None else tokens(self.tool, self.arguments))

    def finish(self, provider: int) -> str | None:
        """Return how the answer ends in the words of OpenAI (0) or Anthropic (1)."""
        return next((ends[provider] for fault, ends in _FINISHES.items() if fault in self.faults), ("stop", "end_turn")[provider])


def reply_to(body: Mapping[str, Any], pieces: tuple[str, ...], faults: frozenset[str]) -> Reply:
    """Return the reply to a request: the given pieces, or a call of its first tool where `tool_calls` is among the faults."""
    tool = _first_tool(body) if "tool_calls" in faults else None
    nothing = tool is not None or not faults.isdisjoint({"empty", "no_calls"})
    return Reply(str(body.get("model", "")), () if nothing else pieces, tool, faults, input_tokens(body))


def input_tokens(body: Mapping[str, Any]) -> int:
    """Return about how many tokens a request has: its texts and its tools, images left out."""
    tools = json.dumps(body["tools"]) if "tools" in body else ""
    return tokens(tools, *(text for name in ("system", "messages", "input") for text in _texts(body.get(name))))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name in ("content", "text", "tool_calls", "function", "arguments"):
            yield from _texts(value.get(name))


def _first_tool(body: Mapping[str, Any]) -> str:
    tool: Mapping[str, Any] = next(iter(body.get("tools") or ()), {})
    return str(tool.get("name") or tool.get("function", {}).get("name") or _MADE_UP)


class OpenAIWire:
    """Chat completions and embeddings."""

    last = b"data: [DONE]\n\n"
    in_band_error: ClassVar[dict[str, Any]] = {"error": {"type": "server_error", "message": "overloaded"}}

    def refusal(self, refusal: Refusal) -> dict[str, Any]:
        """Return the body of an error."""
        return {"error": refusal.openai}

    def answer(self, reply: Reply) -> dict[str, Any]:
        """Return a whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(reply.pieces)}
        if reply.tool is not None:
            function = {"name": reply.tool, "arguments": reply.arguments}
            message |= {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}
        choices = [{"index": 0, "message": message, "finish_reason": reply.finish(0)}]
        answer: dict[str, Any] = {"id": "c1", "object": "chat.completion", "model": reply.model}
        if "no_choices" not in reply.faults:
            answer["choices"] = [] if "empty_choices" in reply.faults else choices
        return answer if "no_usage" in reply.faults else answer | {"usage": self._usage(reply)}

    def events(self, reply: Reply) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream, up to its terminator."""
        head = {"id": "c1", "object": "chat.completion.chunk", "model": reply.model}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in reply.pieces)]
        if reply.tool is not None:
            begun = {"index": 0, "id": "call-1", "type": "function", "function": {"name": reply.tool, "arguments": ""}}
            calls = [begun, *({"index": 0, "function": {"arguments": piece}} for piece in _in_pieces(reply.arguments))]
            deltas += [{"tool_calls": [call]} for call in calls]
        ends: list[tuple[dict[str, Any], str | None]] = [({}, reply.finish(0))] if reply.finish(0) is not None else []
        for delta, finish in [*((delta, None) for delta in deltas), *ends]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            yield head | {"choices": [] if "empty_choices" in reply.faults else [choice]}
        if "no_usage" not in reply.faults:
            yield head | {"choices": [], "usage": self._usage(reply)}

    def embeddings(self, body: Mapping[str, Any], faults: frozenset[str]) -> dict[str, Any]:
        """Return a vector of the length of each text and 1, in no order; one too few where `short` is among the faults."""
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows: Any = [{"index": index, "embedding": [float(len(text)), 1.0]} for index, text in enumerate(texts)][::-1]
        rows = rows[1:] if "short" in faults else [] if "empty_choices" in faults else rows
        answer = {} if "no_choices" in faults else {"data": rows}
        answer |= {"object": "list", "model": body["model"]}
        return answer if "no_usage" in faults else answer | {"usage": {"prompt_tokens": input_tokens(body)}}

    def _usage(self, reply: Reply) -> dict[str, Any]:
        read, written = reply.input_tokens, reply.output_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": read // 4},
        }


class AnthropicWire:
    """Messages."""

    last = b""  # its last event is the terminator
    in_band_error: ClassVar[dict[str, Any]] = {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}

    def refusal(self, refusal: Refusal) -> dict[str, Any]:
        """Return the body of an error."""
        return {"type": "error", "error": refusal.anthropic}

    def answer(self, reply: Reply) -> dict[str, Any]:
        """Return a whole answer."""
        content: list[dict[str, Any]] = [{"type": "text", "text": "".join(reply.pieces)}]
        if reply.tool is not None:
            arguments = {} if "length" in reply.faults else json.loads(ARGUMENTS)
            content = [{"type": "tool_use", "id": "call-1", "name": reply.tool, "input": arguments}]
        answer = self._head(reply) | {"stop_reason": reply.finish(1)}
        if "no_choices" not in reply.faults:
            answer["content"] = [] if "empty_choices" in reply.faults else content
        return answer if "no_usage" in reply.faults else answer | {"usage": self._usage(reply) | {"output_tokens": reply.output_tokens}}

    def events(self, reply: Reply) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream; its terminator is the last."""
        is_told = "no_usage" not in reply.faults
        message = self._head(reply) | {"content": []}
        yield {"type": "message_start", "message": message | ({"usage": self._usage(reply)} if is_told else {})}
        yield from () if "empty_choices" in reply.faults else self._block(reply)
        if "clean_eof" in reply.faults:
            return
        delta = {"type": "message_delta", "delta": {"stop_reason": reply.finish(1)}}
        yield delta | ({"usage": {"output_tokens": reply.output_tokens}} if is_told else {})
        if "no_terminator" not in reply.faults:
            yield {"type": "message_stop"}

    def _block(self, reply: Reply) -> Iterator[dict[str, Any]]:
        block: dict[str, Any] = {"type": "text", "text": ""}
        deltas: Iterable[dict[str, Any]] = ({"type": "text_delta", "text": piece} for piece in reply.pieces)
        if reply.tool is not None:
            block = {"type": "tool_use", "id": "call-1", "name": reply.tool, "input": {}}
            deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in _in_pieces(reply.arguments))
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}

    def _head(self, reply: Reply) -> dict[str, Any]:
        return {"id": "m1", "type": "message", "role": "assistant", "model": reply.model}

    def _usage(self, reply: Reply) -> dict[str, Any]:
        """Return the usage at the start; input_tokens leave out what the cache held or took."""
        read, written = reply.input_tokens // 4, reply.input_tokens // 8
        fresh = reply.input_tokens - read - written
        return {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written, "output_tokens": 1}


def _in_pieces(text: str, size: int = 3) -> list[str]:
    return [text[begin : begin + size] for begin in range(0, len(text), size)]
