"""Decides when a domain's derived file is made again, and makes it. What is in it, and how it is read, is `derived`'s."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from labmodels.durable import DISK, FileSystem
from labmodels.embeddings.store import builds, derived
from labmodels.embeddings.store.derived import Damaged, DerivedIndex, Header, State
from labmodels.embeddings.store.reader import file_of
from labmodels.embeddings.store.spaces import as_rows
from labmodels.embeddings.store.truth import Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Vector = NDArray[np.float32]

BLOCK = 8192  # vectors held at once


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
        _write(connection, live, path, before, files)
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


def _write(connection: Connection, live: builds.Live, path: Path, before: DerivedIndex | None, files: FileSystem) -> None:
    """Write the file of what is live; `before` is the one that it may grow from."""
    import numpy as np

    build, number, space = live.build, live.generation, live.space
    query = "SELECT DISTINCT vector FROM chunks WHERE build = ? AND born <= ? AND (died IS NULL OR died > ?) ORDER BY vector"
    ids = np.array([row[0] for row in connection.execute(query, (build.id, number, number))], dtype=np.int64)

    def blocks(wanted: Ids) -> Iterator[Vector]:
        query = "SELECT vector FROM vectors WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        for start in range(0, len(wanted), BLOCK):
            part = wanted[start : start + BLOCK]
            found = connection.execute(query, (json.dumps(part.tolist()),)).fetchall()
            yield as_rows([row[0] for row in found], space.dimensions)

    state = derived.State(build.domain, build.token, number, space.fingerprint, space.dimensions)
    write_index(path, state, ids, blocks, before, files)


def write_index(
    path: Path,
    state: State,
    ids: Ids,
    blocks: Callable[[Ids], Iterator[Vector]],
    before: DerivedIndex | None = None,
    files: FileSystem = DISK,
) -> None:
    """Write a file of the vectors `ids`, ascending, which `blocks` gives by `BLOCK`: as a matrix, or in clusters where they are many."""
    import numpy as np

    if len(ids) <= derived.MOST_ROWS:
        size = derived.matrix_bytes(len(ids), state.dimensions)
        header = Header(*state, len(ids), size, derived.ids_crc32(ids))
        derived.write(path, header, ids, derived.matrix(state.dimensions, blocks(ids)), files)
        return
    from labmodels.embeddings.store import clusters

    if before is not None and _can_grow(before, ids):
        learned_from, added = before.header.learned_from, np.setdiff1d(ids, before.ids, assume_unique=True)
        packed = clusters.packed(clusters.loaded(before.payload), _with_ids(added, blocks(added)))
        ids = np.union1d(ids, before.ids)
    else:
        size = min(len(ids), clusters.LEARNED_FROM * clusters.cluster_count(len(ids)))
        chosen = np.sort(np.random.default_rng(0).choice(ids, size, replace=False))  # the same ones every time
        learned_from, empty = len(ids), clusters.cluster(np.concatenate(list(blocks(chosen))), len(ids))
        packed = clusters.packed(empty, _with_ids(ids, blocks(ids)))
    header = Header(*state, len(ids), len(packed.data), derived.ids_crc32(ids), packed.head_bytes, packed.head_crc32, learned_from)
    derived.write(path, header, ids, packed.pieces(), files)


def _can_grow(before: DerivedIndex, ids: Ids) -> bool:
    """Whether a file's clusters still fit: they were found in half of the vectors at least, and few of its own have died."""
    import numpy as np

    died = len(np.setdiff1d(before.ids, ids, assume_unique=True))
    return len(ids) <= 2 * before.header.learned_from and not is_due(len(before.ids), 0, died)


def _with_ids(ids: Ids, blocks: Iterator[Vector]) -> Iterator[tuple[Ids, Vector]]:
    at = 0
    for block in blocks:
        yield ids[at : at + len(block)], block
        at += len(block)
