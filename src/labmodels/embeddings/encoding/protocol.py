"""What an encoder keeps, whichever library or endpoint is behind it, and the check that every vector passes before it is handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from labmodels.errors import ExitCode, LabmodelsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labmodels.embeddings.encoding.fingerprint import Fingerprint

    Vectors = NDArray[np.float32]

Progress = Callable[[int], None]
"""Is told how many more texts have their vector."""


class Encoder(Protocol):
    """Turns texts into vectors of one space. Vectors are float32, and of length 1 where the configuration says `normalize`."""

    @property
    def identity(self) -> Fingerprint:
        """Everything that the vectors depend on."""

    @property
    def fingerprint(self) -> str:
        """The short form of `identity`; vectors of two fingerprints are never compared."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read; what is beyond is cut off."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about this encoder, a sentence each."""

    def count(self, text: str) -> int:
        """Return the tokens of a document with the model's own prompt and marks: up to `max_tokens`, nothing is cut off."""

    def documents(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Return a vector for each text, in their order: (n, dimensions). Raises BadVector."""

    def query(self, text: str) -> Vectors:
        """Return the vector of a query: (dimensions,). Raises BadVector."""


class BadVector(LabmodelsError):
    """An encoder gave what is no vector of its space. Nothing of it was kept."""

    exit_code = ExitCode.STORAGE


def checked(vectors: Vectors, count: int, dimensions: int, normalize: bool, model: str) -> Vectors:
    """Return `vectors` as contiguous float32, of length 1 if `normalize`. Raises BadVector for a wrong shape, NaN and infinity.

    A vector of zeros has no direction: it is an error where vectors are normalised.
    """
    import numpy as np

    if vectors.shape != (count, dimensions):
        got = " x ".join(map(str, vectors.shape))
        raise BadVector(
            f"{model} gave {got} numbers where {count} x {dimensions} were expected", hint="set `dimensions` to what the model gives"
        )
    sound = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(sound, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (normalize and not lengths.all()):
        damaged = int(np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))[0])
        raise BadVector(f"{model} gave NaN, infinity or zeros for text {damaged + 1} of {count}", hint="labmodels embeddings check")
    return sound / lengths if normalize else sound
