"""The interval of a share of successes."""

from __future__ import annotations

import math
from statistics import NormalDist

from labmodels.statistics.estimates import Estimate, tail


def wilson(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Return the share of successes with Wilson's score interval, which holds for few trials and for shares near 0 and 1.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927; recommended over the textbook
    interval by Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16, 2001.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is not a share")
    share = successes / n
    z2 = NormalDist().inv_cdf(tail(confidence)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # Exactly 0 and 1 at the ends, where rounding would leave a share outside of its own interval.
    return Estimate(share, 0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)
