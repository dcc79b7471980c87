"""Percentiles hold what they say for any distribution, and too few values say so."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.estimates import Estimate
from labmodels.statistics.percentiles import TooFew, fewest, nearest_rank, percentile
from tests.statistics.bounds import at_least


@pytest.mark.parametrize(("q", "n"), [(0.50, 5), (0.90, 29), (0.95, 59), (0.99, 299), (0.05, 59)])
def test_it_takes_so_many_values_and_one_fewer_is_too_few(q, n):
    assert fewest(q) == n
    assert percentile(range(n - 1), q) == TooFew(n - 1, n)
    assert isinstance(percentile(range(n), q), Estimate)


def chance(n: int, q: Fraction, ranks: range) -> Fraction:
    """Return the exact probability that the percentile lies between two neighbouring order statistics of these ranks."""
    return sum(math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in ranks)


@pytest.mark.parametrize("q", [Fraction(1, 2), Fraction(19, 20)])
@pytest.mark.parametrize("n", [59, 60, 100, 333])
def test_the_ranks_are_the_narrowest_that_hold_it_on_each_side(n, q):
    found = percentile(range(1, n + 1), float(q))
    low, high = int(found.low), int(found.high)
    assert chance(n, q, range(low)) <= Fraction(1, 20) < chance(n, q, range(low + 1))
    assert chance(n, q, range(high, n + 1)) <= Fraction(1, 20) < chance(n, q, range(high - 1, n + 1))


@given(st.lists(st.floats(0, 1e6), min_size=59, max_size=120), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_percentile_and_its_bounds_were_measured(values, q):
    found = percentile(values, q)
    assert set(found) <= set(values)
    assert found.low <= found.value <= found.high
    assert sum(value <= found.value for value in values) >= q * len(values) - 1e-6


def test_a_share_that_is_a_whole_number_of_values_is_not_rounded_up():
    assert nearest_rank(range(1, 21), 0.95) == 19
    assert nearest_rank(range(1, 101), 0.07) == 7  # .07 * 100 is 7.000000000000001
    assert nearest_rank([4.0], 0.01) == 4.0


def test_a_million_values_have_an_interval_about_as_wide_as_the_normal_one():
    found = percentile(range(1_000_000), 0.5)
    assert found.high - found.low == pytest.approx(2 * 1.645 * 500, rel=0.01)


def test_it_covers_on_skewed_latencies_as_often_as_it_says():
    random, runs, held = Random(1), 1_500, 0
    grid = [(0.5, 30), (0.95, 100), (0.99, 400)]
    for q, n in grid:
        for _ in range(runs):
            found = percentile([random.expovariate(1) for _ in range(n)], q)
            held += found.low <= -math.log(1 - q) <= found.high
    assert at_least(held, runs * len(grid), 0.90 - 0.02), held


@pytest.mark.parametrize("q", [0, 1, 95])
def test_what_is_no_percentile_is_refused(q):
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], q)
    with pytest.raises(ValueError, match="finite"):
        percentile([math.nan] * 100, 0.5)
