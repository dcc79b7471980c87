"""Holm rejects what the closed test with Bonferroni rejects, and no more false alarms than one test's."""

from __future__ import annotations

from itertools import chain, combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.multiple import holm, holm_adjusted
from tests.statistics.bounds import at_most


def closed(p_values: list[float], alpha: float) -> list[bool]:
    """A hypothesis is rejected when Bonferroni rejects every set of hypotheses that holds it (Marcus, Peritz and Gabriel, 1976)."""
    everyone = range(len(p_values))
    sets = list(chain.from_iterable(combinations(everyone, size) for size in range(1, len(p_values) + 1)))
    rejected = {one for one in sets if min(p_values[i] for i in one) * len(one) <= alpha}
    return [all(one in rejected for one in sets if i in one) for i in everyone]


p_values = st.lists(st.sampled_from([0.001, 0.01, 0.0125, 0.02, 0.025, 0.04, 0.05, 0.3, 1.0]), max_size=5)


@given(p_values)
def test_it_is_the_closed_test(found):
    assert holm(found, 0.05) == closed(found, 0.05)


@given(p_values)
def test_adjusted_values_keep_the_order_and_never_shrink(found):
    adjusted = holm_adjusted(found)
    assert all(p <= q <= 1 for p, q in zip(found, adjusted, strict=True))
    assert [q for _, q in sorted(zip(found, adjusted, strict=True))] == sorted(adjusted)


def test_a_worked_example():
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]


def test_five_true_hypotheses_raise_a_false_alarm_in_at_most_5_percent():
    random, runs = Random(2), 4_000
    # 5% exactly in truth, so a rate a little above is what can be shown; untouched p-values raise one in 23%.
    assert at_most(sum(any(holm([random.random() for _ in range(5)])) for _ in range(runs)), runs, 0.065)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong):
    with pytest.raises(ValueError, match="p-value"):
        holm([0.5, wrong])
