"""What both wire formats have in common: what they make of a request, and how an answer's own facts stand beside the format's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from labmodels.providers.protocol import Image, Text

if TYPE_CHECKING:
    from labmodels.gateway.backend import Listed
    from labmodels.gateway.faults import Fault
    from labmodels.gateway.fields import Fields
    from labmodels.providers.protocol import Delta
    from labmodels.router.outcome import Began, Outcome
    from labmodels.router.question import Question


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that was read: what is asked, by which name, and how the client wants it."""

    question: Question
    model: str
    is_streamed: bool = False
    has_usage_chunk: bool = False


class Writer(Protocol):
    """Writes one streamed answer as server-sent events."""

    def began(self) -> bytes:
        """Return what comes before the first output."""

    def delta(self, event: Delta) -> bytes:
        """Return a further piece of the answer."""

    def ended(self, outcome: Outcome, switches: int) -> bytes:
        """Return the end of a whole answer. `switches`: how often another candidate went on."""


class Wire(Protocol):
    """One wire format."""

    ping: bytes  # says on a silent stream that the gateway lives

    def wanted(self, body: Fields) -> Wanted:
        """Return what a request wants; raise Fault."""

    def answer(self, wanted: Wanted, outcome: Outcome) -> dict[str, Any]:
        """Return the body of a whole answer."""

    def writer(self, wanted: Wanted, began: Began) -> Writer:
        """Return what writes a streamed answer."""

    def status(self, fault: Fault) -> int:
        """Return the status of an error."""

    def error(self, fault: Fault) -> dict[str, Any]:
        """Return the body of an error."""

    def error_event(self, fault: Fault) -> bytes:
        """Return what ends a stream that broke off."""

    def listing(self, models: Sequence[Listed]) -> dict[str, Any]:
        """Return the body of a list of models."""

    def model(self, listed: Listed) -> dict[str, Any]:
        """Return the body of one model."""


def content_of(parts: Sequence[Text | Image]) -> str | tuple[Text | Image, ...]:
    """Return the content of a message; one text stands by itself, since servers of one's own often take nothing else."""
    if not parts:
        return ""
    only = parts[0]
    return only.text if len(parts) == 1 and isinstance(only, Text) else tuple(parts)


def own_facts(outcome: Outcome, switches: int = 0) -> dict[str, Any]:
    """Return the `labmodels` object of an answer: what no wire format has a place for."""
    facts: dict[str, Any] = {
        "request_id": outcome.request_id,
        "candidate": outcome.attempts[-1].candidate,
        "degraded": outcome.answer.degraded,
        "attempts": [
            {"candidate": one.candidate, "outcome": one.outcome, "error_class": one.error_class, "reason": one.reason}
            for one in outcome.attempts
        ],
        "sources": [{"path": one.path, "line": one.line, "end_line": one.end_line, "text": one.text} for one in outcome.answer.sources],
    }
    if switches:
        facts["switches"] = switches
    return facts
