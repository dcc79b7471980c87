"""Percentiles with their intervals, or that the values are too few for one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labmodels.statistics.estimates import Estimate, finite, tail

_FAR = 10  # standard deviations below the mean of a binomial where its mass is nothing beside any tail asked for


class TooFew(NamedTuple):
    """Fewer values than bound a percentile on both sides: say so instead of a figure."""

    n: int
    needed: int


def percentile(values: Iterable[float], q: float, confidence: float = 0.90) -> Estimate | TooFew:
    """Return the percentile `q` (0.95: p95) and two order statistics that hold it, whatever the distribution.

    At 90%, each bound alone is one of 95%. David and Nagaraja, "Order Statistics", 3rd edition, 2003, section 7.1.
    """
    ordered = sorted(finite(values))
    n, needed = len(ordered), fewest(q, confidence)
    if n < needed:
        return TooFew(n, needed)
    low, high = _ranks(n, q, tail(confidence))
    return Estimate(nearest_rank(ordered, q), ordered[low - 1], ordered[high - 1])


def fewest(q: float, confidence: float = 0.90) -> int:
    """Return how many values bound the percentile `q` on both sides: 59 for p95 and 299 for p99 at 90%.

    Wilks, "Determination of Sample Sizes for Setting Tolerance Limits", Annals of Mathematical Statistics 12, 1941.
    """
    if not 0 < q < 1:
        raise ValueError(f"a percentile lies between 0 and 1, and {q} does not")
    return math.ceil(math.log(tail(confidence)) / math.log(max(q, 1 - q)))


def nearest_rank(ordered: Sequence[float], q: float) -> float:
    """Return the percentile `q` of sorted values: the first that a share of `q` does not exceed, so one that was measured."""
    return ordered[max(math.ceil(q * len(ordered) - 1e-9) - 1, 0)]  # .95 * 20 is a trifle more than 19


def _ranks(n: int, q: float, error: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the narrowest order statistics of which each misses the percentile with at most `error`."""
    deviation = math.sqrt(n * q * (1 - q))
    first = max(0, int(n * q - _FAR * (deviation + 1)))
    low, at_most = 1, 0.0
    for count in range(first, n):
        at_most += _binomial(count, n, q)
        if at_most <= error:
            low = count + 1
        if at_most >= 1 - error:
            return low, count + 1
    return low, n


def _binomial(count: int, n: int, q: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    return math.exp(ways + count * math.log(q) + (n - count) * math.log1p(-q))
