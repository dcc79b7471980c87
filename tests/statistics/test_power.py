"""The smallest effect is seen as often as was asked for."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

import pytest

from labmodels.statistics.paired import paired_bootstrap
from labmodels.statistics.power import smallest_effect
from tests.statistics.bounds import at_least, at_most


def test_its_own_power_comes_back():
    effect = smallest_effect(n=200, variance=0.1, confidence=0.90, power=0.80)
    error = math.sqrt(0.1 / 200)
    assert 1 - NormalDist(effect, error).cdf(1.6449 * error) == pytest.approx(0.80, abs=1e-4)
    assert smallest_effect(800, 0.1) == pytest.approx(effect / 2)


@pytest.mark.usefixtures("few_resamples")
def test_the_bootstrap_sees_it_in_as_many_runs():
    random, runs, n = Random(9), 800, 50
    effect = smallest_effect(n, 0.04, power=0.80)
    seen = sum(paired_bootstrap([random.gauss(effect, 0.2) for _ in range(n)], seed=run).low > 0 for run in range(runs))
    assert at_least(seen, runs, 0.70) and at_most(seen, runs, 0.90), seen


@pytest.mark.parametrize(("n", "variance", "power"), [(0, 0.1, 0.8), (10, -0.1, 0.8), (10, 0.1, 1.0), (10, math.nan, 0.8)])
def test_what_says_nothing_is_refused(n, variance, power):
    with pytest.raises(ValueError, match="no effect"):
        smallest_effect(n, variance, power=power)
