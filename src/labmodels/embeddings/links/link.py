"""A link and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labmodels.embeddings.stored import StoredChunk

if TYPE_CHECKING:
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
