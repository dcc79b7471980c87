"""Leaves one hit a passage: what says the same as a better hit is named by its place there, and takes no rank of its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from labmodels.embeddings.stored import StoredChunk
from labmodels.words import words

ALIKE = 0.8
"""From this share of common word triples on, two passages are one: a copied page with another date, a table of contents twice."""

_SHINGLE = 3


def distinct(chunks: Iterable[StoredChunk], count: int) -> list[tuple[StoredChunk, tuple[StoredChunk, ...]]]:
    """Return the first `count` chunks that differ, each with the later ones that say the same."""
    kept: list[tuple[StoredChunk, frozenset[tuple[str, ...]], list[StoredChunk]]] = []
    for chunk in chunks:
        shingles = _shingles(chunk.text)
        twins = next((others for first, known, others in kept if _is_same(first, known, chunk, shingles)), None)
        if twins is not None:
            twins.append(chunk)
        elif len(kept) < count:
            kept.append((chunk, shingles, []))
    return [(chunk, tuple(others)) for chunk, _, others in kept]


def _is_same(first: StoredChunk, known: frozenset[tuple[str, ...]], chunk: StoredChunk, shingles: frozenset[tuple[str, ...]]) -> bool:
    if first.hash == chunk.hash or (first.path == chunk.path and first.line <= chunk.end_line and chunk.line <= first.end_line):
        return True
    smaller, larger = sorted((len(known), len(shingles)))
    if smaller < ALIKE * larger or not larger:
        return False
    common = len(known & shingles)
    return common >= ALIKE * (smaller + larger - common)


@lru_cache(maxsize=4096)
def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    spoken = words(text)
    return frozenset(tuple(spoken[at : at + _SHINGLE]) for at in range(max(len(spoken) - _SHINGLE + 1, 1))) if spoken else frozenset()
