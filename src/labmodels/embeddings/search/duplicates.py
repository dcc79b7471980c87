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
    """Return the first `count` chunks that differ, each with those after it that say the same elsewhere."""
    kept: list[tuple[StoredChunk, list[StoredChunk]]] = []
    for chunk in chunks:
        known = next(((first, others) for first, others in kept if _is_same(first, chunk)), None)
        if known is None:
            if len(kept) < count:
                kept.append((chunk, []))
        elif not any(_is_same_place(one, chunk) for one in (known[0], *known[1])):
            known[1].append(chunk)
    return [(chunk, tuple(others)) for chunk, others in kept]


def _is_same(first: StoredChunk, chunk: StoredChunk) -> bool:
    if first.hash == chunk.hash or _is_same_place(first, chunk):
        return True
    one, other = _shingles(first.text), _shingles(chunk.text)
    smaller, larger = sorted((len(one), len(other)))
    if not smaller or smaller < ALIKE * larger:
        return False
    common = len(one & other)
    return common >= ALIKE * (smaller + larger - common)


def _is_same_place(first: StoredChunk, chunk: StoredChunk) -> bool:
    """Whether two chunks share a line: the same file may be in several domains, each of which cuts it as it likes."""
    return first.path == chunk.path and first.line <= chunk.end_line and chunk.line <= first.end_line


@lru_cache(maxsize=4096)
def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    spoken = words(text)
    return frozenset(tuple(spoken[at : at + _SHINGLE]) for at in range(max(len(spoken) - _SHINGLE + 1, 1))) if spoken else frozenset()
