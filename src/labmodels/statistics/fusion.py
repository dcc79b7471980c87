"""Which fusion weight to use: another than the current one only when it is surely better, though it is the best of many tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean
from typing import NamedTuple

from labmodels.statistics.estimates import Estimate
from labmodels.statistics.paired import paired_bootstrap, unseen

_FOLDS = 10


class Proposal(NamedTuple):
    """The weight that did best, and whether to propose it in place of the current one."""

    best: float
    gain: Estimate  # of `best` over the current weight on these queries; its interval holds for all weights together
    expected_gain: float  # on queries that had no part in the choice: what to promise
    is_better: bool


def propose_fusion(scores: Mapping[float, Sequence[float]], current: float, confidence: float = 0.90, seed: int = 0) -> Proposal:
    """Return the best weight, to be proposed only when its gain over the current one is surely more than 0.

    `scores` holds the score of each query by weight, in the same order of queries, the current weight among them. The best of many
    weights looks good on the very queries that made it the best. So the interval is at Bonferroni's level for all other weights
    (Dunn, "Multiple Comparisons Among Means", JASA 56, 1961), and the expected gain is cross-validated: each tenth of the queries is
    scored with the weight that the other nine choose (Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", JRSS
    B 36, 1974). An interval of the cross-validated gain itself is too narrow, see docs/log.md.
    """
    if current not in scores:
        raise ValueError(f"the current weight {current} has no scores")
    queries = len(scores[current])
    if queries < 2 or any(len(of_weight) != queries for of_weight in scores.values()):
        raise ValueError("every weight needs a score for each query, and there must be two queries or more")
    best = _best(scores, current, range(queries))
    together = 1 - (1 - confidence) / max(len(scores) - 1, 1)
    gain = paired_bootstrap(_gains(scores, best, current, range(queries)), confidence=together, seed=seed)
    expected = _cross_validated(scores, current, seed)
    # Queries so few that half of all others may be worse prove nothing, however well each of them did.
    is_better = gain.low > 0 and expected > 0 and unseen(queries, together) < 0.5
    return Proposal(best, gain, expected, is_better)


def _cross_validated(scores: Mapping[float, Sequence[float]], current: float, seed: int) -> float:
    queries = len(scores[current])
    order = Random(seed).sample(range(queries), queries)  # noqa: S311 -- a reproducible choice, no secret
    gains: list[float] = []
    for fold in range(min(_FOLDS, queries)):
        held_out = order[fold::_FOLDS]
        chosen = _best(scores, current, sorted(set(order) - set(held_out)))
        gains += _gains(scores, chosen, current, held_out)
    return fmean(gains)


def _gains(scores: Mapping[float, Sequence[float]], weight: float, current: float, queries: Sequence[int]) -> list[float]:
    return [scores[weight][query] - scores[current][query] for query in queries]


def _best(scores: Mapping[float, Sequence[float]], current: float, queries: Sequence[int]) -> float:
    """Return the weight with the best mean over some queries; of equals the nearest to the current one."""
    return max(scores, key=lambda weight: (fmean(scores[weight][query] for query in queries), -abs(weight - current)))
