"""An index for tests of those who read one: real FTS5 in memory, exact cosines, and an encoder whose vectors a test can foresee."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256

import numpy as np

from labmodels.embeddings.stored import LiveIndex, StoredChunk
from labmodels.words import terms

SPACE = "words-64"


class WordEncoder:
    """A vector of a text is the sum of a fixed direction for each of its stems: texts with common words are near."""

    fingerprint = SPACE
    dimensions = 64

    def __init__(self, same: Mapping[str, str] | None = None) -> None:
        self._same = same or {}  # stems that mean the same

    def query(self, text: str) -> np.ndarray:
        total = np.zeros(self.dimensions, np.float32)
        for stem in terms(text):
            seed = int.from_bytes(sha256(self._same.get(stem, stem).encode()).digest()[:4])
            total += np.random.default_rng(seed).standard_normal(self.dimensions).astype(np.float32)
        return total / (np.linalg.norm(total) or 1.0)


def chunk(
    path: str,
    text: str,
    *,
    line: int = 1,
    domain: str = "documentation",
    kind: str = "paragraph",
    trail: Sequence[str] = (),
    symbols: Sequence[str] = (),
) -> StoredChunk:
    """Return a chunk that was not stored yet."""
    end_line = line + text.count("\n")
    digest = sha256("\n".join((*trail, text)).encode("utf-8", "surrogatepass")).hexdigest()
    return StoredChunk(0, domain, path, line, end_line, text, kind, tuple(trail), tuple(symbols), digest)


class MemoryIndex:
    """An IndexReader over chunks that are given to it; ids are counted from 1."""

    def __init__(self, *chunks: StoredChunk, space: str = SPACE, encoder: WordEncoder | None = None) -> None:
        self._space = space
        self._encoder = encoder or WordEncoder()
        self._chunks: dict[int, StoredChunk] = {}
        self._vectors: dict[int, np.ndarray] = {}
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE texts USING fts5(text, trail, symbols, tokenize = 'porter unicode61')")
        for one in chunks:
            self.add(one)

    def add(self, one: StoredChunk) -> int:
        id_ = len(self._chunks) + 1
        self._chunks[id_] = StoredChunk(id_, *(getattr(one, name) for name in one.__slots__[1:]))
        self._vectors[id_] = self._encoder.query("\n".join((*one.trail, one.text)))
        self._db.execute(
            "INSERT INTO texts (rowid, text, trail, symbols) VALUES (?, ?, ?, ?)",
            (id_, one.text, " ".join(one.trail), " ".join(one.symbols)),
        )
        return id_

    def drop(self, path: str) -> None:
        for id_ in [id_ for id_, one in self._chunks.items() if one.path == path]:
            del self._chunks[id_], self._vectors[id_]
            self._db.execute("DELETE FROM texts WHERE rowid = ?", (id_,))

    def live(self, domain: str) -> LiveIndex | None:
        count = sum(one.domain == domain for one in self._chunks.values())
        return LiveIndex(domain, 7, self._space, 64, count, "2030-01-01T00:00:00+00:00") if count else None

    def chunks(self, ids: Collection[int]) -> Mapping[int, StoredChunk]:
        return {id_: self._chunks[id_] for id_ in ids if id_ in self._chunks}

    def lexical(self, domain: str, expression: str, limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        rows = self._db.execute("SELECT rowid, -bm25(texts) FROM texts WHERE texts MATCH ? ORDER BY bm25(texts), rowid", (expression,))
        return [(id_, score) for id_, score in rows if self._is_in(id_, domain, paths)][:limit]

    def dense(self, domain: str, query: np.ndarray, limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        found = [(id_, float(vector @ query)) for id_, vector in self._vectors.items() if self._is_in(id_, domain, paths)]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]

    def at(self, domain: str, path: str, line: int) -> list[StoredChunk]:
        return [one for one in self._chunks.values() if (one.domain, one.path) == (domain, path) and one.line <= line <= one.end_line]

    def vectors(self, ids: Collection[int]) -> Mapping[int, np.ndarray]:
        return {id_: self._vectors[id_] for id_ in ids if id_ in self._vectors}

    def _is_in(self, id_: int, domain: str, paths: Sequence[str]) -> bool:
        one = self._chunks[id_]
        return one.domain == domain and (not paths or any(fnmatchcase(one.path, glob) for glob in paths))
