"""Writes the vectors that sentence-transformers gives the texts of the parity test, for the default weights: needs `[encoders]`.

To be run again when these texts change; tests/embeddings/encoding says when the file is not what sentence-transformers gives.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from labmodels.embeddings.encoding import parity
from labmodels.embeddings.encoding.fingerprint import Fingerprint
from labmodels.embeddings.encoding.reference import ReferenceEncoder
from labmodels.embeddings.encoding.weights import find_weights

MODEL, MAX_TOKENS = "all-MiniLM-L6-v2", 256


def main() -> None:
    """Replace the file."""
    weights = find_weights(MODEL, Path(), fetch=False)
    with tempfile.TemporaryDirectory() as cache:
        digests = weights.weights_digest(Path(cache)), weights.tokenizer_digest(Path(cache))
    identity = Fingerprint(*digests, 384, MAX_TOKENS, "mean", True, "", "", "sentence-transformers", "float32")
    vectors = ReferenceEncoder(weights.folder, identity, batch_size=1).documents(parity.TEXTS)
    file = parity.on_file(*digests, MAX_TOKENS, "mean")
    file.parent.mkdir(exist_ok=True)
    np.save(file, vectors.astype(np.float16))
    print(f"{file}: {len(vectors)} vectors")


if __name__ == "__main__":
    main()
