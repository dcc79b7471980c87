"""The ratio of latencies: the plain resampling that the fast one stands for, and coverage when time itself is slow at times."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.estimates import Estimate
from labmodels.statistics.percentiles import nearest_rank
from labmodels.statistics.ratios import _resample, block_bootstrap_ratio, ratio_outcome
from labmodels.statistics.verdicts import Outcome
from tests.statistics.bounds import at_least

PLAIN = {"mean": fmean, "p50": lambda values: nearest_rank(sorted(values), 0.5), "p95": lambda values: nearest_rank(sorted(values), 0.95)}
blocks = st.lists(st.lists(st.integers(0, 50).map(float), min_size=1, max_size=8), min_size=2, max_size=6)


@given(blocks, st.sampled_from(sorted(PLAIN)), st.randoms(use_true_random=False))
def test_a_resample_is_the_statistic_of_the_drawn_blocks_written_out(measured, statistic, random):
    drawn = random.choices(range(len(measured)), k=len(measured))
    written_out = [value for block in drawn for value in measured[block]]
    assert _resample(measured, statistic)(Counter(drawn)) == pytest.approx(PLAIN[statistic](written_out))


def measured(random: Random, blocks: int, factor: float) -> tuple[list[list[float]], list[list[float]]]:
    """Return latencies of a candidate and its baseline in blocks of which each has its own weather."""
    candidate, baseline = [], []
    for _ in range(blocks):
        weather = random.lognormvariate(0, 0.5)
        candidate.append([factor * weather * random.lognormvariate(0, 0.3) for _ in range(8)])
        baseline.append([weather * random.lognormvariate(0, 0.3) for _ in range(8)])
    return candidate, baseline


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("statistic", "runs"), [("mean", 400), ("p50", 300), ("p95", 300)])
def test_it_covers_the_true_ratio_though_blocks_differ(statistic, runs):
    random, held = Random(statistic), 0
    for run in range(runs):
        found = block_bootstrap_ratio(*measured(random, 25, factor=1.2), statistic, seed=run)
        held += found.low <= 1.2 <= found.high
    assert at_least(held, runs, 0.90 - 0.07), held  # what 300 runs can show of 90%


def test_what_both_suffered_does_not_widen_the_interval():
    random = Random(3)
    candidate, baseline = measured(random, 40, factor=1.0)
    apart = baseline[20:] + baseline[:20]  # the same values, no longer beside the candidate's
    together, torn = (block_bootstrap_ratio(candidate, other, "mean") for other in (baseline, apart))
    assert together.value == pytest.approx(torn.value)
    assert 2 * (together.high - together.low) < torn.high - torn.low


def test_the_outcome_counts_less_as_better():
    assert ratio_outcome(Estimate(1.30, 1.12, 1.50)) is Outcome.REGRESSION
    assert ratio_outcome(Estimate(0.80, 0.70, 0.95)) is Outcome.PASS
    assert ratio_outcome(Estimate(1.02, 0.98, 1.06)) is Outcome.PASS
    assert ratio_outcome(Estimate(1.02, 0.80, 1.30)) is Outcome.INCONCLUSIVE


def test_what_costs_nothing_has_a_ratio_too():
    free, paid = [[0.0], [0.0]], [[1.0], [2.0]]
    assert block_bootstrap_ratio(free, free, "mean") == (1.0, 1.0, 1.0)
    assert block_bootstrap_ratio(free, paid, "mean").high == 0.0
    dearer = block_bootstrap_ratio(paid, free, "mean")
    assert dearer == (math.inf, math.inf, math.inf)
    assert ratio_outcome(dearer) is Outcome.REGRESSION


def test_equal_seeds_give_equal_intervals():
    both = measured(Random(1), 10, factor=1.0)
    assert block_bootstrap_ratio(*both, "p95", seed=4) == block_bootstrap_ratio(*both, "p95", seed=4)


@pytest.mark.parametrize(
    ("candidate", "baseline"),
    [([[1.0]], [[1.0]]), ([[1.0], [2.0]], [[1.0]]), ([[1.0], []], [[1.0], [2.0]]), ([[1.0], [-1.0]], [[1.0], [2.0]])],
)
def test_blocks_that_do_not_match_or_hold_no_durations_are_refused(candidate, baseline):
    with pytest.raises(ValueError, match=r"blocks|no values|less than 0"):
        block_bootstrap_ratio(candidate, baseline, "mean")
