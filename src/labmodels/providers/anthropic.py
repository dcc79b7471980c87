"""Anthropic's Messages API: one request, one proven answer.

Retries, fallback and checks of the output are the router's; reading the wire is `exchange`'s. The API has no seed: it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anthropic

from labmodels.providers.deadline import Watch
from labmodels.providers.endpoint import NO_KEY, endpoint
from labmodels.providers.exchange import Exchange, count, http_client
from labmodels.providers.protocol import Answer, Embeddings, Finish, Finished, ProviderFault, Request, StreamEvent, TextDelta, Usage

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

_FINISHES: dict[str, Finish] = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
_OUTPUT_TOKENS = 4096  # the API wants a number where the config leaves it open


class Anthropic:
    """A model behind the Messages API; the key is read at each call."""

    def __init__(self, model: LanguageModel, environ: Mapping[str, str] | None = None) -> None:
        self._model = model
        self._environ = environ
        self._http = http_client(self, anthropic.DefaultHttpxClient, model.timeouts)

    def complete(self, request: Request) -> Answer:
        """Return the whole answer; raise ProviderFault."""
        send = self._client().messages.with_streaming_response
        exchange = self._exchange(request.deadline_s, streaming=False)
        with exchange.open(lambda: send.create(**self._arguments(request))) as response:
            body = exchange.body(response)
            request_id = response.headers.get("request-id")
        content = body.get("content")
        if not isinstance(content, list):
            raise exchange.fault("malformed", "the answer holds no content")
        writing = _Writing(exchange, request_id)
        writing.note(body)
        for block in content:
            if isinstance(block, dict) and block.get("type") == "text":
                writing.take(block.get("text"))
        return writing.answer(is_terminated=True)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text as it comes and then the whole answer; raise ProviderFault."""
        send = self._client().messages.with_streaming_response
        exchange = self._exchange(request.deadline_s, streaming=True)
        arguments = self._arguments(request) | {"stream": True}
        with exchange.open(lambda: send.create(**arguments)) as response:
            writing = _Writing(exchange, response.headers.get("request-id"))
            is_terminated = False
            for event in exchange.events(response):
                kind = event and event.get("type")
                if event is None or kind == "message_stop":
                    is_terminated = kind == "message_stop"
                    break
                text = writing.take_event(event)
                if text:
                    yield TextDelta(text)
        yield Finished(writing.answer(is_terminated))

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Raise invalid_request: the service offers no embeddings."""
        raise ProviderFault("invalid_request", "anthropic: it offers no embeddings")

    def _exchange(self, deadline_s: float | None, *, streaming: bool) -> Exchange:
        return Exchange(self._model.provider, anthropic, Watch(self._model.timeouts, deadline_s, streaming=streaming))

    def _client(self) -> anthropic.Anthropic:
        where = endpoint(self._model, self._environ)
        return anthropic.Anthropic(
            api_key=where.key.reveal() if where.key else NO_KEY,
            base_url=where.base_url or "https://api.anthropic.com",  # given, so that the SDK reads no variable by itself
            max_retries=0,
            http_client=self._http,
        )

    def _arguments(self, request: Request) -> dict[str, Any]:
        asked = request.parameters or self._model.parameters
        # temperature and top_p left the SDK's signature; the API still takes them.
        sampling = {"temperature": asked.temperature, "top_p": asked.top_p}
        extra = dict(asked.extra)
        arguments: dict[str, Any] = {
            "model": self._model.model,
            "max_tokens": asked.max_output_tokens or self._model.max_output_tokens or min(_OUTPUT_TOKENS, self._model.context_tokens),
            "messages": [{"role": message.role, "content": message.content} for message in request.messages if message.role != "system"],
            "system": "\n\n".join(message.text for message in request.messages if message.role == "system") or None,
            "stop_sequences": asked.stop or None,
            "extra_body": {name: value for name, value in sampling.items() if value is not None} | extra or None,
            "timeout": self._model.timeouts.total,  # else the SDK refuses large answers without streaming
        }
        if request.json_schema is not None:
            output = {"type": "json_schema", "schema": dict(request.json_schema)}
            extra["output_config"] = {**extra.get("output_config", {}), "format": output}  # the config's own effort, say, stays
            arguments["extra_body"] = (arguments["extra_body"] or {}) | extra
        return {name: value for name, value in arguments.items() if value is not None}


class _Writing:
    """The answer as it is put together from one body or from many events."""

    def __init__(self, exchange: Exchange, request_id: str | None) -> None:
        self._exchange = exchange
        self._request_id = request_id
        self._texts: list[str] = []
        self._stop_reason: str | None = None
        self._counts: dict[str, Any] = {}
        self._model: str | None = None

    def note(self, message: Mapping[str, Any]) -> None:
        """Keep the model, the stop reason and the usage where a message or a delta has them; usage counts are cumulative."""
        self._model = message.get("model") or self._model
        self._stop_reason = message.get("stop_reason") or self._stop_reason
        usage = message.get("usage")
        if isinstance(usage, dict):
            self._counts |= {name: value for name, value in usage.items() if value is not None}

    def take(self, text: object) -> str:
        """Add a piece of text and return it."""
        piece = text if isinstance(text, str) else ""
        self._texts.append(piece)
        return piece

    def take_event(self, event: Mapping[str, Any]) -> str:
        """Add what an event brings; return its text."""
        message, delta = event.get("message"), event.get("delta")
        if event.get("type") == "message_start" and isinstance(message, dict):
            self.note(message)
        elif event.get("type") == "message_delta":
            self.note({**(delta if isinstance(delta, dict) else {}), "usage": event.get("usage")})
        elif event.get("type") == "content_block_delta" and isinstance(delta, dict):
            return self.take(delta.get("text"))
        return ""

    def answer(self, is_terminated: bool) -> Answer:
        """Return the answer; raise the fault when it is not proven complete."""
        fault, text, usage = self._exchange.fault, "".join(self._texts), self._usage()
        if self._stop_reason == "refusal":
            raise fault("refusal", "the model refused", usage=usage)
        if self._stop_reason == "model_context_window_exceeded":
            raise fault("context_overflow", "the model's context was full before the answer ended", usage=usage)
        if self._stop_reason in (None, "pause_turn") or not is_terminated:
            raise fault("truncated", "the answer ended without a stop reason and a terminator", usage=usage)
        if self._stop_reason not in _FINISHES:
            raise fault("malformed", f"unknown stop reason {self._stop_reason!r}", usage=usage)
        if not text.strip():
            raise fault("empty", "the answer is empty", usage=usage)
        return Answer(text, _FINISHES[self._stop_reason], usage, self._model, self._request_id)

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
