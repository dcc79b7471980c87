"""Decides when a domain's derived file is made again, and makes it. What is in it, and how it is read, is `derived`'s."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from labmodels.durable import DISK, FileSystem
from labmodels.embeddings.store import builds, derived
from labmodels.embeddings.store.derived import Damaged, DerivedIndex, Header
from labmodels.embeddings.store.reader import file_of
from labmodels.embeddings.store.truth import Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Vector = NDArray[np.float32]

_BLOCK = 8192  # vectors held at once


def is_due(count: int, born: int, died: int) -> bool:
    """Whether a file of `count` vectors is made again after so many births and deaths.

    A birth costs each search, which reads it from the truth: about 5 microseconds; a death costs a row of the product. To make the file
    costs about 10 microseconds a vector.
    """
    return born > count // 50 or died > count // 4


def refresh(truth: Truth, domain: str, *, files: FileSystem = DISK) -> bool:
    """Make the derived file of a domain again where it does not fit or lags too far; return whether it was. The caller writes alone."""
    with truth.reading() as connection:
        live = builds.live_of(connection, domain)
        if live is None:
            return False
        path = file_of(truth.folder, live.build)
        before = _fitting(path, live)
        if before is not None:
            born, died = _since(connection, live, before.header.generation)
            if not is_due(before.header.count, born, died):
                return False
        if path.parent.is_dir():
            files.remove_leftovers(path.parent)
        _Writing(connection, live, files).write(path, before)
    return True


def _fitting(path: Path, live: builds.Live) -> DerivedIndex | None:
    """Return the file when it is of the live build, at whatever generation."""
    try:
        file = DerivedIndex(path)
    except (OSError, Damaged):
        return None
    header = file.header
    is_of_it = (header.build, header.fingerprint) == (live.build.token, live.space.fingerprint)
    return file if is_of_it and header.generation <= live.generation else None


def _since(connection: Connection, live: builds.Live, generation: int) -> tuple[int, int]:
    """Return how many chunks were born and have died since `generation`."""
    born = "SELECT count(*) FROM chunks WHERE build = ? AND born > ? AND born <= ? AND died IS NULL"
    died = "SELECT count(*) FROM chunks WHERE build = ? AND died > ? AND died <= ?"
    values = (live.build.id, generation, live.generation)
    return connection.execute(born, values).fetchone()[0], connection.execute(died, values).fetchone()[0]


class _Writing:
    """One writing of a domain's file, from one look at the truth."""

    def __init__(self, connection: Connection, live: builds.Live, files: FileSystem) -> None:
        self._connection, self._live, self._files = connection, live, files
        self._dimensions = live.space.dimensions

    def write(self, path: Path, before: DerivedIndex | None) -> None:
        """Write the file; `before` is what it may be made from."""
        ids = self._alive()
        if len(ids) <= derived.MOST_ROWS:
            size = derived.matrix_bytes(len(ids), self._dimensions)
            payload = derived.matrix(self._dimensions, (rows for _, rows in self._blocks(ids)))
            derived.write(path, self._header(ids, size), ids, payload, self._files)
            return
        import numpy as np

        from labmodels.embeddings.store import clusters

        if before is not None and self._can_grow(before, ids):
            learned_from, added = before.header.learned_from, np.setdiff1d(ids, before.ids, assume_unique=True)
            packed = clusters.packed(clusters.loaded(before.payload), self._blocks(added))
            ids = np.union1d(ids, before.ids)
        else:
            learned_from = len(ids)
            packed = clusters.packed(clusters.cluster(self._sample(ids), len(ids)), self._blocks(ids))
        header = self._header(ids, len(packed.data), packed.head_bytes, packed.head_crc32, learned_from)
        derived.write(path, header, ids, packed.pieces(), self._files)

    def _can_grow(self, before: DerivedIndex, ids: Ids) -> bool:
        """Whether a file's clusters still fit: they were found in half of the vectors at least, and few of its own have died."""
        import numpy as np

        died = len(np.setdiff1d(before.ids, ids, assume_unique=True))
        return len(ids) <= 2 * before.header.learned_from and not is_due(len(before.ids), 0, died)

    def _alive(self) -> Ids:
        import numpy as np

        build, number = self._live.build.id, self._live.generation
        query = "SELECT DISTINCT vector FROM chunks WHERE build = ? AND born <= ? AND (died IS NULL OR died > ?) ORDER BY vector"
        return np.array([row[0] for row in self._connection.execute(query, (build, number, number))], dtype=np.int64)

    def _sample(self, ids: Ids) -> Vector:
        """Return as many vectors as clusters are found from, the same ones every time."""
        import numpy as np

        from labmodels.embeddings.store import clusters

        size = min(len(ids), clusters.LEARNED_FROM * clusters.cluster_count(len(ids)))
        chosen = np.sort(np.random.default_rng(0).choice(ids, size, replace=False))
        return np.concatenate([rows for _, rows in self._blocks(chosen)])

    def _blocks(self, ids: Ids) -> Iterator[tuple[Ids, Vector]]:
        import numpy as np

        query = "SELECT vector FROM vectors WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        for start in range(0, len(ids), _BLOCK):
            part = ids[start : start + _BLOCK]
            found = self._connection.execute(query, (json.dumps(part.tolist()),)).fetchall()
            rows = np.frombuffer(b"".join(row[0] for row in found), dtype="<f2").reshape(len(part), self._dimensions)
            yield part, rows.astype(np.float32)

    def _header(self, ids: Ids, size: int, head_bytes: int = 0, head_crc32: int = 0, learned_from: int = 0) -> Header:
        build, space = self._live.build, self._live.space
        return Header(
            build.domain,
            build.token,
            self._live.generation,
            space.fingerprint,
            space.dimensions,
            len(ids),
            size,
            derived.ids_crc32(ids),
            head_bytes,
            head_crc32,
            learned_from,
        )
