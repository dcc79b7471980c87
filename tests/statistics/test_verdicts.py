"""A verdict is sure of what it says: error rates at the sizes of the research, and no verdict from what proves nothing."""

from __future__ import annotations

import math
import os
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.statistics.estimates import Estimate
from labmodels.statistics.verdicts import Outcome, outcome, verdict
from tests.statistics.bounds import at_least, at_most

MARGIN = 0.05
RUNS = 2_000


@cache
def of_counts(n: int, better: int, worse: int) -> Outcome:
    """Right and wrong answers: all runs with as many better and worse items have one verdict, so it is computed once."""
    return verdict([1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse), MARGIN).outcome


def simulated(n: int, discordance: float, drop: float) -> dict[Outcome, int]:
    """Return how often each verdict fell in `RUNS` runs of n items, of which a share differs and the candidate is worse by `drop`."""
    random, fallen = Random(f"{n} {discordance} {drop}"), dict.fromkeys(Outcome, 0)
    worse = (discordance + drop) / 2
    for _ in range(RUNS):
        draws = [random.random() for _ in range(n)]
        fallen[of_counts(n, sum(worse <= draw < discordance for draw in draws), sum(draw < worse for draw in draws))] += 1
    return fallen


SIZES = [(200, 0.10)]
if os.environ.get("LABMODELS_LARGE_GRID"):
    SIZES = [(n, discordance) for n in (50, 100, 200, 400, 800) for discordance in (0.02, 0.10, 0.30)]


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("n", "discordance"), SIZES)
def test_an_identical_candidate_is_called_a_regression_in_at_most_5_percent(n, discordance):
    # Where the interval is wider than the margin the rate is the 5% of one bound, of which `RUNS` can show no more than 7%.
    shown = 0.05 if (n, discordance) == (200, 0.10) else 0.07
    assert at_most(simulated(n, discordance, drop=0.0)[Outcome.REGRESSION], RUNS, shown)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("n", "discordance"), [size for size in SIZES if size[0] >= 200 and size[1] == 0.10])
def test_a_drop_of_twice_the_margin_is_caught_in_at_least_90_percent(n, discordance):
    assert at_least(simulated(n, discordance, drop=2 * MARGIN)[Outcome.REGRESSION], RUNS, 0.90)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("n", "discordance"), SIZES)
def test_a_drop_of_the_margin_itself_passes_in_at_most_what_one_bound_may_miss(n, discordance):
    passed = simulated(n, max(discordance, MARGIN), drop=MARGIN)[Outcome.PASS]
    # A coarse distribution may miss by more than its nominal 5%: a handful of items that differ among 50, by 4 points.
    assert at_most(passed, RUNS, 0.08 if n >= 100 else 0.12), passed


def test_the_three_outcomes():
    assert outcome(Estimate(-0.08, -0.12, -0.03), 0.05) is Outcome.REGRESSION
    assert outcome(Estimate(-0.04, -0.09, -0.01), 0.05) is Outcome.INCONCLUSIVE  # surely worse, by less than what matters
    assert outcome(Estimate(-0.08, -0.18, 0.01), 0.05) is Outcome.INCONCLUSIVE  # much worse, not surely
    assert outcome(Estimate(-0.02, -0.04, -0.01), 0.05) is Outcome.PASS
    assert outcome(Estimate(-0.05, -0.06, -0.04), 0.05) is Outcome.REGRESSION
    assert outcome(Estimate(0.0, -0.05, 0.05), 0.05) is Outcome.INCONCLUSIVE


differences = st.lists(st.sampled_from([-1.0, -0.5, -0.1, 0.0, 0.0, 0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(differences, st.sampled_from([0.01, 0.05, 0.2]))
def test_a_verdict_follows_from_its_own_figures_and_asks_for_more_only_while_it_is_open(found, margin):
    given_ = verdict(found, margin)
    assert given_.outcome is outcome(given_.difference, margin)
    assert given_.n == len(found)
    assert (given_.further_n > 0) == (given_.outcome is Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("n", [1, 5, 20, 58])
def test_items_that_are_all_equal_pass_only_when_they_are_enough_to_have_shown_a_drop(n):
    few = verdict([0.0] * n, MARGIN)
    assert (few.outcome, few.n + few.further_n) == (Outcome.INCONCLUSIVE, 59)
    assert verdict([0.0] * 59, MARGIN).outcome is Outcome.PASS
    # One that is hardly worse does not make nine others a proof.
    assert verdict([-0.01] + [0.0] * 9, MARGIN).outcome is Outcome.INCONCLUSIVE


def test_all_lost_is_a_regression_from_the_number_at_which_a_sign_test_says_so_too():
    assert [verdict([-1.0] * n, MARGIN).outcome is Outcome.REGRESSION for n in (1, 3, 4, 5, 6)] == [False, False, False, True, True]


@pytest.mark.parametrize("seed", range(8))
def test_with_the_further_items_it_is_decided_and_with_much_fewer_it_is_not(seed):
    random = Random(seed)
    first = [max(-1.0, min(1.0, random.gauss(-0.01, 0.15))) for _ in range(12)]
    found = verdict(first, MARGIN)
    assert found.outcome is Outcome.INCONCLUSIVE
    times = (found.n + found.further_n) / found.n
    if times < 60:  # the same items again: mean and spread stay as they are
        assert verdict(first * math.ceil(1.1 * times), MARGIN).outcome is not Outcome.INCONCLUSIVE
    assert verdict(first * max(int(0.7 * min(times, 60)), 1), MARGIN).outcome is Outcome.INCONCLUSIVE


def test_further_items_of_clusters_count_the_items_that_their_clusters_hold():
    open_ = verdict([0.0] * 30, MARGIN, clusters=[item // 3 for item in range(30)])
    assert open_.n + open_.further_n == 59 * 3


def test_sums_of_tenths_are_held_against_the_margin_as_if_they_were_exact():
    lost = [0.7 - 0.8] * 200  # -0.10000000000000009
    assert verdict(lost, 0.1).difference.value == -0.1
    assert verdict(lost, 0.1).outcome is Outcome.REGRESSION


@pytest.mark.parametrize("margin", [0, -0.1, float("nan")])
def test_without_a_margin_there_is_no_verdict(margin):
    with pytest.raises(ValueError, match="margin"):
        verdict([0.0, 0.1], margin)


def test_differences_in_percent_are_refused():
    with pytest.raises(ValueError, match="between -1 and 1"):
        verdict([5.0, -3.0], 0.05)
