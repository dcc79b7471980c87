"""BM25 over passages, with light stemming and the headings as context. The files are read at each query, so that what is
quoted stands there now; `only` narrows them to those that an index names.

BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, k1 = 1.2, b = 0.75. A term of a
heading counts in every passage below it: "how do I roll back?" is answered by the steps, which rarely repeat their title.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labmodels.embeddings.chunking.chunk import Chunk
from labmodels.embeddings.chunking.markdown import passages
from labmodels.embeddings.documents import documents
from labmodels.words import terms, with_pairs

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import EmbeddingDomain

_K1, _B = 1.2, 0.75
_NEAREST_HEADING, _OUTER_HEADING = 2.0, 0.7  # how often a heading's term counts as if the passage held it
_LONGEST_REST = 20  # passages; a section beyond that is no procedure


def retrieve(root: Path, domains: Sequence[EmbeddingDomain], query: str, k: int, only: Collection[str] | None = None) -> list[Chunk]:
    """Return the `k` passages of all `domains` that speak most of the query, the best first; then the rest of the best one's section.

    `only`: the paths that are looked at; None is all. A procedure alternates steps and commands, each a passage: cut off at `k`, it
    would be given without its last steps.
    """
    read = {document.path: document for domain in domains for document in documents(root, domain, only)}
    found = [passage for document in read.values() for passage in passages(document)]
    best = rank(query, found, k)
    rest = [one for one in found if best and (one.path, one.trail) == (best[0].path, best[0].trail) and one not in best]
    return best + rest[:_LONGEST_REST]


def rank(query: str, candidates: Sequence[Chunk], k: int) -> list[Chunk]:
    """Return the `k` passages that score highest, equal scores in their given order; those without any term are left out."""
    asked = list(dict.fromkeys(with_pairs(terms(query))))  # in order: the same sum, to the last bit, at every call
    counts, lengths = _counted(candidates, frozenset(asked))
    average = sum(lengths) / len(lengths) if lengths else 1.0
    held = {term: sum(term in count for count in counts) for term in asked}
    weights = {term: math.log(1 + (len(counts) - n + 0.5) / (n + 0.5)) for term, n in held.items()}
    scored = []
    for position, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        norm = _K1 * (1 - _B + _B * length / (average or 1.0))
        score = sum(weights[term] * count[term] * (_K1 + 1) / (count[term] + norm) for term in asked if term in count)
        if score > 0:
            scored.append((-score, position))
    return [candidates[position] for _, position in sorted(scored)[:k]]


def _counted(candidates: Sequence[Chunk], asked: frozenset[str]) -> tuple[list[dict[str, float]], list[int]]:
    """Return how often each passage, its headings included, holds each asked term, and how many terms it has."""
    counts: list[dict[str, float]] = []
    lengths: list[int] = []
    for passage in candidates:
        stems = terms(passage.text)
        lengths.append(len(stems))
        count: dict[str, float] = {}
        _count(stems, asked, 1.0, count)
        for depth, heading in enumerate(reversed(passage.trail)):
            _count(terms(heading), asked, _OUTER_HEADING if depth else _NEAREST_HEADING, count)
        counts.append(count)
    return counts, lengths


def _count(stems: list[str], asked: frozenset[str], each: float, count: dict[str, float]) -> None:
    for term in with_pairs(stems):
        if term in asked:
            count[term] = count.get(term, 0.0) + each
