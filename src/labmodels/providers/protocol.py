"""The protocol that every provider keeps: what is asked, what comes back, and the one kind of fault.

A provider asks its service once, proves that the answer is complete, and says what went wrong in the words of the decision
table. Retries, fallback, checks of the output and the ledger belong to the router.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from labmodels.secrets import redact

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import ErrorClass
    from labmodels.config.schema.language_model import Parameters

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls"]
_LONGEST_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a message of several parts."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a message: an https address, or a `data:` URL that holds it."""

    url: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model wants called. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. A `tool` turn answers the call `tool_call_id`; only an assistant's has `tool_calls`."""

    role: Role
    content: str | tuple[Text | Image, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The text of all parts."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The images among the parts."""
        return () if isinstance(self.content, str) else tuple(part for part in self.content if isinstance(part, Image))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to have called; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked.

    `parameters` None: as the model's config says. `tool_choice`: auto, none, required, or `tool:NAME`; `has_parallel_calls`: whether an
    answer may hold several calls. `deadline_s` bounds the whole call; None: only the config's timeouts do.
    """

    messages: tuple[Message, ...]
    domain: str = ""
    parameters: Parameters | None = None
    json_schema: Mapping[str, Any] | None = None
    deadline_s: float | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    has_parallel_calls: bool = True

    @property
    def query(self) -> str:
        """The last thing the user said."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by class; None is unknown. `input_tokens` includes the cached ones, `output_tokens` the reasoning."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a quoted text stands; lines count from 1 and `end_line` is the last one."""

    path: str
    line: int
    end_line: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: the provider said how it ended. `finish` length means that a limit of the request cut it."""

    text: str
    finish: Finish
    usage: Usage = Usage()
    model_returned: str | None = None
    provider_request_id: str | None = None
    sources: tuple[Source, ...] = ()
    degraded: bool = False
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A further piece of the `index`-th tool call: its id and name come with the first, its arguments in pieces."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream, only after its terminator: the whole answer."""

    answer: Answer


Delta = TextDelta | ToolCallDelta
StreamEvent = Delta | Finished


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector a text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = Usage()
    model_returned: str | None = None


class ProviderFault(Exception):
    """A try that gave no answer: a class of the decision table, and a message that was redacted when it was built."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        text = " ".join(redact(message).split())
        super().__init__(text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 3] + "...")
        self.error_class: ErrorClass = error_class
        self.status = status
        self.retry_after_s = retry_after_s
        self.usage = usage  # what was billed although it failed, where the provider said so


class Provider(Protocol):
    """What the router asks. Every method raises ProviderFault for what the service did, and nothing else."""

    def complete(self, request: Request) -> Answer:
        """Return the whole answer."""

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Yield the text as it comes; end with Finished, or raise."""

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Return a vector for each text."""
