"""The file that makes an index fast: its vectors as one memory-mapped matrix. Made from the truth, never read back into it.

It may lag behind the truth: whoever searches adds what was born since and drops what has died. Layout: a header of whole pages (JSON), the
vectors' ids in ascending order (int64), their rows (float32), the sum of all rows (float64), and the SHA-256 of all that. Measured: up to
a few hundred thousand rows one product with a mapped matrix is as fast as FAISS, exact, and loads nothing that a cold shell waits for.

What is guaranteed: opening verifies the header, the size and the ids; every search that reads all rows verifies them too, since the sum of
its scores must be the query's product with the sum of the rows; `verify` reads and compares everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.durable import DISK, FileSystem
from labmodels.errors import StorageFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
    Ids = NDArray[np.int64]

_MAGIC = b"labmodels index 1\n"
_PAGE = 4096
_SUM_TOLERANCE = 1e-2  # of one score, which is at most 1; what float32 loses over 300,000 rows is below a tenth of it


class Damaged(StorageFault):
    """A derived file is not what was written. Nothing is lost: it is made again from the truth."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} is damaged: {what}", hint="labmodels embeddings check")


@dataclass(frozen=True, slots=True)
class Header:
    """Which state of which index a file holds."""

    domain: str
    build: int
    generation: int
    fingerprint: str
    dimensions: int
    count: int
    ids_crc32: int

    @property
    def rows_at(self) -> int:
        """Where the rows begin, counted from the first byte after the header."""
        return 8 * self.count

    @property
    def sum_at(self) -> int:
        """Where the sum of the rows begins."""
        return self.rows_at + 4 * self.count * self.dimensions

    @property
    def digest_at(self) -> int:
        """Where the digest begins; it is the end."""
        return self.sum_at + 8 * self.dimensions


def write(path: Path, header: Header, ids: Ids, blocks: Iterable[Vector], files: FileSystem = DISK) -> None:
    """Write the file of `header`, whose vectors come in `blocks` in the order of `ids`; all or nothing, durably."""
    files.make_folder(path.parent, 0o755)
    files.write_chunks(path, _with_digest(_content(header, ids, blocks)))


def _content(header: Header, ids: Ids, blocks: Iterable[Vector]) -> Iterator[bytes]:
    import numpy as np

    yield _packed(header)
    yield ids.astype("<i8").tobytes()
    whole = np.zeros(header.dimensions, dtype="<f8")
    for block in blocks:
        rows = block.astype("<f4")
        whole += rows.sum(axis=0, dtype="<f8")
        yield rows.tobytes()
    yield whole.tobytes()


def _with_digest(parts: Iterable[bytes]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        yield part
    yield digest.digest()


def _packed(header: Header) -> bytes:
    text = json.dumps(asdict(header), sort_keys=True).encode()
    line = _MAGIC + hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
    return line + b" " * (-len(line) % _PAGE)


class DerivedIndex:
    """An open file of vectors. It stays whole for as long as it is open, also when another one takes its name."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`. Raises FileNotFoundError, Damaged."""
        import numpy as np

        self.path = path
        with path.open("rb") as file:
            self.header, start = _read_header(path, file)
            if os.fstat(file.fileno()).st_size != start + self.header.digest_at + hashlib.sha256().digest_size:
                raise Damaged(path, "it is cut off, or longer than it was")
            self._bytes = np.memmap(file, np.uint8, "r")
        data = self._bytes[start:]
        header = self.header
        self.ids: Ids = data[: header.rows_at].view("<i8")
        if zlib.crc32(self.ids.data) != header.ids_crc32:
            raise Damaged(path, "its ids are not those that were written")
        self._rows = data[header.rows_at : header.sum_at].view("<f4").reshape(header.count, header.dimensions)
        self._sum = data[header.sum_at : header.digest_at].view("<f8")

    def search(self, query: Vector, limit: int, allowed: Ids | None = None) -> tuple[Ids, Vector]:
        """Return the ids and cosines of the `limit` nearest vectors, in no order; `allowed` are the ids to look at. Raises Damaged."""
        import numpy as np

        if allowed is None:
            ids, scores = self.ids, self._rows @ query
            expected = float(self._sum @ query.astype("<f8"))
            if not abs(float(scores.sum(dtype="<f8")) - expected) < _SUM_TOLERANCE:
                raise Damaged(self.path, "its vectors are not those that were written")
        else:
            places = np.flatnonzero(np.isin(self.ids, allowed, assume_unique=True))
            ids, scores = self.ids[places], self._rows[places] @ query
        if len(ids) <= limit:
            return ids, scores
        best = np.argpartition(scores, -limit)[-limit:]
        return ids[best], scores[best]

    def verify(self) -> None:
        """Read everything. Raises Damaged when one bit is not as it was written."""
        size = hashlib.sha256().digest_size
        if hashlib.sha256(self._bytes[:-size].data).digest() != self._bytes[-size:].tobytes():
            raise Damaged(self.path, "its contents are not those that were written")


def _read_header(path: Path, file: Any) -> tuple[Header, int]:
    """Return the header and where it ends."""
    start = file.read(_PAGE)
    if not start.startswith(_MAGIC):
        raise Damaged(path, "it does not begin as an index does")
    line, newline, _ = start[len(_MAGIC) :].partition(b"\n")
    digest, _, text = line.partition(b" ")
    if not newline or hashlib.sha256(text).hexdigest().encode() != digest:
        raise Damaged(path, "its header is not the one that was written")
    return Header(**json.loads(text)), _PAGE


def ids_crc32(ids: Ids) -> int:
    """Return what the header holds to verify the ids."""
    return zlib.crc32(ids.astype("<i8").tobytes())
