"""Runs an exported model on OpenVINO, without torch: many texts at once, or one query soon after a cold start."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.embeddings.encoding.batching import batches
from labmodels.embeddings.encoding.protocol import checked
from labmodels.embeddings.encoding.runtime import compiled
from labmodels.embeddings.encoding.tokens import Tokens
from labmodels.errors import StorageFault

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.fingerprint import Fingerprint
    from labmodels.embeddings.encoding.protocol import Progress, Vectors

MODEL_FILE = "model.xml"
_MOST_TOKENS = 2048  # of a batch, padding included: the activations of one stay in the processor's caches
_STEP = 8  # lengths are padded to a multiple of it: each shape costs a compiled kernel, and memory for it
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
_GROUP = 32  # activations that share a scale under int8, all of one token: the other texts of a batch have no say in it


class ExportedEncoder:
    """An accepted export below `folder`. The model is compiled when the first text comes; before that, only counting costs anything."""

    def __init__(self, folder: Path, tokens: Tokens, identity: Fingerprint, batch_size: int, warnings: tuple[str, ...] = ()) -> None:
        self.identity = identity
        self.fingerprint = identity.short
        self.dimensions = identity.dimensions
        self.max_tokens = identity.max_tokens
        self.warnings = warnings
        self._folder = folder
        self._tokens = tokens
        self._batch_size = batch_size

    def count(self, text: str) -> int:
        """Return the tokens of a document, prompt and marks included."""
        return self._tokens.count(self.identity.document_prompt + text)

    def documents(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return a vector for each text."""
        import numpy as np

        prompt = self.identity.document_prompt
        read = self._tokens.ids([prompt + text for text in texts])
        vectors: Vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        running: deque[tuple[Any, list[int]]] = deque()

        def finish_oldest() -> None:
            request, positions = running.popleft()
            request.wait()
            vectors[positions] = request.get_output_tensor(0).data
            if progress:
                progress(len(positions))

        try:
            for positions in batches([len(one) for one in read], self._batch_size, _MOST_TOKENS):
                if len(running) == len(self._requests):
                    finish_oldest()
                request = self._requests[0]
                self._requests.rotate(-1)
                request.start_async(_padded([read[position] for position in positions]))
                running.append((request, positions))
            while running:
                finish_oldest()
        finally:
            for request, _ in running:  # stopped halfway: the next call starts from requests at rest
                request.wait()
        return self._checked(vectors)

    def query(self, text: str) -> Vectors:
        """Return the vector of a query."""
        read = self._tokens.ids([self.identity.query_prompt + text])
        vector: Vectors = self._checked(self._for_one(_padded(read))[0])[0]
        return vector

    def warm(self) -> None:
        """Leave the compiled form for queries on disk, where the next process finds it."""
        _ = self._for_one

    def _checked(self, vectors: Vectors) -> Vectors:
        return checked(vectors, len(vectors), self.dimensions, self.identity.normalize, str(self._folder))

    @cached_property
    def _requests(self) -> deque[Any]:
        """As many as run best at once on this machine. Not OpenVINO's own queue: its callbacks want the interpreter's lock from threads
        that are joined, with the lock held, when the model is dropped.
        """
        model = self._compiled({"PERFORMANCE_HINT": "THROUGHPUT"})
        return deque(model.create_infer_request() for _ in range(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))

    @cached_property
    def _for_one(self) -> Any:
        settings = {"PERFORMANCE_HINT": "LATENCY"}
        if os.access(self._folder, os.W_OK):
            settings |= {"CACHE_DIR": str(self._folder), "CACHE_MODE": "OPTIMIZE_SIZE"}
        return self._compiled(settings)

    def _compiled(self, settings: dict[str, str]) -> Any:
        settings |= {"INFERENCE_PRECISION_HINT": _HINTS[self.identity.precision]}
        if self.identity.precision == "int8":
            settings |= {"DYNAMIC_QUANTIZATION_GROUP_SIZE": str(_GROUP)}
        try:
            return compiled(str(self._folder / MODEL_FILE), settings)
        except RuntimeError as error:
            hint = f"rm -r {self._folder}, then labmodels update-embeddings"
            raise StorageFault(f"{self._folder} is damaged: {str(error).strip().splitlines()[-1]}", hint=hint) from None


def _padded(read: Sequence[Sequence[int]]) -> list[Any]:
    """Return the tokens and the mask that says which are read, both (texts, tokens). Any token will do as padding: it is masked."""
    import numpy as np

    longest = max(map(len, read))
    ids = np.zeros((len(read), -(-longest // _STEP) * _STEP), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(read):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return [ids, mask]
