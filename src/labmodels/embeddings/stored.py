"""What an index holds, as those who search it see it: values, and the reader that a store offers. Neither writes nor decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The index of a domain as it is now. `space` is the fingerprint of its encoder: vectors of another one say nothing here."""

    domain: str
    generation: int
    space: str
    dimensions: int
    chunk_count: int
    updated_at: str  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk where it stands: lines count from 1, `end_line` is the last one; `trail` are the headings, scopes or keys above it."""

    id: int
    domain: str
    path: str
    line: int
    end_line: int
    text: str
    kind: str
    trail: tuple[str, ...]
    symbols: tuple[str, ...]
    hash: str


class IndexReader(Protocol):
    """One consistent look at the indexes; scores are higher for the better."""

    def live(self, domain: str) -> LiveIndex | None:
        """Return the index of `domain`; None when it was never built."""

    def chunks(self, ids: Collection[int]) -> Mapping[int, StoredChunk]:
        """Return chunks by their ids; one that has gone is left out."""

    def lexical(self, domain: str, expression: str, limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        """Return the ids of the chunks that match an FTS5 expression, with their BM25 scores, the best first; `paths` are globs."""

    def dense(self, domain: str, query: NDArray[float32], limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        """Return the ids of the nearest chunks with their cosines, the best first. Raises where the index is of another space."""

    def at(self, domain: str, path: str, line: int) -> list[StoredChunk]:
        """Return the chunks of `domain` that hold a line of a file, in the order of their lines."""

    def vectors(self, ids: Collection[int]) -> Mapping[int, NDArray[float32]]:
        """Return the vectors of chunks by their ids, of length 1; one that has gone is left out."""
