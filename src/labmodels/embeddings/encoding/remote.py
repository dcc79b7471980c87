"""An encoder behind an endpoint: batches, empty texts, counts and checks.

Keys, cost and rate limits are left to the `embed` that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from labmodels.embeddings.encoding.protocol import checked

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.fingerprint import Fingerprint
    from labmodels.embeddings.encoding.protocol import Progress, Vectors

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
_BYTES_A_TOKEN = 3  # English prose has 4 to 5, code about 3: the count is rather too high than too low


class RemoteEncoder:
    """A model that only its provider sees. Tokens are estimated from bytes; nothing of a text is cut off here."""

    def __init__(self, embed: Embed, identity: Fingerprint, batch_size: int, warnings: tuple[str, ...] = ()) -> None:
        self.identity = identity
        self.fingerprint = identity.short
        self.dimensions = identity.dimensions
        self.max_tokens = identity.max_tokens
        self.warnings = warnings
        self._embed = embed
        self._batch_size = batch_size

    def count(self, text: str) -> int:
        """Return an estimate of a document's tokens, prompt included."""
        return -(-len((self.identity.document_prompt + text).encode(errors="replace")) // _BYTES_A_TOKEN)

    def documents(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return a vector for each text, `batch_size` of them a request."""
        import numpy as np

        parts = [np.empty((0, self.dimensions), dtype=np.float32)]
        for start in range(0, len(texts), self._batch_size):
            part = texts[start : start + self._batch_size]
            parts.append(self._asked([self.identity.document_prompt + text for text in part]))
            if progress:
                progress(len(part))
        return np.concatenate(parts)

    def query(self, text: str) -> Vectors:
        """Return the vector of a query."""
        vector: Vectors = self._asked([self.identity.query_prompt + text])[0]
        return vector

    def _asked(self, texts: list[str]) -> Vectors:
        import numpy as np

        answered = self._embed([text if text.strip() else "-" for text in texts])  # endpoints refuse texts without a character
        lengths = {len(vector) for vector in answered}
        vectors: Vectors = np.array(answered if len(lengths) == 1 else [[]], dtype=np.float32)
        return checked(vectors, len(texts), self.dimensions, self.identity.normalize, self.identity.weights)
