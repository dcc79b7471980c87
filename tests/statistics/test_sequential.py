"""A confidence sequence may be looked at as often as one likes; an interval for one look may not."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.sequential import confidence_sequence
from tests.statistics.bounds import at_least, at_most


def draws(random: Random, n: int) -> list[float]:
    """Return differences of identical systems that disagree on a tenth of the items."""
    return [random.choice((-1.0, 1.0)) if random.random() < 0.10 else 0.0 for _ in range(n)]


def test_looking_every_50_of_1000_items_raises_a_false_alarm_in_at_most_5_percent():
    random, runs, alarms, naive_alarms = Random(6), 400, 0, 0
    z = NormalDist().inv_cdf(0.975)
    for _ in range(runs):
        found = draws(random, 1_000)
        looks = [found[:n] for n in range(50, 1_001, 50)]
        sequences = (confidence_sequence(seen, planned_n=1_000, confidence=0.95) for seen in looks)
        alarms += any(not one.low <= 0 <= one.high for one in sequences)
        naive_alarms += any(abs(sum(seen)) > z * math.sqrt(sum(value * value for value in seen)) for seen in looks)
    assert at_most(alarms, runs, 0.05), alarms
    assert at_least(naive_alarms, runs, 0.15), naive_alarms


def test_looking_after_each_item_from_the_first_raises_no_more():
    random, runs = Random(7), 300
    alarms = 0
    for _ in range(runs):
        found = draws(random, 150)
        looks = (confidence_sequence(found[:n], planned_n=150, confidence=0.90) for n in range(1, 151))
        alarms += any(not one.low <= 0 <= one.high for one in looks)
    assert at_most(alarms, runs, 0.10), alarms


def test_a_true_difference_is_seen_before_the_plan_is_spent():
    random = Random(8)
    found = [-1.0 if random.random() < 0.10 else 0.0 for _ in range(400)]
    assert confidence_sequence(found, planned_n=400).high < 0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.integers(1, 1_000))
def test_the_interval_is_the_published_formula_and_holds_the_mean(values, planned):
    found = confidence_sequence(values, planned, confidence=0.95)
    n, alpha = len(values), 0.05
    mean = math.fsum(values) / n
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / planned
    variance = (1 + sum((value - mean) ** 2 for value in values)) / (n + 1)
    radius = math.sqrt(variance) * math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha))
    assert found == pytest.approx((mean, max(-1, mean - radius), min(1, mean + radius)), abs=1e-9)


def test_it_is_narrowest_in_its_sort_where_it_was_planned():
    values = [0.1, -0.1] * 100
    widths = {planned: confidence_sequence(values, planned).high for planned in (2, 20, 200, 2_000, 20_000)}
    assert min(widths, key=widths.__getitem__) == 200


def test_what_it_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="between"):
        confidence_sequence([2.0], 10)
    with pytest.raises(ValueError, match="planned"):
        confidence_sequence([0.0], 0)
