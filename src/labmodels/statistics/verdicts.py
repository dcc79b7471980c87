"""Whether a candidate passes against its baseline, is a regression, or how many more items it takes to say. Decides only."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from enum import StrEnum
from statistics import NormalDist, fmean
from typing import NamedTuple

from labmodels.statistics.estimates import Estimate, tail
from labmodels.statistics.paired import paired_scores, standard_error, units_of


class Outcome(StrEnum):
    """What the data say of a candidate."""

    PASS = "PASS"  # noqa: S105 -- no password
    REGRESSION = "REGRESSION"
    INCONCLUSIVE = "INCONCLUSIVE"


class Verdict(NamedTuple):
    """An outcome with the figures that it rests on."""

    outcome: Outcome
    difference: Estimate  # mean of candidate - baseline, and its interval
    n: int  # items
    further_n: int  # items that would decide if mean and spread stay as they are; 0 when it is decided


def verdict(
    differences: Sequence[float], margin: float, confidence: float = 0.90, clusters: Sequence[Hashable] | None = None, seed: int = 0
) -> Verdict:
    """Return what the differences (candidate - baseline, scores from 0 to 1, one an item) say at a margin of what may be lost."""
    difference = paired_scores(differences, clusters, confidence, seed)
    decided, n = outcome(difference, margin), len(differences)
    if decided is not Outcome.INCONCLUSIVE:
        return Verdict(decided, difference, n, 0)
    units = len(units_of(differences, clusters))
    needed = max(math.ceil(_units_needed(differences, margin, confidence, clusters)), units + 1)
    return Verdict(decided, difference, n, math.ceil(needed * n / units) - n)


def outcome(gain: Estimate, margin: float) -> Outcome:
    """Return whether an interval of a gain (more is better) holds surely a loss of `margin` or more, surely none, or neither.

    REGRESSION wants a loss that is sure (all of the interval below 0) and matters (the mean at the margin or below); the error rates
    of this rule are in docs/log.md, "Statistics".
    """
    if not margin > 0:
        raise ValueError(f"a margin is more than 0, and {margin} is not")
    if gain.high < 0 and gain.value <= -margin:
        return Outcome.REGRESSION
    return Outcome.PASS if gain.low > -margin else Outcome.INCONCLUSIVE


def _units_needed(differences: Sequence[float], margin: float, confidence: float, clusters: Sequence[Hashable] | None) -> float:
    """Return how many units decide, towards PASS for a mean above -margin: enough for the spread, and for what may be unseen."""
    units, mean = len(units_of(differences, clusters)), fmean(differences)
    passes = mean > -margin
    distance = max(mean + margin if passes else -mean, margin / 100)  # a mean at the margin itself would take forever
    z = NormalDist().inv_cdf(tail(confidence))
    for_spread = units * (z * standard_error(differences, clusters) / distance) ** 2
    beyond = 1 + min(differences) if passes else 1 - max(differences)
    share = distance / beyond if beyond > distance else 1.0
    for_unseen = math.log(tail(confidence)) / math.log1p(-share) if share < 1 else 1.0
    return max(for_spread, for_unseen)
