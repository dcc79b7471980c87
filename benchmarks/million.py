"""A derived index of many clustered vectors: how fast it opens and answers, how much of it is found, what it keeps in memory.

The vectors lie around a few thousand centres, as those of texts do; the queries are drawn beside some of them. What should be found is
worked out while the file is written, by comparing every vector.
"""

from __future__ import annotations

import json
import resource
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

    Vectors = NDArray[np.float32]

VECTORS, DIMENSIONS = 1_000_000, 384
QUERIES, K = 50, 10
_CENTRES, _SPREAD, _BLOCK = 4_000, 0.8, 20_000  # the spread: length of what is drawn around a centre of length 1


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

    from labmodels.embeddings.store import derived

    random = np.random.default_rng(1)
    centres = _of_length_1(random.standard_normal((_CENTRES, DIMENSIONS), dtype=np.float32))
    queries = _around(centres[random.integers(_CENTRES, size=QUERIES)], random)
    np.save(queries_path, queries)
    scores = np.empty((QUERIES, count), dtype=np.float32)

    def blocks() -> Iterator[Vectors]:
        for start in range(0, count, _BLOCK):
            block = _around(centres[random.integers(_CENTRES, size=min(_BLOCK, count - start))], random)
            scores[:, start : start + len(block)] = queries @ block.T
            yield block

    ids = np.arange(1, count + 1, dtype=np.int64)
    header = derived.Header("many", 1, 1, "drawn", DIMENSIONS, count, derived.ids_crc32(ids))
    derived.write(path, header, ids, blocks())
    return [set((np.argpartition(row, -K)[-K:] + 1).tolist()) for row in scores]


def _around(centres: Vectors, random: np.random.Generator) -> Vectors:
    import numpy as np

    return _of_length_1(centres + _SPREAD * _of_length_1(random.standard_normal(centres.shape, dtype=np.float32)))


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
        ids, _ = index.search(query, K)
        took_ms.append(1000 * (time.perf_counter() - began))
        found.append(ids.tolist())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"open_s": open_s, "p50_ms": statistics.median(took_ms), "peak_mb": peak_mb, "found": found}


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), Path(sys.argv[2]))))
