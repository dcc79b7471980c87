"""A link and its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from labmodels.embeddings.stored import IndexReader, StoredChunk

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    from labmodels.embeddings.links.signs import SignKind


@dataclass(frozen=True, slots=True)
class Mention:
    """Both passages name `name`; `role` is what the other one does with it."""

    kind: SignKind
    name: str
    role: Literal["defines", "mentions", "is"]
    line: int  # where, in the other passage


@dataclass(frozen=True, slots=True)
class Nearness:
    """Each passage is among the nearest to the other in the other's domain."""

    cosine: float
    rank: int  # of the other passage among the nearest of its domain
    rank_back: int  # of this passage among the nearest of its own domain to the other


@dataclass(frozen=True, slots=True)
class Link:
    """Another passage that speaks of the same, and why that is said."""

    chunk: StoredChunk
    mentions: tuple[Mention, ...] = ()
    nearness: Nearness | None = None


class LinkReader(IndexReader, Protocol):
    """What links need beyond a search."""

    def at(self, path: str, line: int) -> list[StoredChunk]:
        """Return the live chunks of every domain that hold a line of a file."""

    def vectors(self, ids: Collection[int]) -> Mapping[int, NDArray[float32]]:
        """Return the vectors of chunks by their ids, of length 1; those that have none are left out."""
