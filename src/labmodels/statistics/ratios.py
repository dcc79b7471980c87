"""How much slower or dearer a candidate is than its baseline, when both were measured in turns."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random
from typing import Literal

from labmodels.statistics.estimates import RESAMPLES, Estimate, bootstrap_bounds, finite
from labmodels.statistics.verdicts import Outcome, outcome

Statistic = Literal["mean", "p50", "p95"]
_QUANTILES: dict[Statistic, float] = {"p50": 0.50, "p95": 0.95}

# What a statistic is when each block is taken as often as the counter says.
_Resample = Callable[[Counter[int]], float]


def block_bootstrap_ratio(
    candidate: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]], statistic: Statistic, confidence: float = 0.90, seed: int = 0
) -> Estimate:
    """Return the ratio of a statistic, candidate over baseline, with its interval; the values (0 or more) stand in their blocks.

    A block is a stretch of time in which both were measured, in random order: what slowed one slowed the other, and whole blocks are
    drawn, so neither a slow minute nor values that resemble their neighbours make the interval too narrow. Needs 2 blocks or more.

    Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections 2.4 and 8.2.
    """
    count = len(candidate)
    if count != len(baseline) or count < 2:
        raise ValueError(f"the candidate has {count} blocks and the baseline {len(baseline)}: both need the same, at least 2")
    over, under = _resample(candidate, statistic), _resample(baseline, statistic)
    random = Random(seed)  # noqa: S311 -- a reproducible interval, no secret
    ratios = []
    for _ in range(RESAMPLES):
        drawn = Counter(random.choices(range(count), k=count))
        ratios.append(_ratio(over(drawn), under(drawn)))
    low, high = bootstrap_bounds(ratios, count, confidence)
    once = Counter(range(count))
    return Estimate(_ratio(over(once), under(once)), low, high)


def ratio_outcome(ratio: Estimate, margin: float = 0.10) -> Outcome:
    """Return what a ratio says of a candidate for which less is better, latency or cost, at a margin of what it may be more."""
    return outcome(Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low), margin)


def _ratio(over: float, under: float) -> float:
    if under:
        return over / under
    return math.inf if over else 1.0  # both cost nothing


def _resample(blocks: Sequence[Sequence[float]], statistic: Statistic) -> _Resample:
    measured = [finite(block) for block in blocks]
    if any(value < 0 for block in measured for value in block):
        raise ValueError("a latency or a cost is not less than 0")
    return _means(measured) if statistic == "mean" else _nearest_ranks(measured, _QUANTILES[statistic])


def _means(blocks: list[list[float]]) -> _Resample:
    sums, sizes = [sum(block) for block in blocks], [len(block) for block in blocks]

    def mean(drawn: Counter[int]) -> float:
        return sum(sums[block] * times for block, times in drawn.items()) / sum(sizes[block] * times for block, times in drawn.items())

    return mean


def _nearest_ranks(blocks: list[list[float]], q: float) -> _Resample:
    """Sort once; a resample is then the same order with each value as often as its block was drawn."""
    ordered = sorted((value, block) for block, values in enumerate(blocks) for value in values)
    values, owners = [value for value, _ in ordered], [block for _, block in ordered]

    def quantile(drawn: Counter[int]) -> float:
        times = [drawn[block] for block in range(len(blocks))]
        upto = list(accumulate(map(times.__getitem__, owners)))
        return values[bisect_left(upto, q * upto[-1] - 1e-9)]

    return quantile
