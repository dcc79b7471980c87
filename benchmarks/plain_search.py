"""A search as one writes it with sentence-transformers and FAISS, without anything of ours: `plain_search.py FOLDER MODEL QUESTION`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(folder: Path, model_folder: str, question: str) -> None:
    """Print the ten passages of `folder` (passages.json, vectors.faiss) that are nearest to the question."""
    import faiss  # type: ignore[import-untyped,unused-ignore]
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(model_folder, device="cpu")
    index = faiss.read_index(str(folder / "vectors.faiss"))
    passages = json.loads((folder / "passages.json").read_text(encoding="utf-8"))
    scores, found = index.search(model.encode([question], normalize_embeddings=True), 10)
    for score, number in zip(scores[0], found[0], strict=True):
        place, text = passages[number]
        print(f"{place}  {score:.3f}\n  {text.splitlines()[0]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
