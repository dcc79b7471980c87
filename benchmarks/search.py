"""Search: from a cold shell beside sentence-transformers with FAISS, again and again in one process, over a million vectors, and how
well it finds what the judged sets ask for.

The index that is timed has drawn vectors (`generated_index`), that of the judged sets true ones.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, quantiles
from typing import TYPE_CHECKING

from benchmarks import generated_index, million, plain_search
from benchmarks.judged import SETS, Judged, judged
from benchmarks.measure import LABMODELS, Figure, best_of, environ, spent
from labmodels.embeddings.encoding.weights import find_weights
from labmodels.embeddings.store.truth import FILE_NAME
from labmodels.grading.retrieval import ndcg
from labmodels.lab import Lab
from labmodels.statistics.retrieval import compare_with_best
from labmodels.statistics.verdicts import Outcome
from labmodels.wiring import default_environment
from labmodels.wiring.search import LabSearch

if TYPE_CHECKING:
    from labmodels.embeddings.search.gather import Mode
    from labmodels.embeddings.stored import StoredChunk
    from labmodels.statistics.verdicts import Verdict

ROOT = Path(__file__).resolve().parent.parent
COLD_ROUNDS, WARM_ROUNDS = 5, 3
QUESTION = "how do I rotate a provider key"
QUERIES = 50
_CHARACTERS = 4_000_000  # of manual pages, and again of sources: together somewhat more than 20,000 chunks
_LAB = ("README.md", "labmodels.yaml", "pyproject.toml", "configs", "docs", "logs", "src")  # what the judged sets ask about
_MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")


def figures(folder: Path) -> list[Figure]:
    """Measure on labs that are laid out below `folder`."""
    lab = folder / "lab"
    return [*_cold(lab, folder / "plain"), _warm(lab), *million.figures(folder), *_retrieval(folder / "judged")]


# -- how fast --------------------------------------------------------------------------------------------------------------


def _cold(lab: Path, plain: Path) -> list[Figure]:
    chunks, weights = _lay_out(lab), _lay_out_plain(lab, plain)
    search = [LABMODELS, "search", QUESTION]
    commands = {
        "plain": [sys.executable, str(plain_search.__file__), str(plain), weights, QUESTION],
        "hybrid": search,
        "lexical": [*search, "--mode", "lexical"],
    }
    took_s = {name: run.wall_s for name, run in best_of(COLD_ROUNDS, commands, lab).items()}
    return [
        Figure("chunks in the index", chunks, "", 20_000, at_least=True),
        Figure("a cold search", took_s["hybrid"] / took_s["plain"], "x st + faiss", 0.12),
        Figure("the same, ours", took_s["hybrid"], "s"),
        Figure("a cold search by words", took_s["lexical"] / took_s["plain"], "x st + faiss", 0.04),
        Figure("the same, ours", took_s["lexical"], "s"),
        Figure("sentence-transformers + faiss", took_s["plain"], "s"),
    ]


def _lay_out(lab: Path) -> int:
    manuals = {f"docs/man/{name}.md": text for name, text in generated_index.up_to(_CHARACTERS, generated_index.pages())}
    sources = {f"src/{path}": text for path, text in generated_index.up_to(_CHARACTERS, generated_index.sources())}
    indexes = generated_index.lay_out(lab, manuals | sources)
    return sum(generated_index.index(indexes, domain) for domain in ("documentation", "source_code"))


def _lay_out_plain(lab: Path, plain: Path) -> str:
    """Write the same passages and vectors as one would beside FAISS; return where the weights are."""
    import faiss  # type: ignore[import-untyped,unused-ignore]
    import numpy as np

    query = "SELECT c.path || ':' || c.line, c.text, v.vector FROM chunks c JOIN vectors v ON v.id = c.vector ORDER BY c.id"
    connection = sqlite3.connect(lab / "embeddings" / FILE_NAME)
    rows = connection.execute(query).fetchall()
    connection.close()
    vectors = np.stack([np.frombuffer(row[2], dtype="<f2") for row in rows]).astype(np.float32)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    plain.mkdir()
    faiss.write_index(index, str(plain / "vectors.faiss"))
    (plain / "passages.json").write_text(json.dumps([row[:2] for row in rows]), encoding="utf-8")
    return str(find_weights("all-MiniLM-L6-v2", Path(), fetch=False).folder)


def _warm(lab: Path) -> Figure:
    return Figure(f"p95 of {QUERIES} queries in one process", 1000 * min(_p95_s(lab) for _ in range(WARM_ROUNDS)), "ms", 60)


def _p95_s(lab: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.search", str(lab)]
    answer = subprocess.run(command, cwd=ROOT, env=environ(), capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    taken_s: list[float] = json.loads(answer.stdout)
    return quantiles(taken_s, n=20, method="inclusive")[-1]


def _queries_s(lab: Path) -> list[float]:
    """Return what each of a row of searches took, the first with the load of the encoder."""
    taken = []
    with LabSearch(Lab(lab), generated_index.ENVIRONMENT) as searching:
        for one in [*judged("documentation")[: QUERIES // 2], *judged("code")[: QUERIES // 2]]:
            began = time.perf_counter()
            searching.search(one.query)
            taken.append(time.perf_counter() - began)
    return taken


# -- how well --------------------------------------------------------------------------------------------------------------


def _retrieval(lab: Path) -> list[Figure]:
    """Index a copy of this repository's own lab, and ask it what was judged."""
    for name in _LAB:
        source, copy = ROOT / name, lab / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            lab.mkdir(exist_ok=True)
            shutil.copy2(source, copy)
    domains = [judged(name)[0].domain for name in SETS]
    spent([LABMODELS, "update-embeddings", *(word for domain in domains for word in ("--domain", domain)), "--incremental"], cwd=lab)
    with LabSearch(Lab(lab), default_environment(Lab(lab))) as searching:
        scores = {name: {mode: _ndcg(searching, judged(name), mode) for mode in _MODES} for name in SETS}
    compared = {name: compare_with_best(of["hybrid"], {mode: of[mode] for mode in ("lexical", "dense")}) for name, of in scores.items()}
    regressions = sum(verdict.outcome is Outcome.REGRESSION for _, verdict in compared.values())
    return [
        *(Figure(f"nDCG@10 of {name}, {mode}", fmean(of[mode].values()), "") for name, of in scores.items() for mode in _MODES),
        *(Figure(f"{name}, hybrid - {best}", verdict.difference.value, _interval(verdict)) for name, (best, verdict) in compared.items()),
        Figure("sets where hybrid is a regression", regressions, f"of {len(SETS)}", 0),
    ]


