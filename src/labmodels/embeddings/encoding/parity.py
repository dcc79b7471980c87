"""Says whether an exported model may stand for its reference: the least cosine between their vectors of the same 64 texts.

For the default weights, the vectors that sentence-transformers gives are on file beside this module (scripts/reference_vectors.py wrote
them), so that a machine without torch tests against the same reference. For other weights they are computed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.protocol import Vectors

LEAST_COSINE = {"float32": 0.9995, "bfloat16": 0.9995, "int8": 0.99}  # int8 is a choice, made with a warning
_ON_FILE = Path(__file__).with_name("reference_vectors")

_SENTENCE = "the release of a provider key is rotated when its breaker opens and every attempt in production failed"
_PIECES = (
    "", " ", "\n\n\t", "a", "?", "...", "[MASK] [SEP] [CLS]", "0", "C++", "foo-bar", "AND OR NOT", "e.g. v1.2.3-rc.4+build",
    "How do I rotate a provider key?", "The quick brown fox jumps over the lazy dog.", "THE QUICK BROWN FOX", "rollback", "roll back",
    "labmodels rollback --env production", "Roll back a release: choose its number, then check the status.",
    "E0425: not found in scope", "def mean(values):\n    return sum(values) / len(values)\n", 'for f in *.log; do gzip -9 "$f"; done',
    "SELECT a, b FROM t WHERE a > 3;", '{"name": "gpt-4", "limits": {"per_minute": 60}}', "retries:\n  most: 3\n  wait: 500 ms\n",
    "</div><p class='x'>&amp;</p>", "2026-01-31T23:59:59Z ERROR [worker-3] connection to 10.0.0.17:5432 refused",
    'http_requests_total{code="500"} 1027 1395066363000', "/usr/lib/python3/site-packages/x.py:17", "https://example.org/a/b?c=d#e",
    "0xdeadbeef 1e-12 3,141.59", "x" * 300, "ab " * 20, "Ärger über größere Übergänge", "déjà vu, à bientôt", "Привет, мир",
    "こんにちは世界", "你好,世界", "안녕하세요", "مرحبا بالعالم", "שלום", "नमस्ते", "\N{ROCKET}\N{FIRE} emoji", "e\u0301 and é",
    "\u200bzero\u200bwidth", "tab\tseparated\tvalues", "naïve café \N{LATIN SMALL LIGATURE FI}ne", "½ of 10³ ≤ ∞",
)  # fmt: skip
_REPEATED = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15, 20, 40, 60)  # 18 tokens each: the limit of most models lies among them
TEXTS: tuple[str, ...] = _PIECES + tuple(" ".join([_SENTENCE] * times) for times in _REPEATED)


def on_file(weights: str, tokenizer: str, max_tokens: int, pooling: str) -> Path:
    """Return where the reference's vectors of this model are on file, if they are."""
    told = "\0".join((weights, tokenizer, str(max_tokens), pooling, *TEXTS))
    return _ON_FILE / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.npy"


def least_cosine(vectors: Vectors, reference: Vectors) -> float:
    """Return the least cosine between rows of the same number; -1 where one is NaN, infinite or zero, or the shapes differ."""
    import numpy as np

    if vectors.shape != reference.shape:
        return -1.0
    wide, reference_wide = vectors.astype(np.float64), reference.astype(np.float64)
    with np.errstate(all="ignore"):
        cosines = (wide * reference_wide).sum(1) / (np.linalg.norm(wide, axis=1) * np.linalg.norm(reference_wide, axis=1))
    return float(np.nan_to_num(cosines, nan=-1.0).min())
