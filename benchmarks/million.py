"""A derived index of many clustered vectors: how fast it opens and answers, how much of it is found, what it keeps in memory.

The vectors lie around a few thousand centres in a space of few dimensions, as those of texts do, with some noise in all of them: near
centres overlap, as they do not when each vector is drawn around its centre in all dimensions, where every index finds everything. The
queries are drawn in the same way. What should be found is worked out by comparing every vector.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Figure, environ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Vectors = NDArray[np.float32]

VECTORS, DIMENSIONS = 1_000_000, 384
QUERIES, K = 50, 10
_SPARE = 20  # asked for beyond that: the reader scores what it gets again, by the truth
_CENTRES, _HIDDEN_DIMENSIONS, _SPREAD, _NOISE = 4_000, 32, 0.6, 0.3


def figures(folder: Path, count: int = VECTORS) -> list[Figure]:
    """Write `count` vectors below `folder` and measure in a process of its own."""
    path = folder / "many.index"
    nearest = _write(path, folder / "queries.npy", count)
    command = [sys.executable, "-m", "benchmarks.million", str(path), str(folder / "queries.npy")]
    answer = subprocess.run(command, cwd=Path(__file__).parent.parent, env=environ(), capture_output=True, text=True, check=False)
    path.unlink()
    if answer.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    told = json.loads(answer.stdout)
    recall = statistics.fmean(len(set(ids) & expected) / K for ids, expected in zip(told["found"], nearest, strict=True))
    of = f"{count:,} vectors"
    return [
        Figure(f"{of}, p50", told["p50_ms"], "ms", 5),
        Figure(f"{of}, recall@10", recall, "", 0.95, at_least=True),
        Figure(f"{of}, open", told["open_s"], "s", 0.5),
        Figure(f"{of}, resident", told["peak_mb"], "MB", 600),
    ]


def _write(path: Path, queries_path: Path, count: int) -> list[set[int]]:
    """Write the index and the queries; return the ids that each query should find."""
    import numpy as np

    from labmodels.embeddings.store.derived import State
    from labmodels.embeddings.store.refresh import BLOCK, write_index

    drawn = _Drawn()
    queries = drawn.vectors(QUERIES)
    np.save(queries_path, queries)
    vectors = np.empty((count, DIMENSIONS), dtype=np.float32)
    for start in range(0, count, BLOCK):
        vectors[start : start + BLOCK] = drawn.vectors(min(BLOCK, count - start))

    def blocks(ids: Ids) -> Iterator[Vectors]:
        return (vectors[ids[start : start + BLOCK] - 1] for start in range(0, len(ids), BLOCK))

    write_index(path, State("many", "drawn", 1, "drawn", DIMENSIONS), np.arange(1, count + 1, dtype=np.int64), blocks)
    scores = queries @ vectors.T
    return [set((np.argpartition(row, -K)[-K:] + 1).tolist()) for row in scores]


class _Drawn:
    """Draws vectors, the same ones in every run."""

    def __init__(self) -> None:
        import numpy as np

        self._random = np.random.default_rng(1)
        self._centres = self._numbers(_CENTRES, _HIDDEN_DIMENSIONS)
        self._shown = self._numbers(_HIDDEN_DIMENSIONS, DIMENSIONS)

    def vectors(self, count: int) -> Vectors:
        """Return the next `count` vectors."""
        hidden = self._centres[self._random.integers(_CENTRES, size=count)] + _SPREAD * self._numbers(count, _HIDDEN_DIMENSIONS)
        return _of_length_1(_of_length_1(hidden @ self._shown) + _NOISE * _of_length_1(self._numbers(count, DIMENSIONS)))

    def _numbers(self, *shape: int) -> Vectors:
        return self._random.standard_normal(shape, dtype="f4")


def _of_length_1(rows: Vectors) -> Vectors:
    import numpy as np

    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _measured(path: Path, queries_path: Path) -> dict[str, Any]:
    import numpy as np

    from labmodels.embeddings.store.derived import DerivedIndex

    queries = np.load(queries_path)
    began = time.perf_counter()
    index = DerivedIndex(path)
    open_s = time.perf_counter() - began
    took_ms, found = [], []
    for query in queries:
        began = time.perf_counter()
        ids, _ = index.search(query, K + _SPARE)
        took_ms.append(1000 * (time.perf_counter() - began))
        found.append(ids.tolist())
    return {"open_s": open_s, "p50_ms": statistics.median(took_ms), "peak_mb": _peak_mb(), "found": found}


def _peak_mb() -> float:
    """Return the most memory that this program had; the system's other count begins with that of whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), Path(sys.argv[2]))))
