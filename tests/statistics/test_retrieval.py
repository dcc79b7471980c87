"""Two search systems are compared query by query."""

from __future__ import annotations

from random import Random

import pytest

from labmodels.statistics.retrieval import compare, compare_with_best
from labmodels.statistics.verdicts import Outcome


def scores(seed: int, gain: float = 0.0, noise: float = 0.08) -> dict[str, float]:
    """Return the scores of 120 queries, hard and easy; equal seeds are one system, `gain` better at each query that it does not solve."""
    random, own = Random(1), Random(f"own {seed}")
    return {f"q{query}": max(0.0, min(1.0, random.random() + own.gauss(gain, noise))) for query in range(120)}


def test_a_system_passes_against_itself_and_a_worse_one_does_not():
    assert compare(scores(2), scores(2)).outcome is Outcome.PASS
    assert compare(scores(3, gain=-0.10), scores(2)).outcome is Outcome.REGRESSION
    assert compare(scores(3, gain=0.10), scores(2)).outcome is Outcome.PASS


def test_the_order_of_queries_changes_nothing():
    candidate, baseline = scores(3, noise=0.3), scores(2)
    assert compare(dict(reversed(candidate.items())), baseline) == compare(candidate, baseline)


def test_the_better_baseline_is_the_one_to_meet():
    dense, lexical = scores(4), scores(5, gain=-0.2)
    name, found = compare_with_best(scores(6), {"lexical": lexical, "dense": dense})
    assert name == "dense"
    assert found == compare(scores(6), dense)


def test_queries_that_one_system_lacks_are_named():
    with pytest.raises(ValueError, match=r"1 queries .* q7"):
        compare({query: score for query, score in scores(2).items() if query != "q7"}, scores(2))
