"""What the lab's own indexes and encoder do for those who answer: which files speak of a question, and vectors of a text.

Built at the first use and kept; one caller at a time, since an encoder holds its buffers.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from labmodels.errors import LabmodelsError
from labmodels.lab import Lab
from labmodels.providers.protocol import Answer, Embeddings, ProviderFault, Request, StreamEvent, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labmodels.wiring.search import LabSearch

_HITS = 12  # passages; they lie in a handful of files


class Indexed:
    """One environment's indexes, in the hands of several threads."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self._lab, self._environment = lab, environment
        self._lock = threading.Lock()
        self._search: LabSearch | None = None

    def paths(self, query: str, domains: Sequence[str]) -> Collection[str] | None:
        """Return the files that speak of `query`, by the indexes of `domains`; None where these cannot say: all are to be read then."""
        with self._lock:
            try:
                found = self._opened().search(query, domains, count=_HITS)
            except (LabmodelsError, ImportError):
                return None
            return {chunk.path for hit in found.hits for chunk in (hit.chunk, *hit.also)}

    def embed(self, name: str, texts: Sequence[str]) -> Embeddings:
        """Return vectors of the embedding model `name`. Raises what its encoder does, and context_overflow for a text that is cut."""
        with self._lock:
            indexes = self._opened().indexes
            encoder = indexes.encoder(next(index for index in indexes.all.values() if index.model.name == name))
            counts = [encoder.count(text) for text in texts]
            for number, count in enumerate(counts):
                if count > encoder.max_tokens:
                    what = f"text {number} has {count} tokens, and {name} takes {encoder.max_tokens}"
                    raise ProviderFault("context_overflow", f"{name}: {what}")
            vectors = encoder.documents(list(texts))
        return Embeddings(tuple(map(tuple, vectors.tolist())), Usage(sum(counts), 0, 0, 0), name)

    def close(self) -> None:
        """Close what was opened."""
        if self._search is not None:
            self._search.close()

    def _opened(self) -> LabSearch:
        if self._search is None:
            from labmodels.wiring.search import LabSearch

            self._search = LabSearch(self._lab, self._environment)
        return self._search


class OwnEncoder:
    """The lab's own encoder as a provider: it gives vectors and answers nothing."""

    def __init__(self, indexed: Indexed, name: str) -> None:
        self._indexed, self._name = indexed, name

    def complete(self, request: Request) -> Answer:
        """Raise invalid_request: it has no words."""
        raise ProviderFault("invalid_request", f"{self._name}: it has vectors, and no answers")

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """Raise invalid_request: it has no words."""
        raise ProviderFault("invalid_request", f"{self._name}: it has vectors, and no answers")

    def embed(self, texts: Sequence[str], deadline_s: float | None = None) -> Embeddings:
        """Return a vector for each text."""
        return self._indexed.embed(self._name, texts)
