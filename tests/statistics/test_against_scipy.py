"""The same figures from SciPy, where it is installed and has them."""

from __future__ import annotations

from random import Random

import pytest

from labmodels.statistics.estimates import _student
from labmodels.statistics.exact import mcnemar_exact
from labmodels.statistics.multiple import holm_adjusted
from labmodels.statistics.paired import paired_bootstrap
from labmodels.statistics.percentiles import percentile
from labmodels.statistics.proportions import wilson

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (3, 20), (19, 20), (512, 1000), (7, 7)])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
def test_wilson(successes, n, confidence):
    theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((successes / n, theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (10, 2), (40, 61), (700, 800)])
def test_mcnemar(b, c):
    assert mcnemar_exact(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue)


def test_student_quantiles_where_the_tail_is_not_nothing_anyway():
    for degrees in (4, 5, 9, 30, 1_000):
        for p in (0.005, 0.025, 0.05, 0.1):
            assert _student(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=0.02)


def test_the_bootstrap_has_the_percentiles_of_a_plain_one_at_the_expanded_confidence():
    random = Random(8)
    differences = [random.expovariate(5) - 0.2 for _ in range(25)]
    ours = paired_bootstrap(differences, confidence=0.90)
    tail = stats.norm.cdf((25 / 24) ** 0.5 * stats.t.ppf(0.05, 24))
    plain = stats.bootstrap(
        (differences,), lambda x, axis: x.mean(axis=axis), n_resamples=20_000, confidence_level=1 - 2 * tail, method="percentile", rng=1
    ).confidence_interval
    width = plain.high - plain.low
    assert ours[1:] == pytest.approx((plain.low, plain.high), abs=0.04 * width)


@pytest.mark.parametrize(("n", "q"), [(59, 0.95), (100, 0.5), (1_000, 0.99), (50_000, 0.95)])
def test_the_interval_of_a_percentile(n, q):
    found = percentile(range(1, n + 1), q)
    assert found.low == stats.binom.ppf(0.05, n, q)
    assert found.high == stats.binom.ppf(0.95, n, q) + 1


def test_holm_is_the_step_down_of_bonferroni():
    p_values = [0.011, 0.02, 0.001, 0.04]
    assert holm_adjusted(p_values) == pytest.approx([0.033, 0.04, 0.004, 0.04])
