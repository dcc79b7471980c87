"""Anthropic's Messages API: one request, one proven answer.

Retries, fallback and checks of the output are the router's; reading the wire is `exchange`'s; what a request becomes on the wire
is `anthropic_body`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anthropic

from labmodels.providers.anthropic_body import body_of
from labmodels.providers.exchange import Exchange, Service, count
from labmodels.providers.protocol import (
    Answer,
    Delta,
    Embeddings,
    Finish,
    Finished,
    ProviderFault,
    Request,
    StreamEvent,
    TextDelta,
    Usage,
)
from labmodels.providers.tool_calls import ToolCalls

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

_MESSAGES = "/v1/messages"
_FINISHES: dict[str, Finish] = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class Anthropic:
    """A model behind the Messages API; the key is read at each call. Several threads may use it at once."""

    def __init__(self, model: LanguageModel, environ: Mapping[str, str] | None = None) -> None:
        self._model = model
        self._service = Service(anthropic, anthropic.Anthropic, "https://api.anthropic.com", model, environ)

    def complete(self, request: Request) -> Answer:
        """Return the whole answer; raise ProviderFault."""
        exchange = self._service.exchange(request.deadline_s, streaming=False)
        with exchange.post(_MESSAGES, body_of(request, self._model)) as response:
            body = exchange.body(response)
            request_id = response.headers.get("request-id")
        content = body.get("content")
        if not isinstance(content, list):
            raise exchange.fault("malformed", "the answer holds no content")
        writing = _Writing(exchange, request_id)
        writing.note(body)
        for index, block in enumerate(content):
            writing.begin_block(index, _object(block))
            writing.end_block(index)
        return writing.answer(is_terminated=True)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text and the tool calls as they come and then the whole answer; raise ProviderFault."""
        exchange = self._service.exchange(request.deadline_s, streaming=True)
        with exchange.post(_MESSAGES, body_of(request, self._model) | {"stream": True}) as response:
            writing = _Writing(exchange, response.headers.get("request-id"))
            is_terminated = False
            for event in exchange.events(response, last="message_stop"):
                if event is None:  # not this API's terminator
                    break
                is_terminated = event.get("type") == "message_stop"
                yield from writing.take_event(event)
        yield Finished(writing.answer(is_terminated))

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Raise invalid_request: the service offers no embeddings."""
        raise ProviderFault("invalid_request", "anthropic: it offers no embeddings")


class _Writing:
    """The answer as it is put together from one body or from many events. Blocks of any other kind, thoughts say, are no answer."""

    def __init__(self, exchange: Exchange, request_id: str | None) -> None:
        self._exchange = exchange
        self._request_id = request_id
        self._texts: list[str] = []
        self._calls = ToolCalls()  # by the index of their block
        self._stop_reason: str | None = None
        self._counts: dict[str, Any] = {}
        self._model: str | None = None

    def note(self, message: Mapping[str, Any]) -> None:
        """Keep the model, the stop reason and the usage where a message or a delta has them; usage counts are cumulative."""
        self._model = _text(message.get("model")) or self._model
        self._stop_reason = message.get("stop_reason") or self._stop_reason
        self._counts |= {name: value for name, value in _object(message.get("usage")).items() if value is not None}

    def take_event(self, event: Mapping[str, Any]) -> list[Delta]:
        """Add an event, tell the watch how much it brought, and return its pieces."""
        kind, index = event.get("type"), _index(event.get("index"))
        if kind == "ping":  # a service that only says that it lives makes no progress
            return []
        pieces, delta = [], _object(event.get("delta"))
        if kind == "content_block_delta":
            pieces = self._take_delta(index, delta)
        elif kind == "content_block_start":
            pieces = self.begin_block(index, _object(event.get("content_block")))
        elif kind == "content_block_stop":
            pieces = self.end_block(index)
        elif kind == "message_start":
            self.note(_object(event.get("message")))
        elif kind == "message_delta":
            self.note({**delta, "usage": event.get("usage")})
        written = (delta.get(name) for name in ("text", "partial_json", "thinking", "signature"))
        self._exchange.watch.wrote("".join(piece for piece in written if isinstance(piece, str)))
        return pieces

    def begin_block(self, index: int | None, block: Mapping[str, Any]) -> list[Delta]:
        """Begin a block, or take a whole one, and return its pieces."""
        if block.get("type") == "text":
            return self._take_text(block.get("text"))
        if block.get("type") != "tool_use":
            return []
        pieces: list[Delta] = [self._calls.begin(index, _text(block.get("id")), _text(block.get("name")))]
        if block.get("input"):  # a stream begins with an empty one and sends the rest in pieces
            pieces.append(self._calls.add(index, json.dumps(block["input"])))
        return pieces

    def end_block(self, index: int | None) -> list[Delta]:
        """End a block: a call that got no arguments has none, in JSON."""
        return [self._calls.add(index, "{}")] if self._calls.has(index) and self._calls.is_bare(index) else []

    def _take_delta(self, index: int | None, delta: Mapping[str, Any]) -> list[Delta]:
        if self._calls.has(index):
            piece = _text(delta.get("partial_json"))
            return [self._calls.add(index, piece)] if piece else []
        return self._take_text(delta.get("text"))

    def _take_text(self, text: object) -> list[Delta]:
        if not isinstance(text, str) or not text:
            return []
        self._texts.append(text)
        return [TextDelta(text)]

    def answer(self, is_terminated: bool) -> Answer:
        """Return the answer; raise the fault when it is not proven complete."""
        fault, text, calls, usage = self._exchange.fault, "".join(self._texts), self._calls.whole(), self._usage()
        if self._stop_reason == "refusal":
            raise fault("refusal", "the model refused", usage=usage)
        if self._stop_reason == "model_context_window_exceeded":
            raise fault("context_overflow", "the model's context was full before the answer ended", usage=usage)
        if self._stop_reason in (None, "pause_turn") or not is_terminated:
            raise fault("truncated", "the answer ended without a stop reason and a terminator", usage=usage)
        finish = _FINISHES.get(_text(self._stop_reason))
        if finish is None:
            raise fault("malformed", f"unknown stop reason {self._stop_reason!r}", usage=usage)
        if not all(call.name for call in calls) or (finish == "tool_calls" and not calls):
            raise fault("malformed", "the answer calls a tool that it does not name", usage=usage)
        if not text.strip() and not calls:
            raise fault("empty", "the answer is empty", usage=usage)
        return Answer(text, finish, usage, self._model, self._request_id, tool_calls=calls)

    def _usage(self) -> Usage:
        """Return the usage so far; the API's input_tokens leave out what was read from and written to the cache."""
        fresh = count(self._counts, "input_tokens")
        read, written = count(self._counts, "cache_read_input_tokens"), count(self._counts, "cache_creation_input_tokens")
        return Usage(
            input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=count(self._counts, "output_tokens"),
            reasoning_tokens=count(self._counts, "output_tokens_details", "thinking_tokens"),
        )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _index(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
