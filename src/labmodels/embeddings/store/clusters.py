"""Vectors in clusters, for indexes that are too large to be compared one by one: FAISS's inverted lists of vectors in 8 bits a number.

The one module that imports FAISS. It is handed sound vectors only: FAISS takes NaN, duplicate ids and wrong sizes without a word, or
aborts. An index that is mapped is only searched: adding to one aborts, too.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labmodels.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Ids = NDArray[np.int64]
    Vector = NDArray[np.float32]

LOOKED_INTO = 32  # clusters of a search
LEARNED_FROM = 50  # vectors a cluster is found from
_WRITTEN_BYTES = 1 << 22


class Packed(NamedTuple):
    """Clusters as they are written: the bytes, and how many of the first ones the rest is navigated by."""

    data: Bytes
    head_bytes: int
    head_crc32: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        for start in range(0, len(self.data), _WRITTEN_BYTES):
            yield self.data[start : start + _WRITTEN_BYTES].tobytes()


class Clusters:
    """Clusters in a mapped payload, to be searched."""

    def __init__(self, payload: Bytes) -> None:
        faiss = _faiss()
        self._payload = payload  # FAISS reads from where it lies
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(payload), payload.nbytes)
        self._index = faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC)

    def search(self, query: Vector, limit: int, allowed: Ids | None) -> tuple[Ids, Vector]:
        """Return ids and approximate cosines of `limit` near vectors, the best first."""
        import numpy as np

        faiss = _faiss()
        parameters = faiss.SearchParametersIVF(nprobe=LOOKED_INTO)
        if allowed is not None:
            # Few of what is allowed may lie in the nearest clusters: the fewer there are, the more clusters are looked into.
            share = max(len(allowed), 1) / max(self._index.ntotal, 1)
            nprobe = min(self._index.nlist, math.ceil(LOOKED_INTO / share))
            parameters = faiss.SearchParametersIVF(sel=faiss.IDSelectorBatch(allowed), nprobe=nprobe)
        scores, ids = self._index.search(np.ascontiguousarray(query[None], dtype=np.float32), limit, params=parameters)
        is_hit = ids[0] >= 0
        return ids[0][is_hit], scores[0][is_hit]


def cluster(sample: Vector, count: int) -> Any:
    """Find clusters for `count` vectors in a sample of them; return an empty index."""
    faiss = _faiss()
    dimensions = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dimensions)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dimensions, cluster_count(count), faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.train(sample)
    return index


def cluster_count(count: int) -> int:
    """Return into how many clusters `count` vectors go: with twice the root a search reads about as many centres as vectors."""
    return max(1, 2 * math.isqrt(count))


def loaded(payload: Bytes) -> Any:
    """Return the index of a payload in memory of its own, to be added to."""
    return _faiss().deserialize_index(payload)


def packed(index: Any, blocks: Iterable[tuple[Ids, Vector]]) -> Packed:
    """Add blocks of vectors with their ids to an index, and return it as it is written."""
    for ids, rows in blocks:
        index.add_with_ids(rows, ids)
    data = _faiss().serialize_index(index)
    head_bytes = len(data) - index.ntotal * (index.code_size + 8)  # the lists' codes and ids come last
    return Packed(data, head_bytes, zlib.crc32(data[:head_bytes].data))


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise MissingExtra("faiss-cpu", "embeddings") from None
    return faiss
