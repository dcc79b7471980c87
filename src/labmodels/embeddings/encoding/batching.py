"""Decides which texts are encoded together, and how much of a corpus is held at once. Encodes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.protocol import Encoder, Progress, Vectors

Key = TypeVar("Key")
_WINDOW = 2048  # texts: enough to sort by length, a few megabytes with their vectors


class Pace(NamedTuple):
    """How far a run is: `done` of `total` texts after `elapsed_s` seconds."""

    done: int
    total: int
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Texts per second so far."""
        return self.done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """The seconds that the rest takes at this rate; None before the first text."""
        return (self.total - self.done) / self.rate if self.rate else None


def batches(lengths: Sequence[int], most_texts: int, most_tokens: int) -> Iterator[list[int]]:
    """Yield the positions of texts of like length together, the longest first, so that little is padding.

    A batch holds at most `most_texts` texts and, with its padding, at most `most_tokens` tokens; a longer text stands alone.
    """
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    start = 0
    while start < len(order):
        longest = max(lengths[order[start]], 1)
        end = start + max(1, min(most_texts, most_tokens // longest))
        yield order[start:end]
        start = end


def embedded(
    encoder: Encoder, items: Iterable[tuple[Key, str]], progress: Progress | None = None, window: int = _WINDOW
) -> Iterator[tuple[list[Key], Vectors]]:
    """Yield keys with the vectors of their texts, `window` at a time, in order: memory does not depend on how many there are."""
    remaining = iter(items)
    while held := list(islice(remaining, window)):
        yield [key for key, _ in held], encoder.documents([text for _, text in held], progress)
