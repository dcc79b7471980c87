"""Answers searches from one consistent look at the truth, with the derived files where they fit it. Writes nothing, waits for nobody.

A derived file that is missing, of another build or damaged is not used: the vectors are then read from the truth, which is exact and
slower, and `faults` says so. Each score that is returned was computed from the truth's vector, so that a damaged file never makes a hit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labmodels.embeddings.documents import matches
from labmodels.embeddings.encoding.protocol import BadVector
from labmodels.embeddings.store import builds
from labmodels.embeddings.store.derived import Damaged, DerivedIndex
from labmodels.embeddings.store.schema import words_table
from labmodels.embeddings.store.spaces import as_rows
from labmodels.embeddings.store.truth import faults, open_to_read
from labmodels.embeddings.stored import LiveIndex, StoredChunk
from labmodels.errors import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
    Ids = NDArray[np.int64]

_NO_END = 1 << 62
_SPARE = 20  # vectors looked at beyond those asked for
_ALIVE = "c.build = ? AND c.born <= ? AND (c.died IS NULL OR c.died > ?)"
# The same, for rows that are named one by one: SQLite would rather walk through every birth of the build.
_IS_ALIVE = "+c.build = ? AND +c.born <= ? AND (c.died IS NULL OR +c.died > ?)"


class _Shown(NamedTuple):
    """What a domain shows: the chunks of a build that are alive at a number."""

    build: builds.Build
    number: int

    @property
    def alive(self) -> tuple[int, int, int]:
        """The values of `_ALIVE`."""
        return self.build.id, self.number, self.number


class _Vectors(NamedTuple):
    """The vectors of a domain: those of its file, and those that are newer."""

    file: DerivedIndex | None
    newer_ids: Ids
    newer: Vector


class StoreReader:
    """The indexes in `folder`, as `labmodels.embeddings.stored.IndexReader` says. A context: inside it nothing changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[str] = []  # derived files that could not be used, a sentence each
        self._truth = open_to_read(folder)
        self._vectors: dict[str, _Vectors] = {}
        if self._truth:
            with faults(folder, "read"):
                self._truth.connection.execute("BEGIN")

    def close(self) -> None:
        """End the look."""
        self._vectors.clear()
        if self._truth:
            self._truth.close()

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def domains(self) -> list[str]:
        """Return the domains that have an index, live or begun."""
        return builds.domains(self._connection) if self._truth else []

    def live(self, domain: str) -> LiveIndex | None:
        """Return the index of `domain`; None when it was never built."""
        with faults(self.folder, "read"):
            live = builds.live_of(self._connection, domain) if self._truth else None
            if live is None:
                return None
            query = "SELECT chunks FROM generations WHERE domain = ? AND number = ?"
            count = self._connection.execute(query, (domain, live.generation)).fetchone()[0]
        return LiveIndex(domain, live.generation, live.space.fingerprint, live.space.dimensions, count, live.updated_at)

    def chunks(self, ids: Collection[int]) -> Mapping[int, StoredChunk]:
        """Return chunks by their ids; one that has gone is left out."""
        if not self._truth:
            return {}
        return {chunk.id: chunk for chunk in self._stored("c.id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))}

    def at(self, domain: str, path: str, line: int) -> list[StoredChunk]:
        """Return the chunks of `domain` that hold a line of a file, in the order of their lines."""
        shown = self._shown(domain)
        if shown is None:
            return []
        return self._stored(
            f"{_ALIVE} AND c.path = ? AND ? BETWEEN c.line AND c.end_line ORDER BY c.line, c.id", (*shown.alive, path, line)
        )

    def vectors(self, ids: Collection[int]) -> Mapping[int, Vector]:
        """Return the vectors of chunks by their ids, of length 1; one that has gone is left out."""
        if not self._truth:
            return {}
        import numpy as np

        query = "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.id = c.vector WHERE c.id IN (SELECT value FROM json_each(?))"
        with faults(self.folder, "read"):
            rows = self._connection.execute(query, (json.dumps(list(ids)),)).fetchall()
        return {row[0]: np.frombuffer(row[1], dtype="<f2").astype(np.float32) for row in rows}

    def lexical(self, domain: str, expression: str, limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        """Return the ids of the chunks that match an FTS5 expression, with their BM25 scores, the best first; `paths` are globs.

        The columns are `text` (with its trail), `symbols` and `path`, stemmed by `porter`. A domain that is being built for the first
        time is searched as far as it has come. Raises Usage for what is no expression.
        """
        shown = self._shown(domain)
        if shown is None or limit <= 0:
            return []
        with faults(self.folder, "read"):
            try:
                return self._matching(shown, expression, limit, paths)
            except sqlite3.OperationalError as error:
                if any(sign in str(error) for sign in ("fts5", "unterminated", "no such column", "special query")):
                    raise Usage(f"{expression} is no full-text expression: {error}", hint="quote every word of it") from None
                raise

    def dense(self, domain: str, query: Vector, limit: int, paths: Sequence[str] = ()) -> list[tuple[int, float]]:
        """Return the ids of the nearest chunks with their cosines, the best first. Raises BadVector for what is no vector of the space.

        `query` is of length 1. That it is of the same space as `live` says, the caller sees to.
        """
        shown = self._shown(domain)
        if shown is None or limit <= 0 or self.live(domain) is None:
            return []
        with faults(self.folder, "read"):
            vectors = self._vectors_of(shown)
            if query.shape != vectors.newer.shape[1:]:
                raise BadVector(f"the query has {len(query)} numbers, the vectors of {domain} have {vectors.newer.shape[1]}")
            try:
                return self._nearest(shown, query, limit, paths)
            except Damaged as error:
                self._set_aside(shown, error)
                return self._nearest(shown, query, limit, paths)

    # -- steps

    def _stored(self, condition: str, values: Sequence[object]) -> list[StoredChunk]:
        query = (
            "SELECT c.id, b.domain, c.path, c.line, c.end_line, c.text, c.kind, c.trail, c.symbols, v.hash FROM chunks c "  # noqa: S608
            f"JOIN builds b ON b.id = c.build JOIN vectors v ON v.id = c.vector WHERE {condition}"
        )
        with faults(self.folder, "read"):
            rows = self._connection.execute(query, values).fetchall()
        return [_chunk(row) for row in rows]

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._truth is not None  # noqa: S101 - the callers have asked
        return self._truth.connection

    def _shown(self, domain: str) -> _Shown | None:
        if not self._truth:
            return None
        with faults(self.folder, "read"):
            if live := builds.live_of(self._connection, domain):
                return _Shown(live.build, live.generation)
            begun = builds.unseen(self._connection, domain)
            return _Shown(begun, _NO_END) if begun else None

    def _paths(self, shown: _Shown, globs: Sequence[str]) -> str:
        """Return the paths that match one of the globs, as JSON."""
        found = self._connection.execute("SELECT DISTINCT path FROM chunks WHERE build = ?", (shown.build.id,))
        return json.dumps([path for (path,) in found if matches(path, globs)])

    def _matching(self, shown: _Shown, expression: str, limit: int, globs: Sequence[str]) -> list[tuple[int, float]]:
        words = words_table(shown.build.id)
        if globs:
            query = (
                f"SELECT w.rowid, -w.rank FROM {words} w JOIN chunks c ON c.id = w.rowid WHERE {words} MATCH ? AND {_ALIVE} "  # noqa: S608
                "AND c.path IN (SELECT value FROM json_each(?)) ORDER BY w.rank, w.rowid LIMIT ?"
            )
            return self._connection.execute(query, (expression, *shown.alive, self._paths(shown, globs), limit)).fetchall()
        query = f"SELECT rowid, -rank FROM {words} WHERE {words} MATCH ? ORDER BY rank, rowid LIMIT ?"  # noqa: S608
        wanted = limit
        while True:  # what waits for the next generation is among them, and seldom many
            found = self._connection.execute(query, (expression, wanted)).fetchall()
            alive = f"SELECT c.id FROM json_each(?) j CROSS JOIN chunks c ON c.id = j.value WHERE {_IS_ALIVE}"  # noqa: S608
            shown_ids = {row[0] for row in self._connection.execute(alive, (json.dumps([row[0] for row in found]), *shown.alive))}
            kept = [row for row in found if row[0] in shown_ids]
            if len(kept) >= limit or len(found) < wanted:
                return kept[:limit]
            wanted *= 4

    def _nearest(self, shown: _Shown, query: Vector, limit: int, globs: Sequence[str]) -> list[tuple[int, float]]:
        """Return the chunks of the nearest vectors: many may share one, and some that the file names have died."""
        vectors = self._vectors_of(shown)
        allowed = self._allowed(shown, globs) if globs else None
        wanted = limit + _SPARE
        while True:
            candidates = self._candidates(vectors, query, wanted, allowed)
            found = self._scored(shown, query, candidates, self._paths(shown, globs) if globs else None)
            if len(found) >= limit or len(candidates) < wanted:
                return found[:limit]
            wanted *= 4

    def _candidates(self, vectors: _Vectors, query: Vector, wanted: int, allowed: Ids | None) -> list[int]:
        """Return the ids of the vectors that seem nearest."""
        import numpy as np

        newer_ids, scores = vectors.newer_ids, vectors.newer @ query
        if allowed is not None:
            places = np.isin(newer_ids, allowed)
            newer_ids, scores = newer_ids[places], scores[places]
        if vectors.file is not None:
            ids, more = vectors.file.search(query, wanted, allowed)
            newer_ids, scores = np.concatenate([newer_ids, ids]), np.concatenate([scores, more])
        order = np.argsort(-scores, kind="stable")[: 2 * wanted]  # a vector that came back is in both
        return list(dict.fromkeys(newer_ids[order].tolist()))[:wanted]

    def _scored(self, shown: _Shown, query: Vector, candidates: list[int], paths: str | None) -> list[tuple[int, float]]:
        """Return the chunks that are alive with the vectors of `candidates`, and their true cosines, the best first."""

        told = json.dumps(candidates)
        kept = self._connection.execute("SELECT id, vector FROM vectors WHERE id IN (SELECT value FROM json_each(?))", (told,)).fetchall()
        matrix = as_rows([row[1] for row in kept], len(query))
        cosine = dict(zip((row[0] for row in kept), (matrix @ query).tolist(), strict=True))
        among = "" if paths is None else "AND c.path IN (SELECT value FROM json_each(?))"
        rows = self._connection.execute(
            f"SELECT c.id, c.vector FROM json_each(?) j CROSS JOIN chunks c ON c.vector = j.value WHERE {_IS_ALIVE} {among}",  # noqa: S608
            (told, *shown.alive, *([] if paths is None else [paths])),
        )
        return sorted(((chunk, cosine[vector]) for chunk, vector in rows), key=lambda pair: (-pair[1], pair[0]))

    def _allowed(self, shown: _Shown, globs: Sequence[str]) -> Ids:
        import numpy as np

        query = f"SELECT DISTINCT c.vector FROM chunks c WHERE {_ALIVE} AND c.path IN (SELECT value FROM json_each(?))"  # noqa: S608
        return np.array([row[0] for row in self._connection.execute(query, (*shown.alive, self._paths(shown, globs)))], dtype=np.int64)

    def _vectors_of(self, shown: _Shown) -> _Vectors:
        domain = shown.build.domain
        if domain not in self._vectors:
            self._vectors[domain] = self._load(shown, self._file(shown))
        return self._vectors[domain]

    def _file(self, shown: _Shown) -> DerivedIndex | None:
        """Return the domain's file when it fits: of this build, and not newer than this look."""
        path = file_of(self.folder, shown.build)
        try:
            file = DerivedIndex(path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            self.faults.append(str(error))
            return None
        except OSError as error:
            self.faults.append(f"{path} cannot be read: {error.strerror}")
            return None
        is_fit = file.header.build == shown.build.token and file.header.generation <= shown.number
        return file if is_fit else None

    def _set_aside(self, shown: _Shown, error: Damaged) -> None:
        self.faults.append(str(error))
        self._vectors[shown.build.domain] = self._load(shown, None)

    def _load(self, shown: _Shown, file: DerivedIndex | None) -> _Vectors:
        """Read the vectors that `file` does not hold: all of them where there is none."""
        since = file.header.generation if file else -1
        live = builds.live_of(self._connection, shown.build.domain)
        assert live is not None  # noqa: S101 - it is shown
        ids, rows = newer_vectors(self._connection, live, since)
        return _Vectors(file, ids, rows)


def _chunk(row: tuple[Any, ...]) -> StoredChunk:
    identity, domain, path, line, end_line, text, kind, trail, symbols, digest = row
    return StoredChunk(
        identity, domain, path, line, end_line, text, kind, tuple(json.loads(trail)), tuple(json.loads(symbols)), digest.hex()
    )


def newer_vectors(connection: sqlite3.Connection, live: builds.Live, since: int) -> tuple[Ids, Vector]:
    """Return the ids and vectors of the live chunks that were born after generation `since`, by ascending id."""
    import numpy as np

    alive = (live.build.id, live.generation, live.generation, since)
    found = connection.execute(
        f"SELECT id, vector FROM vectors WHERE id IN (SELECT c.vector FROM chunks c WHERE {_ALIVE} AND c.born > ?) ORDER BY id",  # noqa: S608
        alive,
    ).fetchall()
    ids = np.array([row[0] for row in found], dtype=np.int64)
    return ids, as_rows([row[1] for row in found], live.space.dimensions)


def file_of(folder: Path, build: builds.Build) -> Path:
    """Return where the derived file of a build's domain is."""
    return folder / build.folder / f"{build.domain}.index"
