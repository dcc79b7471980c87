"""Searches a lab's indexes as one environment's live release says: which domains there are, how scores are weighed, who encodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from labmodels.config.schema import KINDS
from labmodels.config.schema.embedding_model import SemanticSearch
from labmodels.embeddings.search.fusion import Weights
from labmodels.embeddings.search.gather import Mode, NoIndex
from labmodels.embeddings.search.query import Filters, Query, parsed
from labmodels.embeddings.search.search import Found, Scope, search
from labmodels.embeddings.store.reader import StoreReader
from labmodels.errors import Usage
from labmodels.lab import Lab
from labmodels.wiring import live_of

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import EmbeddingModel, Fusion
    from labmodels.embeddings.encoding.protocol import Encoder
    from labmodels.embeddings.links.link import Link
    from labmodels.embeddings.search.evaluation import Evaluation
    from labmodels.embeddings.search.judged import JudgedQuery
    from labmodels.embeddings.stored import StoredChunk


class Encoders:
    """Who makes the vectors of queries, kept for as long as a process lives: to load a model takes longer than to search."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self._lab = lab
        self._environment = environment
        self._by_config: dict[str, Encoder] = {}

    def of(self, config: EmbeddingModel) -> Encoder:
        """Return the encoder of a configuration. Raises what says why there is none, and what mends it."""
        from labmodels.embeddings.encoding.encoder import encoder_of

        key = config.model_dump_json()
        if key not in self._by_config:

            def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
                from labmodels.wiring.router import LabRouter

                with LabRouter(self._lab, self._environment) as router:
                    return router.embed(config.name, texts).vectors

            self._by_config[key] = encoder_of(config, self._lab.state, root=self._lab.root, embed=embed, for_query=True)
        return self._by_config[key]


class LabSearch:
    """One look at a lab's indexes, which does not change while it is open: close it, or use it in `with`."""

    def __init__(self, lab: Lab, environment: str, encoders: Encoders | None = None) -> None:
        self._effective = live_of(lab, environment).effective
        self._encoders = encoders or Encoders(lab, environment)
        self._reader = StoreReader(lab.root / "embeddings")

    def __enter__(self) -> LabSearch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the indexes."""
        self._reader.close()

    @cached_property
    def settings(self) -> SemanticSearch:
        """How the release says that a search runs."""
        name = next(iter(self._effective.names("semantic_search")), None)
        if name is None:
            return SemanticSearch(name="semantic_search")
        return cast("SemanticSearch", KINDS["semantic_search"].model.model_validate(self._effective.content.values(name)))

    @cached_property
    def domains(self) -> dict[str, str]:
        """The released domains, each with the embedding model that declares it."""
        models = self._effective.names("embedding_model")
        return {domain: model for model in models for domain in self._effective.content.values(model)["domains"]}

    def parse(self, text: str) -> Query:
        """Return what `text` asks for, with the lab's own synonyms."""
        return parsed(text, self.settings.synonyms)

    def search(
        self, text: str, domains: Sequence[str] = (), mode: Mode | None = None, where: Sequence[str] = (), count: int | None = None
    ) -> Found:
        """Return what answers `text` in `domains`, else in all that have an index. `where`: path:GLOB, kind:NAME or domain:NAME each."""
        query = self.parse(text)
        for wish in where:
            query = replace(query, filters=query.filters & _filters(wish))
        scope = self._scope(tuple(domains) + query.filters.domains, mode, count)
        found = search(self._reader, query, scope, self._encoder)
        return replace(found, notes=(*found.notes, *self._reader.faults))

    def evaluate(self, judged: Sequence[JudgedQuery], domain: str, count: int = 10) -> Evaluation:
        """Measure the search of a domain on judged queries."""
        from labmodels.embeddings.search.evaluation import evaluate

        return evaluate(self._reader, judged, self._scope((domain,), "hybrid", count), self._encoder, self.parse)

    def links(self, path: str, line: int, domains: Sequence[str] = ()) -> tuple[StoredChunk, tuple[Link, ...]]:
        """Return the passage at a line of a file, and what else speaks of it in `domains`, else in all that have an index."""
        from labmodels.embeddings.links.links import links

        return links(self._reader, path, line, self._scope(tuple(domains), None, None).domains)

    def _scope(self, domains: tuple[str, ...], mode: Mode | None, count: int | None) -> Scope:
        unknown = [domain for domain in domains if domain not in self.domains]
        if unknown:
            raise Usage(f"no index is called {', '.join(unknown)}", hint=f"one of {', '.join(self.domains)}")
        chosen = tuple(dict.fromkeys(domains)) or tuple(domain for domain in self._reader.domains() if domain in self.domains)
        if not chosen:
            raise NoIndex.of(())
        settings = self.settings
        own = {domain: _weights(fusion) for domain, fusion in settings.domain_weights.items()}
        return Scope(chosen, mode or settings.mode, count or settings.results, _weights(settings.fusion), own)

    def _encoder(self, domain: str) -> Encoder:
        values = self._effective.content.values(self.domains[domain])
        return self._encoders.of(cast("EmbeddingModel", KINDS["embedding_model"].model.model_validate(values)))


def _weights(fusion: Fusion) -> Weights:
    return Weights(fusion.lexical, fusion.dense)


def _filters(wish: str) -> Filters:
    query = parsed(wish)
    if query.text or query.filters == Filters():
        raise Usage(f"--where {wish} is no filter", hint="path:docs/**, kind:code or domain:documentation")
    return query.filters
