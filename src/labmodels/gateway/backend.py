"""What the gateway stands on: the router and the facts of the lab, handed in by wiring, which builds one for each process."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from labmodels.errors import Usage

if TYPE_CHECKING:
    from labmodels.ledger.callers import Key
    from labmodels.providers.protocol import Embeddings
    from labmodels.router.outcome import Outcome, RouteEvent
    from labmodels.router.question import Caller, Question

Kind = Literal["auto", "domain", "language_model", "custom", "embedding_model"]


class UnknownModel(Usage):
    """Nothing that is live has this name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that a request may ask for. `created_s`: when its release was made, in seconds since 1970."""

    name: str
    kind: Kind
    owned_by: str
    created_s: int


class Backend(Protocol):
    """The lab as the gateway sees it; every method is called from several threads, and raises LabmodelsError or ProviderFault."""

    def ask(self, question: Question) -> Outcome:
        """Return the whole answer."""

    def stream(self, question: Question) -> Generator[RouteEvent, None, None]:
        """Yield the answer as it comes; closing the generator ends the provider's call and books it."""

    def embed(self, texts: Sequence[str], model: str, caller: Caller | None) -> tuple[str, Embeddings]:
        """Return the config that answered and a vector for each text."""

    def models(self) -> Mapping[str, Listed]:
        """Return what is live now and can be asked for, by name."""

    def keys(self) -> Sequence[Key]:
        """Return every key that was ever made, the revoked ones included."""

    def live_label(self) -> str:
        """Return what is live, and prove that the ledger can be read."""

    def render_metrics(self) -> str:
        """Return further metrics in Prometheus's text format."""
