"""A folder of documents, an encoder of hashed words, and the index of both, for tests of the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from labmodels.config.schema.embedding_model import EmbeddingDomain
from labmodels.embeddings.chunking.chunker import chunks, identity
from labmodels.embeddings.documents import read, scan
from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.update import Corpus, Outcome, Wish, update

DOMAIN = "documentation"


class HashedWords:
    """An encoder without weights: a vector counts the words of a text, each at a place of its own. `seed` makes another space."""

    def __init__(self, seed: int = 0, dimensions: int = 256) -> None:
        self.fingerprint = f"hashed words {seed} {dimensions}"
        self.dimensions = dimensions
        self.max_tokens, self.warnings = 1 << 20, ()
        self.embedded: list[str] = []  # every text that was embedded
        self._seed = seed

    def documents(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.embedded += texts
        if progress:
            progress(len(texts))
        return np.array([self.query(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)

    def query(self, text: str) -> np.ndarray:
        vector = np.full(self.dimensions, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            digest = sha256(f"{self._seed} {word}".encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dimensions] += 1 if digest[4] % 2 else -1
        return (vector / np.linalg.norm(vector)).astype(np.float32)


class Library:
    """A folder of documents with its index beside it."""

    def __init__(self, folder: Path, domain: EmbeddingDomain | None = None) -> None:
        self.root = folder / "documents"
        self.index = folder / "embeddings"
        self.domain = domain or EmbeddingDomain(group="text", sources=["**/*.md"], chunker="markdown", max_chunk_tokens=40)
        self.encoder = HashedWords()
        self.root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    @property
    def corpus(self) -> Corpus:
        return Corpus(
            DOMAIN,
            self.domain.group,
            identity(self.domain),
            lambda: scan(self.root, self.domain),
            lambda found: read(self.root, found, self.domain.chunker),
            lambda document: chunks(document, self.domain, lambda text: len(text.split()) + 2),
        )

    def update(self, **wishes: bool) -> Outcome:
        return update(self.index, self.corpus, self.encoder, {"double": True}, Wish(**wishes))

    def rebuilt(self, folder: Path) -> Library:
        """Return the same documents with an index of their own, built from nothing."""
        other = Library(folder, self.domain)
        other.root, other.encoder = self.root, self.encoder
        other.update()
        return other

    def found(self, query: str, limit: int = 5, paths: Sequence[str] = ()) -> list[str]:
        """Return where the nearest chunks stand."""
        with StoreReader(self.index) as reader:
            hits = reader.dense(DOMAIN, self.encoder.query(query), limit, paths)
            chunks = reader.chunks([identity for identity, _ in hits])
        return [f"{chunks[identity].path}:{chunks[identity].line}" for identity, _ in hits]


def contents(reader: StoreReader, connection: Connection) -> dict[tuple, np.ndarray]:
    """Return what is shown of the domain: place and hash of each chunk, with its vector."""
    live = reader.live(DOMAIN)
    if live is None:
        return {}
    rows = connection.execute(
        "SELECT c.path, c.line, c.end_line, hex(v.hash), c.text, c.trail, v.vector FROM chunks c JOIN vectors v ON v.id = c.vector "
        "JOIN domains d ON d.build = c.build WHERE c.born <= d.generation AND (c.died IS NULL OR c.died > d.generation)"
    )
    return {row[:6]: np.frombuffer(row[6], dtype="<f2").astype(np.float32) for row in rows}