def _interval(verdict: Verdict) -> str:
    return f"[{verdict.difference.low:+.3f}, {verdict.difference.high:+.3f}]"


def _ndcg(searching: LabSearch, asked: Sequence[Judged], mode: Mode) -> dict[str, float]:
    """Return the score of each query."""
    scores = {}
    for one in asked:
        hits = searching.search(one.query, (one.domain,), mode, count=10).hits
        grades = {str(at): judgement.grade for at, judgement in enumerate(one.relevant)}
        scores[one.query] = ndcg(ranking([hit.chunk for hit in hits], one), grades)
    return scores


def ranking(chunks: Sequence[StoredChunk], asked: Judged) -> list[str]:
    """Return a ranking of chunks by the judgement that each meets, the best that none before it met; else its rank."""
    ids: list[str] = []
    for rank, chunk in enumerate(chunks):
        text = "\n".join((*chunk.trail, chunk.text))
        met = [str(at) for at, one in enumerate(asked.relevant) if one.is_met_by(chunk.path, text)]
        met.sort(key=lambda at: -asked.relevant[int(at)].grade)
        ids.append(next((at for at in met if at not in ids), met[0] if met else f"hit {rank}"))
    return ids


if __name__ == "__main__":
    print(json.dumps(_queries_s(Path(sys.argv[1]))))
