"""Wilson's interval is the set of shares that the score test does not reject, and covers at few trials and extreme shares."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.proportions import wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_both_bounds_are_where_the_score_test_turns(counts, confidence):
    successes, n = counts
    share, low, high = wilson(successes, n, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for bound in (low, high):
        assert math.isclose((share - bound) ** 2 * n, z * z * bound * (1 - bound), rel_tol=1e-6, abs_tol=1e-9)
    assert 0 <= low <= share <= high <= 1


def test_a_published_interval_is_met():
    # Newcombe, "Two-sided Confidence Intervals for the Single Proportion", Statistics in Medicine 17, 1998, table I, method 3.
    for (successes, n), (low, high) in {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611)}.items():
        assert wilson(successes, n)[1:] == pytest.approx((low, high), abs=5e-5)


def coverage(n: int, p: float, confidence: float) -> float:
    """Return the exact probability that the interval holds p."""
    held = [k for k in range(n + 1) if wilson(k, n, confidence).low <= p <= wilson(k, n, confidence).high]
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in held)


@pytest.mark.parametrize("confidence", [0.90, 0.95])
def test_on_average_over_the_grid_it_covers_as_often_as_it_says(confidence):
    grid = [coverage(n, p, confidence) for n in (10, 20, 50, 100, 200) for p in (0.02, 0.05, 0.2, 0.5, 0.8, 0.95, 0.98)]
    assert sum(grid) / len(grid) >= confidence - 0.005


def test_at_20_trials_of_95_percent_it_still_covers():
    assert coverage(20, 0.95, 0.95) >= 0.92  # the textbook interval: 64%


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(successes, n):
    with pytest.raises(ValueError, match="not a share"):
        wilson(successes, n)
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence=95)
