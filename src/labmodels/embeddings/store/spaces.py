"""Keeps vectors: one for each text of a space, whichever documents it stands in. Nothing that is no vector of the space gets in."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from sqlite3 import Connection
from typing import TYPE_CHECKING, NamedTuple

from labmodels.embeddings.encoding.protocol import BadVector

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

_MANY = 500  # values in one statement, below SQLite's least bound
_LENGTH_TOLERANCE = 1e-2


class Space(NamedTuple):
    """A vector space as it is kept."""

    id: int
    fingerprint: str
    dimensions: int


def find_space(connection: Connection, fingerprint: str) -> Space | None:
    """Return a space by its fingerprint; None when nothing was ever embedded in it."""
    row = connection.execute("SELECT id, fingerprint, dimensions FROM spaces WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return Space(*row) if row else None


def make_space(connection: Connection, fingerprint: str, dimensions: int, parts: Mapping[str, object]) -> Space:
    """Return the space of a fingerprint, made where there is none."""
    connection.execute(
        "INSERT INTO spaces (fingerprint, dimensions, parts) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (fingerprint, dimensions, json.dumps(parts, sort_keys=True)),
    )
    space = find_space(connection, fingerprint)
    assert space is not None  # noqa: S101 - it was there or has just been made
    return space


def vector_ids(connection: Connection, space: Space, hashes: Collection[str], *, is_verified: bool = False) -> dict[str, int]:
    """Return the ids of the vectors that are there, by the hash of their text; with `is_verified` only of those that are sound."""
    wanted = [bytes.fromhex(one) for one in hashes]
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _MANY):
        part = wanted[start : start + _MANY]
        marks = ",".join("?" * len(part))
        what = "hash, id, vector" if is_verified else "hash, id"
        rows = connection.execute(f"SELECT {what} FROM vectors WHERE space = ? AND hash IN ({marks})", (space.id, *part)).fetchall()  # noqa: S608
        is_kept = sound([row[2] for row in rows], space.dimensions) if is_verified else [True] * len(rows)
        found.update((row[0].hex(), row[1]) for row, kept in zip(rows, is_kept, strict=True) if kept)
    return found


def as_rows(vectors: Sequence[bytes], dimensions: int) -> NDArray[float32]:
    """Return vectors as they are kept as rows of numbers; one that is damaged is all zeros, which is near to nothing."""
    import numpy as np

    size = 2 * dimensions
    whole = b"".join(vector if len(vector) == size else b"\0" * size for vector in vectors)
    rows: NDArray[float32] = np.frombuffer(whole, dtype="<f2").reshape(len(vectors), dimensions).astype(np.float32)
    rows[~(np.abs(np.linalg.norm(rows, axis=1) - 1) < _LENGTH_TOLERANCE)] = 0
    return rows


def sound(vectors: Sequence[bytes], dimensions: int) -> list[bool]:
    """Say of each vector as it is kept whether it is one: of its space's size, and of length 1 or all zeros."""
    import numpy as np

    size = 2 * dimensions
    whole = b"".join(vector if len(vector) == size else b"\xff" * size for vector in vectors)  # all bits set is no number
    lengths = np.linalg.norm(np.frombuffer(whole, dtype="<f2").reshape(-1, dimensions).astype(np.float32), axis=1)
    is_sound: list[bool] = ((np.abs(lengths - 1) < _LENGTH_TOLERANCE) | (lengths == 0)).tolist()
    return is_sound


def add_vectors(connection: Connection, space: Space, hashes: Sequence[str], vectors: NDArray[float32]) -> None:
    """Keep a vector for each hash, in place of one that it may have. Raises BadVector for a wrong shape, NaN and infinity."""
    import numpy as np

    if vectors.shape != (len(hashes), space.dimensions):
        got = " x ".join(map(str, vectors.shape))
        raise BadVector(
            f"the encoder gave {got} numbers where {len(hashes)} x {space.dimensions} were expected",
            hint="set `dimensions` to what the model gives",
        )
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise BadVector("the encoder gave NaN or infinity", hint="labmodels embeddings check")
    halves = (vectors / np.where(lengths == 0, 1, lengths)).astype("<f2")  # of length 1: float16 holds them within 1e-6 of a cosine
    rows = [(space.id, bytes.fromhex(digest), half.tobytes()) for digest, half in zip(hashes, halves, strict=True)]
    connection.executemany(
        "INSERT INTO vectors (space, hash, vector) VALUES (?, ?, ?) ON CONFLICT (space, hash) DO UPDATE SET vector = excluded.vector",
        rows,
    )
