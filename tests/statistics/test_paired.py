"""The bootstrap of a mean difference: the exact distribution where it can be enumerated, coverage where it cannot."""

from __future__ import annotations

import itertools
import math
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.statistics.paired import paired_bootstrap, paired_scores, standard_error, unseen
from tests.statistics.bounds import at_least, at_most

scores = st.lists(st.floats(-1, 1), min_size=2, max_size=30)


@settings(deadline=None)
@given(scores, st.integers(0, 5))
def test_the_interval_holds_the_mean_is_the_same_each_time_and_turns_with_its_sign(differences, seed):
    found = paired_bootstrap(differences, seed=seed)
    assert found == paired_bootstrap(differences, seed=seed)
    assert min(differences) - 1e-9 <= found.low <= found.value + 1e-9 and found.value <= found.high + 1e-9 <= max(differences) + 2e-9
    turned = paired_bootstrap([-difference for difference in differences], seed=seed)
    assert turned == pytest.approx((-found.value, -found.high, -found.low), abs=1e-9)


def test_another_seed_moves_the_bounds_by_a_few_percent_of_the_width_only():
    random = Random(1)
    differences = [random.gauss(0, 0.2) for _ in range(100)]
    found = [paired_bootstrap(differences, seed=seed) for seed in range(20)]
    widths = [one.high - one.low for one in found]
    assert len(set(found)) > 1
    assert stdev(one.low for one in found) < 0.05 * fmean(widths)


def test_the_bounds_are_those_of_the_enumerated_distribution():
    differences = [-0.5, -0.1, 0.0, 0.2, 0.3, 0.9]
    means = sorted(fmean(drawn) for drawn in itertools.product(differences, repeat=6))
    found = paired_bootstrap(differences)
    # Hesterberg's tail for 6 units at 90%: Phi(-sqrt(6/5) 2.015) = .0137
    for bound, share in ((found.low, 0.0137), (found.high, 1 - 0.0137)):
        below = sum(mean < bound - 1e-9 for mean in means) / len(means)
        upto = sum(mean <= bound + 1e-9 for mean in means) / len(means)
        assert below - 0.009 <= share <= upto + 0.009, bound


def test_clusters_are_drawn_whole_and_weigh_by_their_items():
    differences, clusters = [1.0, 1.0, 1.0, 0.0, -1.0], ["a", "a", "a", "b", "c"]
    units = {"a": (3.0, 3), "b": (0.0, 1), "c": (-1.0, 1)}
    drawn = [[units[name] for name in names] for names in itertools.product("abc", repeat=3)]
    possible = {round(sum(total for total, _ in one) / sum(size for _, size in one), 9) for one in drawn}
    found = paired_bootstrap(differences, clusters)
    assert found.value == 0.4
    assert {round(found.low, 9), round(found.high, 9)} <= possible


def test_clusters_of_one_item_each_are_no_clusters():
    differences = [0.1, -0.2, 0.3, 0.0, 0.5]
    assert paired_bootstrap(differences, list("vwxyz")) == paired_bootstrap(differences)


def test_repeats_taken_as_clusters_do_not_make_the_interval_narrower():
    random = Random(3)
    differences = [random.choice((-1, 0, 0, 1)) for _ in range(60)]
    once = paired_bootstrap(differences)
    repeated = paired_bootstrap([d for d in differences for _ in range(5)], [item for item in range(60) for _ in range(5)])
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.1)


def test_one_unit_says_nothing_of_the_spread():
    assert paired_bootstrap([0.2]) == (0.2, -math.inf, math.inf)
    assert paired_bootstrap([0.1, 0.3], ["same", "same"]) == (0.2, -math.inf, math.inf)


def test_many_units_in_random_groups_give_the_width_of_the_formula():
    random = Random(5)
    differences = [random.gauss(0.01, 0.3) for _ in range(10_000)]
    found = paired_bootstrap(differences)
    half = 1.645 * stdev(differences) / 100
    assert found.value == pytest.approx(fmean(differences))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.12)
    clusters = [item // 3 for item in range(10_000)]
    found = paired_bootstrap(differences, clusters)
    assert (found.high - found.low) / 2 == pytest.approx(1.645 * standard_error(differences, clusters), rel=0.12)


@given(scores)
def test_the_standard_error_is_the_textbook_one_and_the_same_by_clusters_of_one(differences):
    textbook = stdev(differences) / math.sqrt(len(differences))
    assert standard_error(differences) == pytest.approx(textbook, abs=1e-9)
    assert standard_error(differences, range(len(differences))) == pytest.approx(textbook, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(scores)
def test_scores_get_room_for_what_was_not_seen_and_never_less_than_the_bootstrap(differences):
    plain, roomy = paired_bootstrap(differences), paired_scores(differences)
    assert -1 <= roomy.low <= max(plain.low, -1) and min(plain.high, 1) <= roomy.high <= 1


@pytest.mark.parametrize("n", [3, 20, 59])
def test_what_was_not_seen_would_have_been_at_95_percent(n):
    assert (1 - unseen(n, 0.90)) ** n == pytest.approx(0.05)
    assert paired_scores([0.0] * n).low == pytest.approx(-unseen(n, 0.90))


@pytest.mark.parametrize("differences", [[], [0.1, math.nan], [math.inf], [0.1, -1.5]])
def test_no_values_and_no_numbers_are_refused(differences):
    with pytest.raises(ValueError, match=r"values|number|between"):
        paired_scores(differences)
    with pytest.raises(ValueError, match="labels"):
        paired_bootstrap([0.1, 0.2], ["a"])


# True mean 0 each; from symmetrical to skewed, from fine to coarse.
SHAPES = {
    "normal": lambda random: random.gauss(0, 0.2),
    "mostly equal": lambda random: random.choice((-1, 1)) if random.random() < 0.3 else 0,
    "skewed": lambda random: min(random.expovariate(4), 1) - (1 - math.exp(-4)) / 4,
    "thirds": lambda random: random.choice((-2, -1, 0, 0, 1, 2)) / 3,
}


@pytest.mark.usefixtures("few_resamples")
def test_it_covers_on_average_over_shapes_and_sizes_as_often_as_it_says():
    random, held, count = Random(11), 0, 0
    for shape in SHAPES.values():
        for n, runs in ((10, 500), (20, 500), (50, 200), (100, 100)):
            for run in range(runs):
                found = paired_bootstrap([shape(random) for _ in range(n)], seed=run)
                held += found.low <= 0 <= found.high
                count += 1
    assert at_least(held, count, 0.90 - 0.02), f"{held} of {count}"


@pytest.mark.usefixtures("few_resamples")
def test_it_covers_when_items_of_a_cluster_resemble_each_other_and_without_clusters_it_would_not():
    random, by_cluster, by_item, runs = Random(12), 0, 0, 600
    for run in range(runs):
        differences, clusters = [], []
        for cluster in range(30):
            shared = random.gauss(0, 0.2)
            size = random.randint(1, 5)
            differences += [shared + random.gauss(0, 0.1) for _ in range(size)]
            clusters += [cluster] * size
        found = paired_bootstrap(differences, clusters, seed=run)
        by_cluster += found.low <= 0 <= found.high
        naive = paired_bootstrap(differences, seed=run)
        by_item += naive.low <= 0 <= naive.high
    assert at_least(by_cluster, runs, 0.90 - 0.08), by_cluster  # what 600 runs can show of 90%
    assert at_most(by_item, runs, 0.80), by_item
