"""An interval that holds at every look, for tests that are watched while they run and may be stopped at any moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from labmodels.statistics.estimates import Estimate, finite, tail


def confidence_sequence(differences: Sequence[float], planned_n: int, confidence: float = 0.90) -> Estimate:
    """Return the mean of the differences (scores from 0 to 1) so far, with an interval that is right at all looks together.

    `planned_n` says where it is to be narrowest and must be chosen before the first look; the data may end before it or go on.

    The two-sided normal mixture of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, Nonparametric, Nonasymptotic Confidence
    Sequences", Annals of Statistics 49, 2021, with an estimated variance as in Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform Central Limit Theory and Asymptotic Confidence Sequences", Annals of Statistics 52, 2024. One observation of the
    largest spread is added to the variance, as in Waudby-Smith and Ramdas, "Estimating Means of Bounded Random Variables by Betting",
    JRSS B 86, 2024, so that the first items, which are often alike, do not claim to know everything.
    """
    values = finite(differences)
    if not all(-1 <= value <= 1 for value in values):
        raise ValueError("a difference of scores lies between -1 and 1")
    if planned_n < 1:
        raise ValueError(f"{planned_n} items cannot be planned")
    n, mean, alpha = len(values), fmean(values), 2 * tail(confidence)
    variance = (1 + math.fsum((value - mean) ** 2 for value in values)) / (n + 1)
    surprise = -2 * math.log(alpha)
    mixture = n * (surprise + math.log1p(surprise)) / planned_n
    radius = math.sqrt(variance * (mixture + 1) / (n * mixture) * (math.log1p(mixture) + surprise))
    return Estimate(mean, max(mean - radius, -1.0), min(mean + radius, 1.0))
