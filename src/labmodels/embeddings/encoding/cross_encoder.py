"""Scores texts by reading each together with the query, on OpenVINO: better than comparing vectors, and many times slower."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.embeddings.encoding.graph import build_scorer, why_no_scorer
from labmodels.embeddings.encoding.runtime import compiled
from labmodels.embeddings.encoding.tokens import Tokens
from labmodels.embeddings.encoding.weights import find_weights
from labmodels.errors import Usage

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.weights import Weights

_TOGETHER = 8
_LONGEST_QUERY = 1_000  # characters: more would leave no room for the text


class CrossEncoder:
    """A BERT with a head of one number, such as those of the MS MARCO family. Loaded at its first use; float32."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._tokens = Tokens(weights.tokenizer_file, weights.max_tokens)

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text: more is better, and the numbers compare within one query only."""
        pairs = self._tokens.pairs(query[:_LONGEST_QUERY], texts)
        by_length = sorted(range(len(texts)), key=lambda at: len(pairs[at][0]))
        scores = [0.0] * len(texts)
        for first in range(0, len(by_length), _TOGETHER):
            places = by_length[first : first + _TOGETHER]
            given = self._compiled(_padded([pairs[at] for at in places]))[0]
            for at, score in zip(places, given[:, 0].tolist(), strict=True):
                scores[at] = score
        return scores

    @cached_property
    def _compiled(self) -> Any:
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        return compiled(build_scorer(self._weights), settings)


def cross_encoder_of(model: str, root: Path) -> CrossEncoder:
    """Return the cross-encoder of that name: a folder below `root`, or a model in the hub's cache. Raises MissingWeights, Usage."""
    weights = find_weights(model, root, fetch=False)
    reason = why_no_scorer(weights)
    if reason:
        raise Usage(f"{model} scores no passages: {reason}", hint="set `reranker` to a cross-encoder, or to nothing")
    return CrossEncoder(weights)


def _padded(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Any]:
    """Return tokens, the mask that says which are read, and which of the two texts each is of."""
    import numpy as np

    ids = np.zeros((len(pairs), max(len(tokens) for tokens, _ in pairs)), dtype=np.int64)
    mask, kinds = np.zeros_like(ids), np.zeros_like(ids)
    for row, (tokens, of_texts) in enumerate(pairs):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        kinds[row, : len(tokens)] = of_texts
    return [ids, mask, kinds]
