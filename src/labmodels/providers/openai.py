"""OpenAI, and every server that speaks its chat completions: one request, one proven answer.

Retries, fallback and checks of the output are the router's; reading the wire is `exchange`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import openai

from labmodels.providers.deadline import Watch
from labmodels.providers.endpoint import NO_KEY, endpoint
from labmodels.providers.exchange import Exchange, count, http_client
from labmodels.providers.protocol import Answer, Embeddings, Finish, Finished, Request, StreamEvent, TextDelta, Usage

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

_FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls"}
_LARGEST_EMBEDDINGS = 512 * 1024 * 1024  # bytes; a batch of vectors as decimal text is bulky


class OpenAI:
    """A model behind the OpenAI wire format; the key is read at each call."""

    def __init__(self, model: LanguageModel, environ: Mapping[str, str] | None = None) -> None:
        self._model = model
        self._environ = environ
        self._http = http_client(self, openai.DefaultHttpxClient, model.timeouts)

    def complete(self, request: Request) -> Answer:
        """Return the whole answer; raise ProviderFault."""
        send = self._client().chat.completions.with_streaming_response
        exchange = self._exchange(request.deadline_s, streaming=False)
        with exchange.open(lambda: send.create(**self._arguments(request))) as response:
            body = exchange.body(response)
            request_id = response.headers.get("x-request-id")
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise exchange.fault("malformed", "the answer holds no choices", usage=_usage(body))
        writing = _Writing(exchange, request_id)
        writing.note(body)
        message = choices[0].get("message")
        writing.take(message if isinstance(message, dict) else {}, choices[0].get("finish_reason"))
        return writing.answer(is_terminated=True)

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text as it comes and then the whole answer; raise ProviderFault."""
        send = self._client().chat.completions.with_streaming_response
        exchange = self._exchange(request.deadline_s, streaming=True)
        arguments = self._arguments(request) | {"stream": True, "stream_options": {"include_usage": True}}
        with exchange.open(lambda: send.create(**arguments)) as response:
            writing = _Writing(exchange, response.headers.get("x-request-id"))
            is_terminated = False
            for event in exchange.events(response):
                if event is None:
                    is_terminated = True
                    break
                writing.note(event)
                choices = event.get("choices")
                if isinstance(choices, list) and choices and isinstance(choices[0], dict):  # the chunk with the usage has none
                    delta = choices[0].get("delta")
                    text = writing.take(delta if isinstance(delta, dict) else {}, choices[0].get("finish_reason"))
                    if text:
                        yield TextDelta(text)
        yield Finished(writing.answer(is_terminated))

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Return a vector for each text; raise ProviderFault."""
        send = self._client().embeddings.with_streaming_response
        watch = Watch(self._model.timeouts, deadline_s, streaming=False)
        exchange = Exchange(self._model.provider, openai, watch, _LARGEST_EMBEDDINGS)
        with exchange.open(lambda: send.create(model=self._model.model, input=list(texts), encoding_format="float")) as response:
            body = exchange.body(response)
        try:
            rows = sorted(body["data"], key=lambda row: row["index"])
            vectors = tuple(tuple(float(value) for value in row["embedding"]) for row in rows)
        except (KeyError, TypeError, ValueError):
            raise exchange.fault("malformed", "the answer holds no embeddings") from None
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) > 1:
            raise exchange.fault("malformed", f"{len(texts)} texts, {len(vectors)} vectors, or vectors of several lengths")
        return Embeddings(vectors, _usage(body), _text(body.get("model")))

    def _exchange(self, deadline_s: float | None, *, streaming: bool) -> Exchange:
        return Exchange(self._model.provider, openai, Watch(self._model.timeouts, deadline_s, streaming=streaming))

    def _client(self) -> openai.OpenAI:
        where = endpoint(self._model, self._environ)
        return openai.OpenAI(
            api_key=where.key.reveal() if where.key else NO_KEY,
            base_url=where.base_url or "https://api.openai.com/v1",  # given, so that the SDK reads no variable by itself
            max_retries=0,
            http_client=self._http,
        )

    def _arguments(self, request: Request) -> dict[str, Any]:
        asked = request.parameters or self._model.parameters
        # OpenAI's newer models refuse max_tokens; servers of one's own often know nothing else.
        limit = "max_tokens" if endpoint(self._model, self._environ).base_url else "max_completion_tokens"
        arguments: dict[str, Any] = {
            "model": self._model.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            limit: asked.max_output_tokens,
            "seed": asked.seed,
            "stop": asked.stop or None,
            "extra_body": asked.extra or None,
        }
        if request.json_schema is not None:
            arguments["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(request.json_schema)}}
        return {name: value for name, value in arguments.items() if value is not None}


class _Writing:
    """The answer as it is put together from one body or from many events."""

    def __init__(self, exchange: Exchange, request_id: str | None) -> None:
        self._exchange = exchange
        self._request_id = request_id
        self._texts: list[str] = []
        self._refusal = ""
        self._finish: str | None = None
        self._usage = Usage()
        self._model: str | None = None

    def note(self, body: Mapping[str, Any]) -> None:
        """Keep the model and the usage where a body or an event has them."""
        self._model = _text(body.get("model")) or self._model
        if isinstance(body.get("usage"), dict):
            self._usage = _usage(body)

    def take(self, part: Mapping[str, Any], finish: object) -> str:
        """Add a message or a delta; return its text."""
        text = part.get("content")
        text = text if isinstance(text, str) else ""
        self._texts.append(text)
        self._refusal += _text(part.get("refusal")) or ""
        self._finish = _text(finish) or self._finish
        return text

    def answer(self, is_terminated: bool) -> Answer:
        """Return the answer; raise the fault when it is not proven complete."""
        fault, text = self._exchange.fault, "".join(self._texts)
        if self._finish == "content_filter":
            raise fault("content_filtered", "the provider's content filter stopped the answer", usage=self._usage)
        if self._finish is None or not is_terminated:
            raise fault("truncated", "the answer ended without a finish reason and a terminator", usage=self._usage)
        if self._refusal:
            raise fault("refusal", f"the model refused: {self._refusal}", usage=self._usage)
        if self._finish not in _FINISHES:
            raise fault("malformed", f"unknown finish reason {self._finish!r}", usage=self._usage)
        if not text.strip():
            raise fault("empty", "the answer is empty", usage=self._usage)
        return Answer(text, _FINISHES[self._finish], self._usage, self._model, self._request_id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


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
