"""llama.cpp in this process: a GGUF file answers without a server and without a network.

A llama.cpp server at a base_url speaks OpenAI's wire format and is asked through `openai`. Loading and sampling are `gguf_model`'s;
here is what a request means to the model, what its answer is, and the limits on its time. It takes text alone: no tools, no images.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from labmodels.providers.deadline import Watch
from labmodels.providers.endpoint import weights_file
from labmodels.providers.gguf_model import CannotLoad, GgufModel, Loading, UnfitMessages, load
from labmodels.providers.grammar import Inexpressible, grammar_of
from labmodels.providers.protocol import Answer, Embeddings, Finish, Finished, Message, ProviderFault, Request, StreamEvent, TextDelta
from labmodels.providers.protocol import Usage as Tokens

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import LanguageModel, Parameters

# What `parameters.extra` may hold: llama.cpp's own names.
_EXTRA = {"top_k", "min_p", "typical_p", "repeat_penalty", "frequency_penalty", "presence_penalty"}


_ONE_A_CHARACTER = "labmodels.one_a_character"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Stand for a broken character by one U+FFFD, not by one a byte: a grammar counts characters."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    is_continuation = error.object[error.start] & 0xC0 == 0x80
    return "" if is_continuation else "\ufffd", error.end


codecs.register_error(_ONE_A_CHARACTER, _replaced)


class LlamaCpp:
    """A model whose `weights` are loaded into this process at its first use."""

    def __init__(self, model: LanguageModel, environ: Mapping[str, str] | None = None) -> None:
        self._model = model
        self._environ = environ

    def complete(self, request: Request) -> Answer:
        """Return the whole answer; raise ProviderFault."""
        for event in self.stream(request):
            if isinstance(event, Finished):
                return event.answer
        raise _fault("truncated", "the stream ended without an answer")

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text as it comes and then the whole answer; raise ProviderFault. Closing the stream stops the model."""
        watch = Watch(self._model.timeouts, request.deadline_s, streaming=True)
        asked = request.parameters or self._model.parameters
        sampling, grammar = _sampling(asked), _grammar(request)
        _require_text(request)
        gguf = self._loaded(watch)
        if grammar is not None and not gguf.takes(grammar):
            raise _fault("invalid_request", "llama.cpp does not take the grammar of the JSON schema")
        prompt = _prompt(gguf, [_as_dict(message) for message in request.messages])
        limit = self._limit(gguf, len(prompt), asked)
        writing = _Writing((*asked.stop, *gguf.stop))
        with _held(gguf, watch), closing(gguf.generate(prompt, asked.seed, grammar, sampling, lambda: _check(watch))) as tokens:
            yield from _written(gguf, tokens, limit, writing, watch)
        if rest := writing.rest():
            yield TextDelta(rest)
        usage = Tokens(input_tokens=len(prompt), output_tokens=writing.tokens)
        if not writing.text.strip():
            raise _fault("empty", "the answer is empty", usage=usage)
        yield Finished(Answer(writing.text, writing.finish, usage, gguf.name))

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Raise invalid_request: a model that answers is loaded without its embeddings."""
        raise _fault("invalid_request", "a model loaded in this process has no embeddings")

    def _loaded(self, watch: Watch) -> GgufModel:
        weights, path = self._model.weights, weights_file(self._model, self._environ)
        if weights is None or path is None:
            raise _fault("connection", "no weights are set")
        try:
            gguf = load(Loading(path, self._model.context_tokens, weights.threads, weights.gpu_layers), watch.left_s())
        except CannotLoad as error:  # as good as a server that is not there: nothing about the request, and it may come back
            raise _fault("connection", str(error)) from None
        if gguf is None:
            raise _fault(watch.exceeded(), "another model is still being loaded")
        _check(watch)  # loading cannot be cut short; the next request finds the model loaded
        return gguf

    def _limit(self, gguf: GgufModel, prompt_tokens: int, asked: Parameters) -> int:
        """Return how many tokens may be written. Raises context_overflow when what was asked for does not fit behind the prompt."""
        left = gguf.context_tokens - prompt_tokens
        if left < (asked.max_output_tokens or 1):
            wanted = f"{prompt_tokens} tokens of prompt and {asked.max_output_tokens or 1} of answer"
            raise _fault("context_overflow", f"{wanted} do not fit into a context of {gguf.context_tokens}")
        return asked.max_output_tokens or min(left, self._model.max_output_tokens or left)


class _Writing:
    """The answer as its bytes come: characters are put together over tokens, and a stop sequence is never shown."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.text = ""
        self.tokens = 0
        self.finish: Finish = "length"  # until something says that it is complete
        self._stop = [sequence for sequence in stop if sequence]
        self._decoder = codecs.getincrementaldecoder("utf-8")(_ONE_A_CHARACTER)
        self._held = ""  # what may be the beginning of a stop sequence

    def take(self, piece: bytes) -> str:
        """Add the bytes of a token; return the text that is certain by now."""
        self.tokens += 1
        return self._add(self._decoder.decode(piece))

    def rest(self) -> str:
        """Return what was held back once no further token comes."""
        text = self._add(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        self.text += held
        return text + held

    def _add(self, text: str) -> str:
        pending = self._held + text
        found = [at for sequence in self._stop if (at := pending.find(sequence)) >= 0]
        if found:
            self.finish = "stop"
            self._decoder.reset()  # half a character behind the stop sequence
        certain = min(found) if found else len(pending) - _begun(pending, self._stop)
        self._held = "" if found else pending[certain:]
        self.text += pending[:certain]
        return pending[:certain]


def _begun(text: str, stop: Sequence[str]) -> int:
    """Return how many characters at the end of `text` may be the beginning of a stop sequence."""
    longest = max(map(len, stop), default=0)
    return next((n for n in range(min(longest - 1, len(text)), 0, -1) if any(s.startswith(text[-n:]) for s in stop)), 0)


def _written(gguf: GgufModel, tokens: Iterator[int], limit: int, writing: _Writing, watch: Watch) -> Iterator[TextDelta]:
    """Yield the text of the tokens until one says that it is complete, a stop sequence or the limit is reached, or time is over."""
    for token in _translated(tokens):
        _check(watch)
        piece = gguf.piece(token)
        watch.wrote(piece.decode("utf-8", "replace") or " ")  # a token of no text is progress, too
        if gguf.ends(token):
            writing.finish = "stop"
            return
        if text := writing.take(piece):
            watch.pause()  # what the reader takes to come back is not the model's silence
            yield TextDelta(text)
            watch.resume()
        if writing.finish == "stop" or writing.tokens >= limit:
            return


def _translated(tokens: Iterator[int]) -> Iterator[int]:
    try:
        yield from tokens
    except RuntimeError as error:
        raise _fault("connection", f"llama.cpp failed: {error}") from None


@contextmanager
def _held(gguf: GgufModel, watch: Watch) -> Iterator[None]:
    """Hold the model alone; whoever waits for it waits for a first token."""
    if not gguf.lock.acquire(timeout=max(watch.left_s(), 0)):
        raise _fault(watch.exceeded(), "the model was busy with other requests")
    try:
        yield
    finally:
        gguf.lock.release()


def _check(watch: Watch) -> None:
    if watch.left_s() <= 0:
        raise _fault(watch.exceeded(), "no token in time, or not done in time")


def _sampling(asked: Parameters) -> dict[str, Any]:
    """Return the arguments of the sampler. Raises invalid_request for what it does not know."""
    for name, value in asked.extra.items():
        if name not in _EXTRA or isinstance(value, bool) or not isinstance(value, int | float):
            raise _fault("invalid_request", f"parameters.extra.{name} is not one of {', '.join(sorted(_EXTRA))}, or no number")
    named = {"temp": asked.temperature, "top_p": asked.top_p, **asked.extra}
    return {name: value for name, value in named.items() if value is not None}


def _grammar(request: Request) -> str | None:
    if request.json_schema is None:
        return None
    try:
        return grammar_of(request.json_schema)
    except Inexpressible as what:
        # The request is fine and another model may honour it: not a class that ends the route.
        raise _fault("check_failed", f"no grammar holds an answer to this JSON schema: {what}") from None


def _require_text(request: Request) -> None:
    if request.tools and request.tool_choice != "none":
        raise _fault("invalid_request", "a model loaded in this process takes no tools; llama-server does, by its base_url")
    if any(message.images for message in request.messages):
        raise _fault("invalid_request", "a model loaded in this process takes no images; llama-server does, by its base_url")


def _prompt(gguf: GgufModel, messages: Sequence[Mapping[str, Any]]) -> list[int]:
    try:
        return gguf.prompt(messages)
    except UnfitMessages as error:
        raise _fault("invalid_request", str(error)) from None


def _as_dict(message: Message) -> dict[str, Any]:
    """Return a message as chat templates know it; the arguments of a call are an object to them, not its JSON."""
    told: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        calls = [{"name": call.name, "arguments": _object(call.arguments)} for call in message.tool_calls]
        ids = [call.id for call in message.tool_calls]
        told["tool_calls"] = [{"id": id_, "type": "function", "function": call} for id_, call in zip(ids, calls, strict=True)]
    return told if message.tool_call_id is None else told | {"tool_call_id": message.tool_call_id}


def _object(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _fault(error_class: ErrorClass, message: str, *, usage: Tokens | None = None) -> ProviderFault:
    return ProviderFault(error_class, f"llama_cpp: {message}", usage=usage)
