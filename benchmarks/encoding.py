"""The encoder against `SentenceTransformer.encode` as its users call it, on the same weights and the standard library's sources."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure
from labmodels.embeddings.encoding.batching import embedded
from labmodels.embeddings.encoding.protocol import Encoder
from labmodels.embeddings.encoding.runtime import has_bfloat16

CHUNKS = 400
COLD_ROUNDS = 5
QUESTION = "how do I rotate a provider key"


def figures(folder: Path) -> list[Figure]:
    """Measure in a process for each run, with the cache of exports below `folder`."""
    cache = str(folder)
    _measured("ours", cache, "4")  # exports, so that no run below does
    theirs, ours = _measured("theirs", cache, str(CHUNKS)), _measured("ours", cache, str(CHUNKS))
    more = _measured("ours", cache, str(4 * CHUNKS))
    cold = {what: min(_wall_s(what, cache) for _ in range(COLD_ROUNDS)) for what in ("query", "their-query")}
    agree = min(sum(a * b for a, b in zip(*pair, strict=True)) for pair in zip(theirs["vectors"], ours["vectors"], strict=True))
    return [
        Figure("chunks per CPU second", ours["rate"] / theirs["rate"], "x st.encode", 2.5 if has_bfloat16() else 1.5, at_least=True),
        Figure("the same, ours", ours["rate"], "chunks/CPU s"),
        Figure("least cosine to st.encode, x 1000", 1000 * agree, "", 999.5, at_least=True),
        Figure("a cold query", cold["query"] / cold["their-query"], "x st", 0.12),
        Figure("the same, ours", cold["query"], "s"),
        Figure("peak memory, four times the chunks", more["peak_mb"] / ours["peak_mb"], "x", 1.1),
        Figure("the same, ours", more["peak_mb"], "MB"),
    ]


def _wall_s(what: str, cache: str) -> float:
    start = time.perf_counter()
    _measured(what, cache, "0")
    return time.perf_counter() - start


def _measured(*arguments: str) -> Any:
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "benchmarks.encoding", *arguments]
    answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def _chunks(count: int) -> list[str]:
    """Return `count` pieces of source of about 600 characters, the same in every run on a machine."""
    found: list[str] = []
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        piece = ""
        for paragraph in file.read_text(encoding="utf-8", errors="replace").split("\n\n"):
            if piece and len(piece) + len(paragraph) > 700:
                found.append(piece)
                piece = ""
            piece += paragraph + "\n\n"
        found.append(piece)
    return random.Random(1).sample(found, count)


def _run(what: str, cache: str, count: int) -> Any:
    if what in ("theirs", "their-query"):
        from sentence_transformers import SentenceTransformer

        from labmodels.embeddings.encoding.weights import find_weights

        model = SentenceTransformer(str(find_weights("all-MiniLM-L6-v2", Path(), fetch=False).folder), device="cpu")
        return model.encode(QUESTION).tolist() if what == "their-query" else _timed(model.encode, _chunks(count))
    from labmodels.config.schema.embedding_model import EmbeddingModel
    from labmodels.embeddings.encoding.encoder import encoder_of

    config = EmbeddingModel(name="text", provider="sentence_transformers", model="all-MiniLM-L6-v2", dimensions=384, max_tokens=256)
    encoder = encoder_of(config, Path(cache), for_query=what == "query")
    return encoder.query(QUESTION).tolist() if what == "query" else _timed(lambda texts: _in_windows(encoder, texts), _chunks(count))


def _in_windows(encoder: Encoder, texts: list[str]) -> Any:
    """Return the vectors of the first window alone: an update writes each window away before the next."""
    first, *_ = (vectors for _, vectors in embedded(encoder, ((text, text) for text in texts), window=CHUNKS))
    return first


def _timed(encode: Any, chunks: list[str]) -> dict[str, Any]:
    encode(chunks[:4])  # the first call compiles
    start = time.process_time()
    vectors = encode(chunks)
    rate = len(chunks) / (time.process_time() - start)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": rate, "peak_mb": peak_mb, "vectors": vectors[:CHUNKS].tolist()}


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
