"""What a run can see, before it is paid for."""

from __future__ import annotations

import math
from statistics import NormalDist

from labmodels.statistics.estimates import tail


def smallest_effect(n: int, variance: float, confidence: float = 0.90, power: float = 0.80) -> float:
    """Return the smallest true mean difference of which the interval over `n` items excludes 0 with the probability `power`.

    `variance` is that of one item's difference: for right and wrong answers, the share of items on which the two disagree.

    The minimal detectable effect of Bloom, "Minimum Detectable Effects", Evaluation Review 19, 1995.
    """
    if n < 1 or not variance >= 0 or not 0 < power < 1:
        raise ValueError(f"no effect can be told from {n} items, a variance of {variance} and a power of {power}")
    normal = NormalDist()
    return (normal.inv_cdf(1 - tail(confidence)) + normal.inv_cdf(power)) * math.sqrt(variance / n)
