"""OpenAI, and every server that speaks its chat completions: one request, one proven answer.

Retries, fallback and checks of the output are the router's; reading the wire is `exchange`'s.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import openai

from labmodels.providers.exchange import Exchange, Service, count
from labmodels.providers.protocol import (
    Answer,
    Delta,
    Embeddings,
    Finish,
    Finished,
    Image,
    Message,
    Request,
    StreamEvent,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from labmodels.providers.tool_calls import ToolCalls

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

_CHAT, _EMBEDDINGS = "/chat/completions", "/embeddings"
_FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls"}
_LARGEST_EMBEDDINGS = 512 * 1024 * 1024  # bytes; a batch of vectors as decimal text is bulky


class OpenAI:
    """A model behind the OpenAI wire format; the key is read at each call. Several threads may use it at once."""

    def __init__(self, model: LanguageModel, environ: Mapping[str, str] | None = None) -> None:
        self._model = model
        self._service = Service(openai, openai.OpenAI, "https://api.openai.com/v1", model, environ)

    def complete(self, request: Request) -> Answer:
        """Return the whole answer; raise ProviderFault."""
        exchange = self._service.exchange(request.deadline_s, streaming=False)
        with exchange.post(_CHAT, self._body(request, exchange)) as response:
            body = exchange.body(response)
            request_id = response.headers.get("x-request-id")
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise exchange.fault("malformed", "the answer holds no choices", usage=_usage(body))
        writing = _Writing(exchange, request_id)
        writing.note(body)
        writing.take(_object(choices[0].get("message")), choices[0].get("finish_reason"))
        return writing.answer(is_terminated=True)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text and the tool calls as they come and then the whole answer; raise ProviderFault."""
        exchange = self._service.exchange(request.deadline_s, streaming=True)
        body = self._body(request, exchange) | {"stream": True, "stream_options": {"include_usage": True}}
        with exchange.post(_CHAT, body) as response:
            writing = _Writing(exchange, response.headers.get("x-request-id"))
            is_terminated = False
            for event in exchange.events(response):
                if event is None:
                    is_terminated = True
                    break
                yield from writing.take_event(event)
        yield Finished(writing.answer(is_terminated))

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Return a vector for each text; raise ProviderFault."""
        exchange = self._service.exchange(deadline_s, streaming=False, largest_body=_LARGEST_EMBEDDINGS)
        asked = {"model": self._model.model, "input": list(texts), "encoding_format": "float"}
        with exchange.post(_EMBEDDINGS, asked) as response:
            body = exchange.body(response)
        try:
            rows = sorted(body["data"], key=lambda row: row["index"])
            vectors = tuple(tuple(map(float, row["embedding"])) for row in rows)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise exchange.fault("malformed", "the answer holds no embeddings", usage=_usage(body)) from None
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) > 1:
            problem = f"{len(texts)} texts, {len(vectors)} vectors, or vectors of several lengths"
            raise exchange.fault("malformed", problem, usage=_usage(body))
        if not all(math.isfinite(sum(vector)) for vector in vectors):
            raise exchange.fault("malformed", "a vector holds what is no number", usage=_usage(body))
        return Embeddings(vectors, _usage(body), _text(body.get("model")) or None)

    def _body(self, request: Request, exchange: Exchange) -> dict[str, Any]:
        asked = request.parameters or self._model.parameters
        # OpenAI's newer models refuse max_tokens; servers of one's own often know nothing else.
        limit = "max_completion_tokens" if exchange.is_own else "max_tokens"
        body: dict[str, Any] = {
            "model": self._model.model,
            "messages": [_message(message) for message in request.messages],
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            limit: asked.max_output_tokens,
            "seed": asked.seed,
            "stop": asked.stop or None,
        }
        if request.json_schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(request.json_schema)}}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
            body["tool_choice"] = _tool_choice(request.tool_choice)
            body["parallel_tool_calls"] = None if request.has_parallel_calls else False
        return {name: value for name, value in body.items() if value is not None} | asked.extra


def _message(message: Message) -> dict[str, Any]:
    """Return a turn as the wire has it; an assistant's that is only calls has no content."""
    content: Any = message.content if isinstance(message.content, str) else [_part(part) for part in message.content]
    turn = {"role": message.role, "content": content}
    if message.tool_calls:
        turn |= {"content": content or None, "tool_calls": [_call(call) for call in message.tool_calls]}
    if message.role == "tool":
        turn["tool_call_id"] = message.tool_call_id or ""
    return turn


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.url}}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: Tool) -> dict[str, Any]:
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}}


