"""The reference: sentence-transformers, which loads any model and takes seconds to import. On a GPU when there is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.embeddings.encoding.protocol import checked
from labmodels.errors import MissingExtra, StorageFault

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.fingerprint import Fingerprint
    from labmodels.embeddings.encoding.protocol import Progress, Vectors

_WINDOW = 1024  # texts between two reports of progress
_POOLING = {"mean": "mean", "cls": "cls", "last": "lasttoken"}


class ReferenceEncoder:
    """A model as sentence-transformers runs it, in float32. Loaded when it is made; runs no code that comes with the weights."""

    def __init__(self, folder: Path, identity: Fingerprint, batch_size: int, warnings: tuple[str, ...] = ()) -> None:
        self.identity = identity
        self.fingerprint = identity.short
        self.dimensions = identity.dimensions
        self.max_tokens = identity.max_tokens
        self.warnings = warnings
        self._folder = folder
        self._batch_size = batch_size
        self._model = _loaded(folder, identity)

    def count(self, text: str) -> int:
        """Return the tokens of a document, prompt and marks included."""
        return len(self._model.tokenizer(self.identity.document_prompt + text, truncation=False, verbose=False)["input_ids"])

    def documents(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return a vector for each text."""
        import numpy as np

        parts = [np.empty((0, self.dimensions), dtype=np.float32)]
        for start in range(0, len(texts), _WINDOW):
            part = texts[start : start + _WINDOW]
            parts.append(self._encoded([self.identity.document_prompt + text for text in part]))
            if progress:
                progress(len(part))
        return np.concatenate(parts)

    def query(self, text: str) -> Vectors:
        """Return the vector of a query."""
        vector: Vectors = self._encoded([self.identity.query_prompt + text])[0]
        return vector

    def _encoded(self, texts: list[str]) -> Vectors:
        vectors = self._model.encode(texts, batch_size=self._batch_size, show_progress_bar=False, convert_to_numpy=True)
        return checked(vectors, len(texts), self.dimensions, self.identity.normalize, str(self._folder))


def _loaded(folder: Path, identity: Fingerprint) -> Any:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("sentence-transformers", "encoders") from None
    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        model = SentenceTransformer(str(folder), device=device, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise StorageFault(f"sentence-transformers cannot load {folder}: {error}", hint="fetch or install the model again") from None
    model.max_seq_length = identity.max_tokens
    for module in model:
        if hasattr(module, "pooling_mode") and identity.pooling in _POOLING:
            module.pooling_mode = _POOLING[identity.pooling]
    return model
