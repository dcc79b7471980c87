"""Answers a query from the indexes of some domains: joins what words and vectors find, and leaves one hit a passage.

Which domains, which weights and which encoder are the caller's. Where vectors cannot be had, words answer alone and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from labmodels.embeddings.chunking.chunk import under
from labmodels.embeddings.search.duplicates import distinct
from labmodels.embeddings.search.fusion import DEFAULT_WEIGHTS, Place, Weights, fuse
from labmodels.embeddings.search.gather import EncoderOf, Gathered, Mode, gather
from labmodels.embeddings.search.query import Query, holds_phrase
from labmodels.embeddings.search.snippets import SnippetLine, snippet
from labmodels.embeddings.stored import IndexReader, LiveIndex, StoredChunk
from labmodels.errors import LabmodelsError

RERANKED = 30  # hits that a cross-encoder reads
_LOOKED_AT = 100  # of the joint ranking; places of the same text beyond that are not named


Rerank = Callable[[str, Sequence[str]], Sequence[float]]
"""Scores texts that were read together with a query; more is better."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and how is searched. A domain is weighed by `weights`, unless `domain_weights` has its own."""

    domains: tuple[str, ...]
    mode: Mode = "hybrid"
    count: int = 10
    weights: Weights = DEFAULT_WEIGHTS
    domain_weights: Mapping[str, Weights] = field(default_factory=dict)

    def weights_of(self, domain: str) -> Weights:
        """Return how lexical and dense scores of a domain are weighed."""
        return self.domain_weights.get(domain, self.weights)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers: where it stands, its place in both lists, and the places that say the same."""

    chunk: StoredChunk
    score: float
    lexical: Place | None
    dense: Place | None
    snippet: tuple[SnippetLine, ...]
    also: tuple[StoredChunk, ...] = ()
    reranked: float | None = None  # a cross-encoder's score, which the order then follows

    @property
    def place(self) -> str:
        """Where its snippet begins, as editors take it."""
        return f"{self.chunk.path}:{self.snippet[0].number}"


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the hits, the indexes that were searched, and what the searcher should know of how they were."""

    query: Query
    mode: Mode  # as it was searched in the end
    hits: tuple[Hit, ...]
    indexes: tuple[LiveIndex, ...]
    notes: tuple[str, ...] = ()


def search(reader: IndexReader, query: Query, scope: Scope, encoder_of: EncoderOf, rerank: Rerank | None = None) -> Found:
    """Return the hits of a query, the best first. Raises NoIndex; in mode dense also whatever keeps vectors away.

    Where `rerank` cannot score, the order stays as it was, and a note says so.
    """
    notes = ["the query is long: only its first words were searched"] if query.is_cut else []

    def without_vectors(error: LabmodelsError) -> None:
        if scope.mode == "dense":
            raise error
        notes.append(f"searched by words alone: {error}{f'; {error.hint}' if error.hint else ''}")

    if not query.text:
        notes.append("the query has no words")
    gathered = gather(reader, query, scope.domains, scope.mode, encoder_of, without_vectors)
    if rerank is None or scope.mode == "lexical":
        hits = ranked(reader, gathered, query, scope)
    else:
        hits = ranked(reader, gathered, query, replace(scope, count=max(scope.count, RERANKED)))
        try:
            hits = _reordered(hits, rerank(query.text, [under(hit.chunk.trail, hit.chunk.text) for hit in hits]))
        except LabmodelsError as error:
            notes.append(f"the order is that of the two lists: {error}{f'; {error.hint}' if error.hint else ''}")
        hits = hits[: scope.count]
    mode = "lexical" if notes and scope.mode == "hybrid" and not gathered.dense_domains else scope.mode
    return Found(query, mode, hits, gathered.indexes, tuple(dict.fromkeys(notes)))


def _reordered(hits: Sequence[Hit], scores: Sequence[float]) -> tuple[Hit, ...]:
    ordered = sorted(zip(hits, scores, strict=True), key=lambda read: -read[1])
    return tuple(replace(hit, reranked=score) for hit, score in ordered)


def ranked(reader: IndexReader, gathered: Gathered, query: Query, scope: Scope) -> tuple[Hit, ...]:
    """Return the hits of what was gathered under the weights of `scope`."""
    weights = {domain: _weights(scope, domain, gathered.dense_domains) for domain in set(gathered.domains.values())}
    fused = {one.id: one for one in fuse(gathered.lexical, gathered.dense, lambda id_: weights[gathered.domains[id_]])}
    admitted = islice(_admitted(reader, list(fused), query), max(_LOOKED_AT, 5 * scope.count))
    stems = query.stems
    hits = []
    for chunk, others in distinct(admitted, scope.count):
        one = fused[chunk.id]
        hits.append(Hit(chunk, one.score, one.lexical, one.dense, snippet(chunk, stems), others))
    return tuple(hits)


def _admitted(reader: IndexReader, ids: Sequence[int], query: Query) -> Iterator[StoredChunk]:
    """Yield the chunks of `ids`, in their order, that satisfy the query's filters and phrases; they are read as they are needed."""
    for first in range(0, len(ids), _LOOKED_AT):
        batch = ids[first : first + _LOOKED_AT]
        chunks = reader.chunks(batch)
        yield from (chunks[id_] for id_ in batch if id_ in chunks and _admits(query, chunks[id_]))


def _admits(query: Query, chunk: StoredChunk) -> bool:
    kinds = query.filters.kinds
    if kinds and chunk.kind not in kinds:
        return False
    return not query.phrases or holds_phrase("\n".join((*chunk.trail, chunk.text)), query.phrases)


def _weights(scope: Scope, domain: str, dense_domains: frozenset[str]) -> Weights:
    """Return the weights of a domain in this search: words count fully where there is nothing beside them."""
    if scope.mode == "dense":
        return Weights(0.0, 1.0)
    return scope.weights_of(domain) if scope.mode == "hybrid" and domain in dense_domains else Weights(1.0, 0.0)
