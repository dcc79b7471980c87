"""A folder of documents with the real index beside it, and an encoder whose vectors a test can foresee, for tests of those who search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from labmodels.config.schema.embedding_model import EmbeddingDomain
from labmodels.embeddings.chunking.chunker import chunks, identity
from labmodels.embeddings.documents import read, scan
from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.update import Corpus, Wish, update
from labmodels.embeddings.stored import StoredChunk
from labmodels.words import terms

DOMAINS = {
    "documentation": EmbeddingDomain(group="text", sources=["docs/**/*.md"], chunker="markdown", max_chunk_tokens=60),
    "source_code": EmbeddingDomain(group="code", sources=["src/**/*.py"], chunker="code", max_chunk_tokens=60),
    "configuration": EmbeddingDomain(group="code", sources=["configs/**/*.yaml"], chunker="configuration", max_chunk_tokens=60),
    "metrics": EmbeddingDomain(group="system", sources=["metrics/**/*.prom"], chunker="metrics", max_chunk_tokens=60),
}


class WordEncoder:
    """A vector of a text is the sum of a direction for each of its stems: texts with common words are near, and so are words of `same`."""

    def __init__(self, same: Mapping[str, str] | None = None, fingerprint: str = "words") -> None:
        self.fingerprint = fingerprint
        self.dimensions = 64
        self.queries: list[str] = []  # what was encoded as a query
        self._same = same or {}

    def documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        return np.array([self._vector(text) for text in texts], np.float32).reshape(len(texts), self.dimensions)

    def query(self, text: str) -> np.ndarray:
        self.queries.append(text)
        return self._vector(text)

    def _vector(self, text: str) -> np.ndarray:
        total = np.full(self.dimensions, 1e-3)
        for stem in terms(text):
            seed = int.from_bytes(sha256(self._same.get(stem, stem).encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).standard_normal(self.dimensions)
        return (total / np.linalg.norm(total)).astype(np.float32)


class Shelf:
    """Files below `root`, and an index of each of `DOMAINS` that was updated."""

    def __init__(self, root: Path, encoder: WordEncoder | None = None, files: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.index = root / "embeddings"
        self.encoder = encoder or WordEncoder()
        for path, text in (files or {}).items():
            self.write(path, text)
        if files:
            self.update()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def update(self, *names: str) -> None:
        """Bring domains up to their files; without names those that have some."""
        for name in names or [name for name, domain in DOMAINS.items() if any(self.root.glob(domain.sources[0]))]:
            update(self.index, self.corpus(name), self.encoder, {}, Wish(allows_mass_delete=True))

    def corpus(self, name: str) -> Corpus:
        domain = DOMAINS[name]
        return Corpus(
            name,
            domain.group,
            identity(domain),
            lambda: scan(self.root, domain),
            lambda found: read(self.root, found, domain.chunker),
            lambda document: chunks(document, domain, lambda text: len(text.split()) + 2),
        )

    def reader(self) -> StoreReader:
        return StoreReader(self.index)


def chunk(
    path: str, text: str, *, line: int = 1, domain: str = "documentation", kind: str = "paragraph", symbols: Sequence[str] = ()
) -> StoredChunk:
    """Return a chunk as a reader gives it."""
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return StoredChunk(hash((path, line)), domain, path, line, line + text.count("\n"), text, kind, (), tuple(symbols), digest)
