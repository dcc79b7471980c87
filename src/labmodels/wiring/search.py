"""Searches a lab's indexes as its configuration says: which domains there are, how scores are weighed, who encodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from labmodels.config.schema.embedding_model import SemanticSearch
from labmodels.embeddings.search.fusion import Weights
from labmodels.embeddings.search.gather import Mode, NoIndex, QueryEncoder
from labmodels.embeddings.search.query import Filters, Query, parsed
from labmodels.embeddings.search.search import Found, Scope, search
from labmodels.embeddings.store.reader import StoreReader
from labmodels.errors import Usage
from labmodels.wiring.embeddings import LabIndexes

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import Fusion
    from labmodels.embeddings.encoding.cross_encoder import CrossEncoder
    from labmodels.embeddings.links.link import Link
    from labmodels.embeddings.search.evaluation import Evaluation
    from labmodels.embeddings.search.judged import JudgedQuery
    from labmodels.embeddings.stored import StoredChunk
    from labmodels.lab import Lab


class LabSearch:
    """Searches one environment's indexes for as long as it is open; encoders are loaded once. Each search sees what is live then."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self.indexes = LabIndexes(lab, environment)

    def __enter__(self) -> LabSearch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what asks endpoints."""
        self.indexes.close()

    @cached_property
    def settings(self) -> SemanticSearch:
        """How a search runs, as configured."""
        effective = self.indexes.effective
        name = next(iter(effective.names("semantic_search")), None)
        return SemanticSearch.model_validate(effective.content.values(name)) if name else SemanticSearch(name="semantic_search")

    def search(
        self, text: str, domains: Sequence[str] = (), mode: Mode | None = None, where: Sequence[str] = (), count: int | None = None
    ) -> Found:
        """Return what answers `text` in `domains`, else in all that have an index. `where`: path:GLOB, kind:NAME or domain:NAME each."""
        query = self._parsed(text)
        for wish in where:
            query = replace(query, filters=query.filters & _filters(wish))
        with self._reader() as reader:
            scope = self._scope(reader, (*domains, *query.filters.domains), mode, count)
            found = search(reader, query, scope, self._encoder, self._rerank if self.settings.reranker else None)
            return replace(found, notes=(*found.notes, *reader.faults))

    def evaluate(self, judged: Sequence[JudgedQuery], domain: str, count: int = 10) -> Evaluation:
        """Measure the search of a domain on judged queries."""
        from labmodels.embeddings.search.evaluation import evaluate

        with self._reader() as reader:
            return evaluate(reader, judged, self._scope(reader, (domain,), "hybrid", count), self._encoder, self._parsed)

    def links(self, path: str, line: int, domains: Sequence[str] = ()) -> tuple[StoredChunk, tuple[Link, ...]]:
        """Return the passage at a line of a file, and what else speaks of it in `domains`, else in all that have an index."""
        from labmodels.embeddings.links.links import links

        with self._reader() as reader:
            return links(reader, path, line, self._scope(reader, domains).domains)

    def _reader(self) -> StoreReader:
        return StoreReader(self.indexes.folder)

    def _parsed(self, text: str) -> Query:
        return parsed(text, self.settings.synonyms)

    def _scope(self, reader: StoreReader, domains: Sequence[str], mode: Mode | None = None, count: int | None = None) -> Scope:
        """Return where and how is searched. Raises Usage for a domain that is not configured, NoIndex where none has an index."""
        built = reader.domains()
        asked = tuple(self.indexes.of(domain).domain for domain in dict.fromkeys(domains))
        chosen = asked or tuple(domain for domain in self.indexes.all if domain in built)
        if not chosen:
            raise NoIndex.of(())
        settings = self.settings
        own = {domain: _weights(fusion) for domain, fusion in settings.domain_weights.items()}
        return Scope(chosen, mode or settings.mode, count or settings.results, _weights(settings.fusion), own)

    def _rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        return self._cross_encoder.scores(query, texts)

    @cached_property
    def _cross_encoder(self) -> CrossEncoder:
        from labmodels.embeddings.encoding.cross_encoder import cross_encoder_of

        return cross_encoder_of(self.settings.reranker, self.indexes.lab.root)

    def _encoder(self, domain: str) -> QueryEncoder:
        return self.indexes.encoder(self.indexes.of(domain), for_query=True)


def _weights(fusion: Fusion) -> Weights:
    return Weights(fusion.lexical, fusion.dense)


def _filters(wish: str) -> Filters:
    query = parsed(wish)
    if query.text or query.filters == Filters():
        raise Usage(f"--where {wish} is no filter", hint="path:docs/**, kind:code or domain:documentation")
    return query.filters
