"""Joins what the words and what the vectors found into one ranking. Pure.

Each list is scaled to [0, 1] by its least and its greatest score, then weighted; a chunk that a list lacks has 0 there. Unlike
rank fusion it lost on no collection that was measured against the better of its two parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Scored = tuple[int, float]  # the id of a chunk, and its score: more is better


class Weights(NamedTuple):
    """The shares of the two scores; only their ratio counts."""

    lexical: float
    dense: float


DEFAULT_WEIGHTS = Weights(0.3, 0.7)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk stands in one list: its rank from 1, its score as it was found, and that score scaled to [0, 1]."""

    rank: int
    score: float
    scaled: float


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk in the joint ranking, with its place in each list; None where the list lacks it."""

    id: int
    score: float
    lexical: Place | None
    dense: Place | None


def fuse(lexical: Sequence[Scored], dense: Sequence[Scored], weights: Callable[[int], Weights]) -> list[Fused]:
    """Return the chunks of both lists, the best first, equal ones by their ids. `weights` says which hold for a chunk.

    A list whose weight is 0 finds nothing: what it alone holds is left out.
    """
    by_words, by_vectors = _places(lexical), _places(dense)
    fused = []
    for id_ in {**by_words, **by_vectors}:
        share = weights(id_)
        if (share.lexical > 0 and id_ in by_words) or (share.dense > 0 and id_ in by_vectors):
            fused.append(_fused(id_, by_words.get(id_), by_vectors.get(id_), share))
    return sorted(fused, key=lambda one: (-one.score, one.id))


def _places(found: Sequence[Scored]) -> dict[int, Place]:
    ordered = sorted(found, key=lambda one: (-one[1], one[0]))
    if not ordered:
        return {}
    highest, lowest = ordered[0][1], ordered[-1][1]
    spread = highest - lowest
    places: dict[int, Place] = {}
    for rank, (id_, score) in enumerate(ordered, 1):
        places.setdefault(id_, Place(rank, score, (score - lowest) / spread if spread > 0 else 1.0))
    return places


def _fused(id_: int, lexical: Place | None, dense: Place | None, weights: Weights) -> Fused:
    total = weights.lexical + weights.dense
    words = weights.lexical * lexical.scaled if lexical else 0.0
    vectors = weights.dense * dense.scaled if dense else 0.0
    return Fused(id_, (words + vectors) / total, lexical, dense)
