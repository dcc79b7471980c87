"""The file that makes an index fast: its vectors, memory-mapped. Made from the truth, never read back into it.

It may lag behind the truth: whoever searches adds what was born since and drops what has died. Layout: a header page (JSON), the vectors'
ids in ascending order (int64), a payload, and the SHA-256 of all that. The payload is a matrix of float32 and the sum of its rows; beyond
`MOST_ROWS` it is what `clusters` makes of them. Measured: up to a few hundred thousand rows one product with a mapped matrix is as fast as
FAISS, exact, and loads nothing that a cold shell waits for.

What is guaranteed: opening verifies the header, the size, the ids and whatever the payload is navigated by, so that no damaged file is
followed out of its bounds. A search over all rows verifies them, too: the sum of its scores must be the query's product with the sum of
the rows. `verify` compares every bit. What damage is left can hide a vector, and invent none: hits are scored from the truth.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from labmodels.durable import DISK, FileSystem
from labmodels.errors import StorageFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Ids = NDArray[np.int64]
    Vector = NDArray[np.float32]

MOST_ROWS = 300_000  # of a matrix; beyond it a search would take too long
_MAGIC = b"labmodels index 1\n"
_PAGE = 4096
_DIGEST_BYTES = hashlib.sha256().digest_size
_SUM_TOLERANCE = 1e-2  # of one score, which is at most 1; what float32 loses over 300,000 rows is below a tenth of it


class Damaged(StorageFault):
    """A derived file is not what was written. Nothing is lost: it is made again from the truth."""

    @classmethod
    def at(cls, path: Path, what: str) -> Damaged:
        """Return the fault of the file at `path`."""
        return cls(f"{path} is damaged: {what}", hint="labmodels embeddings check")


class State(NamedTuple):
    """The state of an index that a file is made from; `build` is the token of its build."""

    domain: str
    build: str
    generation: int
    fingerprint: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Header:
    """Which state of which index a file holds. `head_bytes` of the payload are what it is navigated by."""

    domain: str
    build: str
    generation: int
    fingerprint: str
    dimensions: int
    count: int
    payload_bytes: int
    ids_crc32: int
    head_bytes: int = 0
    head_crc32: int = 0
    learned_from: int = 0  # how many vectors its clusters were found in; 0: it has none


class Payload(Protocol):
    """What finds near vectors in a file."""

    def search(self, query: Vector, limit: int, allowed: Ids | None) -> tuple[Ids, Vector]:
        """Return ids and cosines of `limit` near vectors, in no order, among `allowed` where that is given. Raises Damaged."""


class DerivedIndex:
    """An open file. It stays whole for as long as it is open, also when another one takes its name."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`. Raises FileNotFoundError, Damaged."""
        import numpy as np

        self.path = path
        with path.open("rb") as file:
            self.header = _read_header(path, file)
            payload_at = _PAGE + 8 * self.header.count
            if os.fstat(file.fileno()).st_size != payload_at + self.header.payload_bytes + _DIGEST_BYTES:
                raise Damaged.at(path, "it is cut off, or longer than it was")
            self._bytes: Bytes = np.memmap(file, np.uint8, "r")
        self.ids: Ids = self._bytes[_PAGE:payload_at].view("<i8")
        self.payload: Bytes = self._bytes[payload_at:-_DIGEST_BYTES]
        if zlib.crc32(self.ids.data) != self.header.ids_crc32:
            raise Damaged.at(path, "its ids are not those that were written")
        if zlib.crc32(self.payload[: self.header.head_bytes].data) != self.header.head_crc32:
            raise Damaged.at(path, "its clusters are not those that were written")
        self._searched: Payload | None = None

    def search(self, query: Vector, limit: int, allowed: Ids | None = None) -> tuple[Ids, Vector]:
        """Return ids and cosines of `limit` near vectors, in no order; `allowed` are the ids to look at. Raises Damaged, MissingExtra."""
        if self._searched is None:
            self._searched = self._opened()
        return self._searched.search(query, limit, allowed)

    def _opened(self) -> Payload:
        if not self.header.learned_from:
            return _Matrix(self.path, self.header, self.ids, self.payload)
        from labmodels.embeddings.store.clusters import Clusters

        return Clusters(self.payload)

    def verify(self) -> None:
        """Read everything. Raises Damaged when one bit is not as it was written."""
        if hashlib.sha256(self._bytes[:-_DIGEST_BYTES].data).digest() != self._bytes[-_DIGEST_BYTES:].tobytes():
            raise Damaged.at(self.path, "its contents are not those that were written")


class _Matrix:
    """All vectors, each compared."""

    def __init__(self, path: Path, header: Header, ids: Ids, payload: Bytes) -> None:
        end = 4 * header.count * header.dimensions
        self._path, self._ids = path, ids
        self._rows: Vector = payload[:end].view("<f4").reshape(header.count, header.dimensions)
        self._sum = payload[end:].view("<f8")

    def search(self, query: Vector, limit: int, allowed: Ids | None) -> tuple[Ids, Vector]:
        import numpy as np

        if allowed is None:
            ids, scores = self._ids, self._rows @ query
            expected = float(self._sum @ query.astype("<f8"))
            if not abs(float(scores.sum(dtype="<f8")) - expected) < _SUM_TOLERANCE:
                raise Damaged.at(self._path, "its vectors are not those that were written")
        else:
            places = np.flatnonzero(np.isin(self._ids, allowed, assume_unique=True))
            ids, scores = self._ids[places], self._rows[places] @ query
        if len(ids) <= limit:
            return ids, scores
        best = np.argpartition(scores, -limit)[-limit:]
        return ids[best], scores[best]


def write(path: Path, header: Header, ids: Ids, payload: Iterable[bytes], files: FileSystem = DISK) -> None:
    """Write the file of `header`; all or nothing, durably."""
    files.make_folder(path.parent, 0o755)
    files.write_chunks(path, _with_digest([_packed(header), ids.astype("<i8").tobytes()], payload))


def matrix_bytes(count: int, dimensions: int) -> int:
    """Return the size of the payload that `matrix` makes."""
    return 4 * count * dimensions + 8 * dimensions


def matrix(dimensions: int, blocks: Iterable[Vector]) -> Iterator[bytes]:
    """Yield the payload that holds every vector as it is."""
    import numpy as np

    whole = np.zeros(dimensions, dtype="<f8")
    for block in blocks:
        rows = block.astype("<f4")
        whole += rows.sum(axis=0, dtype="<f8")
        yield rows.tobytes()
    yield whole.tobytes()


def ids_crc32(ids: Ids) -> int:
    """Return what the header holds to verify the ids."""
    return zlib.crc32(ids.astype("<i8").tobytes())


def _with_digest(*parts: Iterable[bytes]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for part in parts:
        for piece in part:
            digest.update(piece)
            yield piece
    yield digest.digest()


def _packed(header: Header) -> bytes:
    text = json.dumps(asdict(header), sort_keys=True).encode()
    line = _MAGIC + hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
    return line.ljust(_PAGE)


def _read_header(path: Path, file: IO[bytes]) -> Header:
    start = file.read(_PAGE)
    if not start.startswith(_MAGIC):
        raise Damaged.at(path, "it does not begin as an index does")
    line, newline, padding = start[len(_MAGIC) :].partition(b"\n")
    digest, _, text = line.partition(b" ")
    if not newline or padding.strip() or hashlib.sha256(text).hexdigest().encode() != digest:
        raise Damaged.at(path, "its header is not the one that was written")
    return Header(**json.loads(text))
