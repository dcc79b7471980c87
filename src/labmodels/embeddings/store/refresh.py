"""Decides when a domain's derived file is made again, and makes it. What is in it, and how it is read, is `derived`'s."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import Connection
from typing import TYPE_CHECKING

from labmodels.durable import DISK, FileSystem
from labmodels.embeddings.store import builds, derived
from labmodels.embeddings.store.reader import file_of
from labmodels.embeddings.store.truth import Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 4096  # vectors held at once


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
        header = _header(path)
        if header is not None and header.build == live.build.id and header.fingerprint == live.space.fingerprint:
            born, died = _since(connection, live, header.generation)
            if not is_due(header.count, born, died):
                return False
        if files is DISK or path.parent.is_dir():
            files.make_folder(path.parent, 0o755)
        files.remove_leftovers(path.parent)
        _write(connection, live, truth, files)
    return True


def _header(path: object) -> derived.Header | None:
    from pathlib import Path

    try:
        return derived.DerivedIndex(Path(str(path))).header
    except (OSError, derived.Damaged):
        return None


def _since(connection: Connection, live: builds.Live, generation: int) -> tuple[int, int]:
    born = "SELECT count(*) FROM chunks WHERE build = ? AND born > ? AND born <= ? AND died IS NULL"
    died = "SELECT count(*) FROM chunks WHERE build = ? AND died > ? AND died <= ?"
    values = (live.build.id, generation, live.generation)
    return connection.execute(born, values).fetchone()[0], connection.execute(died, values).fetchone()[0]


def _write(connection: Connection, live: builds.Live, truth: Truth, files: FileSystem) -> None:
    import numpy as np

    build, g = live.build, live.generation
    alive = "SELECT DISTINCT vector FROM chunks WHERE build = ? AND born <= ? AND (died IS NULL OR died > ?) ORDER BY vector"
    ids = np.array([row[0] for row in connection.execute(alive, (build.id, g, g))], dtype=np.int64)
    header = derived.Header(build.domain, build.id, g, live.space.fingerprint, live.space.dimensions, len(ids), derived.ids_crc32(ids))
    derived.write(file_of(truth.folder, build), header, ids, _blocks(connection, ids, live.space.dimensions), files)


def _blocks(connection: Connection, ids: NDArray[np.int64], dimensions: int) -> Iterator[NDArray[np.float32]]:
    import json

    import numpy as np

    query = "SELECT vector FROM vectors WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
    for start in range(0, len(ids), _BLOCK):
        rows = connection.execute(query, (json.dumps(ids[start : start + _BLOCK].tolist()),)).fetchall()
        yield np.frombuffer(b"".join(row[0] for row in rows), dtype="<f2").reshape(len(rows), dimensions).astype(np.float32)
