"""Which fusion weight to use: another than the current one only when it is better on queries that had no part in choosing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean
from typing import NamedTuple

from labmodels.statistics.estimates import Estimate
from labmodels.statistics.paired import paired_scores

_FOLDS = 10


class Proposal(NamedTuple):
    """The weight that did best on all queries, and what choosing a weight this way gains on queries that it was not chosen by."""

    best: float
    gain: Estimate
    is_better: bool  # propose `best`; else stay with the current weight


def propose_fusion(scores: Mapping[float, Sequence[float]], current: float, confidence: float = 0.90, seed: int = 0) -> Proposal:
    """Return the best weight, to be proposed only when its gain over the current one is surely more than 0.

    `scores` holds the score of each query by weight, in the same order of queries, the current weight among them. The best of many
    weights looks good on the queries that made it the best; so each tenth of the queries is scored with the weight that the other
    nine choose, and the gain is over these scores (Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", JRSS B
    36, 1974).
    """
    if current not in scores:
        raise ValueError(f"the current weight {current} has no scores")
    queries = len(scores[current])
    if queries < 2 or any(len(of_weight) != queries for of_weight in scores.values()):
        raise ValueError("every weight needs a score for each query, and there must be two queries or more")
    order = Random(seed).sample(range(queries), queries)  # noqa: S311 -- a reproducible choice, no secret
    gains: list[float] = []
    for fold in range(min(_FOLDS, queries)):
        held_out = order[fold::_FOLDS]
        kept = sorted(set(order) - set(held_out))
        chosen = _best(scores, current, kept)
        gains += [scores[chosen][query] - scores[current][query] for query in held_out]
    gain = paired_scores(gains, confidence=confidence, seed=seed)
    best = _best(scores, current, range(queries))
    return Proposal(best, gain, best != current and gain.low > 0)


def _best(scores: Mapping[float, Sequence[float]], current: float, queries: Sequence[int]) -> float:
    """Return the weight with the best mean over some queries; of equals the nearest to the current one."""
    return max(scores, key=lambda weight: (fmean(scores[weight][query] for query in queries), -abs(weight - current)))