def _tool_choice(choice: str) -> str | dict[str, Any]:
    kind, _, name = choice.partition(":")
    return {"type": "function", "function": {"name": name}} if kind == "tool" else choice


class _Writing:
    """The answer as it is put together from one body or from many events."""

    def __init__(self, exchange: Exchange, request_id: str | None) -> None:
        self._exchange = exchange
        self._request_id = request_id
        self._texts: list[str] = []
        self._calls = ToolCalls()
        self._latest_key: Hashable = None
        self._refusal = ""
        self._finish = ""
        self._usage = Usage()
        self._model: str | None = None

    def note(self, body: Mapping[str, Any]) -> None:
        """Keep the model and the usage where a body or an event has them."""
        self._model = _text(body.get("model")) or self._model
        if isinstance(body.get("usage"), dict):
            self._usage = _usage(body)

    def take_event(self, event: Mapping[str, Any]) -> list[Delta]:
        """Add an event, tell the watch how much it brought, and return its pieces."""
        self.note(event)
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):  # the chunk with the usage has none
            return []
        delta = _object(choices[0].get("delta"))
        pieces = self.take(delta, choices[0].get("finish_reason"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        told = (piece.text if isinstance(piece, TextDelta) else piece.name + piece.arguments for piece in pieces)
        self._exchange.watch.wrote("".join(told) + thought + _text(delta.get("refusal")))
        return pieces

    def take(self, part: Mapping[str, Any], finish: object) -> list[Delta]:
        """Add a message or a delta; return its pieces."""
        pieces: list[Delta] = []
        if text := _content(part.get("content")):
            self._texts.append(text)
            pieces.append(TextDelta(text))
        calls = part.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            pieces += self._take_call(_object(call))
        if legacy := part.get("function_call"):
            pieces += self._take_call({"index": 0, "function": legacy})
        self._refusal += _text(part.get("refusal"))
        self._finish = _text(finish) or self._finish
        return pieces

    def _take_call(self, call: Mapping[str, Any]) -> list[ToolCallDelta]:
        """Add a call or a piece of one. Some servers send no index, some the index 0 with each call, some the id with each piece."""
        function, given_id = _object(call.get("function")), _text(call.get("id"))
        name, arguments = _text(function.get("name")), function.get("arguments")
        key: Hashable = call.get("index")
        if not isinstance(key, int):
            key = given_id or (object() if name else self._latest_key)
        pieces = []
        if not self._calls.has(key) or (given_id and given_id != self._calls.id_of(key) != ""):
            pieces.append(self._calls.begin(key, given_id, name))
        self._latest_key = key
        written = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
        if written:
            pieces.append(self._calls.add(key, written))
        return pieces

    def answer(self, is_terminated: bool) -> Answer:
        """Return the answer; raise the fault when it is not proven complete."""
        fault, text, calls = self._exchange.fault, "".join(self._texts), self._calls.whole()
        if self._finish == "content_filter":
            raise fault("content_filtered", "the provider's content filter stopped the answer", usage=self._usage)
        if not self._finish or not is_terminated:
            raise fault("truncated", "the answer ended without a finish reason and a terminator", usage=self._usage)
        if self._refusal:
            raise fault("refusal", f"the model refused: {self._refusal}", usage=self._usage)
        finish = _FINISHES.get(self._finish)
        if finish is None:
            raise fault("malformed", f"unknown finish reason {self._finish!r}", usage=self._usage)
        if not all(call.name for call in calls) or (finish == "tool_calls" and not calls):
            raise fault("malformed", "the answer calls a tool that it does not name", usage=self._usage)
        if not text.strip() and not calls:
            raise fault("empty", "the answer is empty", usage=self._usage)
        if calls and finish == "stop":  # so it ends where tool_choice named the tool, and at many servers always
            finish = "tool_calls"
        return Answer(text, finish, self._usage, self._model, self._request_id, tool_calls=calls)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _content(value: object) -> str:
    """Return the text of a content; some servers send it as a list of parts."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict) and part.get("type") == "text")
    return _text(value)


def _usage(body: Mapping[str, Any]) -> Usage:
    """Return the usage of a body; prompt_tokens already include the cached ones."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        cache_read_tokens=count(usage, "prompt_tokens_details", "cached_tokens"),
        cache_write_tokens=count(usage, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        reasoning_tokens=count(usage, "completion_tokens_details", "reasoning_tokens"),
    )
