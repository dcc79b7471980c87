"""The indexes of a lab: which domains there are, what cuts and embeds them, where they are kept.

They are those of the live release; of the declared configuration where nothing is deployed yet, so that a fresh lab can be searched at
once. `origin` says which.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from labmodels.errors import Usage
from labmodels.wiring import store_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labmodels.config.schema.embedding_model import EmbeddingDomain, EmbeddingModel
    from labmodels.embeddings.encoding.protocol import Encoder
    from labmodels.embeddings.store.update import Corpus, Outcome, Wish
    from labmodels.lab import Lab
    from labmodels.releases.effective import Effective
    from labmodels.wiring.router import LabRouter


class Index(NamedTuple):
    """A domain as it is configured: which documents, how they are cut, and the encoder that embeds them."""

    domain: str
    declared: EmbeddingDomain
    model: EmbeddingModel


class LabIndexes:
    """The indexes of a lab as one environment configures them. Encoders are made at their first use and kept."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self.lab, self.environment = lab, environment
        self.folder = lab.embeddings
        self._encoders: dict[tuple[str, bool], Encoder] = {}
        self._router: LabRouter | None = None

    def close(self) -> None:
        """Close what asks endpoints."""
        if self._router:
            self._router.close()

    def __enter__(self) -> LabIndexes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def is_deployed(self) -> bool:
        """Whether they are those of a live release."""
        return store_of(self.lab, self.environment).live() is not None

    @cached_property
    def origin(self) -> str:
        """Where the configuration comes from."""
        return f"as deployed in {self.environment}" if self.is_deployed else f"as declared, since nothing is deployed in {self.environment}"

    @cached_property
    def effective(self) -> Effective:
        """The configuration. Raises InvalidConfiguration where it is the declared one and has errors."""
        if self.is_deployed:
            from labmodels.releases.live import Live

            return Live(store_of(self.lab, self.environment)).effective
        from labmodels.releases.candidate import Request, Tree, build
        from labmodels.releases.effective import Effective

        return Effective(build(Tree(self.lab), Request(self.environment), None, os.environ))

    @cached_property
    def all(self) -> dict[str, Index]:
        """The configured indexes by domain, in the order of the models' names and then as each lists them."""
        from labmodels.config.schema import KINDS

        found: dict[str, Index] = {}
        for name in self.effective.names("embedding_model"):
            model = cast("EmbeddingModel", KINDS["embedding_model"].model.model_validate(self.effective.content.values(name)))
            for domain, declared in model.domains.items():
                found.setdefault(domain, Index(domain, declared, model))
        return found

    def of(self, domain: str) -> Index:
        """Return the index of `domain`. Raises Usage, with the nearest one, for one that is not configured."""
        if domain not in self.all:
            from difflib import get_close_matches

            near = get_close_matches(domain, self.all, n=1)
            known = ", ".join(self.all) or "none"
            raise Usage(f"no index is called {domain}", hint=f"did you mean {near[0]}?" if near else f"configured are {known}")
        return self.all[domain]

    def encoder(self, index: Index, *, for_query: bool = False) -> Encoder:
        """Return what embeds an index. Raises what `encoder_of` does."""
        key = (index.model.name, for_query)
        if key not in self._encoders:
            from labmodels.embeddings.encoding.encoder import encoder_of

            def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
                return self._asked().embed(index.model.name, texts, index.domain).vectors

            self._encoders[key] = encoder_of(
                index.model,
                self.lab.state / "encoders",
                root=self.lab.root,
                embed=embed if index.model.provider == "openai" and self.is_deployed else None,
                for_query=for_query,
            )
        return self._encoders[key]

    def corpus(self, index: Index) -> Corpus:
        """Return an index's documents, to be found, read and cut."""
        from labmodels.embeddings.chunking.chunker import chunks, identity
        from labmodels.embeddings.documents import read, scan
        from labmodels.embeddings.store.update import Corpus

        root, declared, count = self.lab.root, index.declared, self.encoder(index).count
        return Corpus(
            index.domain,
            declared.group,
            identity(declared),
            lambda: scan(root, declared),
            lambda found: read(root, found, declared.chunker),
            lambda document: chunks(document, declared, count),
        )

    def update(self, index: Index, wish: Wish) -> Outcome:
        """Bring an index up to its documents."""
        from labmodels.embeddings.store.update import update

        encoder = self.encoder(index)
        return update(self.folder, self.corpus(index), encoder, asdict(cast("Any", encoder.identity)), wish)

    def preview(self, index: Index, wish: Wish) -> Outcome:
        """Return what an update would do."""
        from labmodels.embeddings.store.update import preview

        return preview(self.folder, self.corpus(index), self.encoder(index), wish)

    def warnings(self, index: Index) -> list[str]:
        """Return what an operator should know about how an index is cut and embedded."""
        from labmodels.embeddings.chunking.chunker import missing

        absent = missing(index.declared)
        return [*([absent] if absent else []), *self.encoder(index).warnings]

    def _asked(self) -> LabRouter:
        if self._router is None:
            from labmodels.wiring.router import LabRouter

            self._router = LabRouter(self.lab, self.environment)
        return self._router
