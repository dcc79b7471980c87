"""A weight is proposed when it is better on queries it was not chosen by, and refused when it only looks so."""

from __future__ import annotations

from random import Random

import pytest

from labmodels.statistics.fusion import propose_fusion
from tests.statistics.bounds import at_least, at_most

WEIGHTS = [round(0.1 * step, 1) for step in range(11)]
CURRENT = 0.7


def scores(random: Random, queries: int, gain_at_best: float) -> dict[float, list[float]]:
    """Return scores by weight: smooth around 0.3, where the gain is largest, with noise of each query that neighbours share."""
    found: dict[float, list[float]] = {weight: [] for weight in WEIGHTS}
    for _ in range(queries):
        level, left, right = random.random(), random.gauss(0, 0.1), random.gauss(0, 0.1)
        for weight in WEIGHTS:
            gain = gain_at_best * (1 - abs(weight - 0.3) / 0.4) + left * (1 - weight) + right * weight + random.gauss(0, 0.03)
            found[weight].append(max(0.0, min(1.0, level + gain)))
    return found


def test_a_weight_that_is_better_is_proposed():
    random, runs = Random(1), 40
    proposals = [propose_fusion(scores(random, 120, gain_at_best=0.06), CURRENT, seed=run) for run in range(runs)]
    good = [one for one in proposals if one.is_better and one.best < 0.6 and one.expected_gain > 0]
    assert at_least(len(good), runs, 0.80), len(good)


def test_weights_that_are_all_the_same_but_for_noise_are_refused_though_the_best_one_looks_better():
    random, runs, proposed, fooled = Random(2), 300, 0, 0
    for run in range(runs):
        found = scores(random, 60, gain_at_best=0.0)
        proposal = propose_fusion(found, CURRENT, seed=run)
        proposed += proposal.is_better
        fooled += sum(found[proposal.best]) > sum(found[CURRENT])
    assert at_most(proposed, runs, 0.08), proposed  # what 300 runs can show of 3%
    assert at_least(fooled, runs, 0.75), fooled


@pytest.mark.usefixtures("few_resamples")
def test_the_gain_is_not_that_of_the_queries_which_chose_the_weight():
    random, runs, gained, looked_better = Random(4), 120, 0, 0
    for run in range(runs):
        found = {weight: [random.random() for _ in range(50)] for weight in WEIGHTS}  # no weight is better, each has its own noise
        proposal = propose_fusion(found, CURRENT, seed=run)
        gained += proposal.expected_gain > 0
        looked_better += proposal.gain.value > 0
    assert at_most(gained, runs, 0.65), gained
    assert at_least(looked_better, runs, 0.75), looked_better


def test_the_current_weight_stays_when_it_is_the_best_or_nothing_differs():
    equal = {weight: [0.5, 0.2, 0.9] * 20 for weight in WEIGHTS}
    assert propose_fusion(equal, CURRENT) == (CURRENT, (0, 0, 0), 0, False)
    equal[CURRENT] = [0.6, 0.3, 0.9] * 20
    assert propose_fusion(equal, CURRENT) == (CURRENT, (0, 0, 0), 0, False)


def test_a_few_queries_propose_nothing():
    assert [propose_fusion({0.3: [0.9, 0.8] * n, 0.7: [0.1, 0.2] * n}, CURRENT).is_better for n in (1, 2, 3)] == [False, False, True]


def test_equal_seeds_propose_alike_whatever_the_order_of_weights():
    found = scores(Random(3), 40, gain_at_best=0.05)
    assert propose_fusion(found, CURRENT) == propose_fusion(dict(reversed(found.items())), CURRENT)


@pytest.mark.parametrize("wrong", [{0.3: [0.1, 0.2]}, {0.7: [0.1]}, {0.7: [0.1, 0.2], 0.3: [0.1]}])
def test_scores_that_do_not_match_are_refused(wrong):
    with pytest.raises(ValueError, match="weight"):
        propose_fusion(wrong, CURRENT)
