"""Scores of rankings: worked by hand, and bounded by the best and the worst ranking there is."""

from __future__ import annotations

from itertools import permutations
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.grading.retrieval import average_precision, ndcg, recall, reciprocal_rank

GRADERS = [ndcg, recall, reciprocal_rank, average_precision]
JUDGED = {"a": 3, "b": 2, "c": 0, "d": 1}

rankings = st.lists(st.sampled_from("abcdefgh"), max_size=12)
judgements = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(-1, 3), min_size=1).filter(lambda judged: max(judged.values()) > 0)


def test_ndcg_by_hand():
    gained = 3 / log2(2) + 0 / log2(3) + 7 / log2(4)
    best = 7 / log2(2) + 3 / log2(3) + 1 / log2(4)
    assert ndcg(["b", "c", "a"], JUDGED) == pytest.approx(gained / best)
    assert ndcg(["b", "c", "a"], JUDGED, k=1) == pytest.approx(3 / 7)


def test_the_others_by_hand():
    ranked = ["x", "b", "c", "a"]
    assert recall(ranked, JUDGED, k=3) == pytest.approx(1 / 3)
    assert recall(ranked, JUDGED) == pytest.approx(2 / 3)
    assert reciprocal_rank(ranked, JUDGED) == 0.5
    assert reciprocal_rank(ranked, JUDGED, k=1) == 0.0
    assert average_precision(ranked, JUDGED) == pytest.approx((1 / 2 + 2 / 4) / 3)


@pytest.mark.parametrize("grade", [ndcg, average_precision])
def test_the_best_of_all_orders_is_the_one_by_grade_and_scores_1(grade):
    by_order = {order: grade(order, JUDGED) for order in permutations(JUDGED)}
    assert max(by_order.values()) == pytest.approx(by_order["a", "b", "d", "c"]) == pytest.approx(1.0)


@given(rankings, judgements, st.sampled_from(GRADERS), st.integers(1, 12))
def test_a_score_lies_between_0_and_1_and_a_document_counts_once(ranked, judged, grade, k):
    score = grade(ranked, judged, k)
    assert 0 <= score <= 1 + 1e-12
    assert score == grade(list(dict.fromkeys(ranked)), judged, k)
    assert score == grade(ranked, {**judged, "unseen": 0}, k)
    assert grade([], judged, k) == 0


def test_a_duplicate_gains_nothing_and_takes_no_place():
    assert ndcg(["a", "a", "a"], JUDGED) == ndcg(["a"], JUDGED)
    assert recall(["a", "a", "b"], JUDGED, k=2) == recall(["a", "b"], JUDGED, k=2)


@given(rankings, judgements, st.integers(0, 10), st.sampled_from([ndcg, average_precision]))
def test_moving_a_better_document_up_never_hurts(ranked, judged, at, grade):
    ranked = list(dict.fromkeys(ranked))
    if at + 1 < len(ranked) and max(judged.get(ranked[at + 1], 0), 0) > max(judged.get(ranked[at], 0), 0):
        swapped = [*ranked[:at], ranked[at + 1], ranked[at], *ranked[at + 2 :]]
        assert grade(swapped, judged, 10) >= grade(ranked, judged, 10) - 1e-12


@pytest.mark.parametrize("grade", GRADERS)
@pytest.mark.parametrize("judged", [{}, {"a": 0}, {"a": -1}])
def test_a_query_without_a_relevant_document_has_no_score(grade, judged):
    with pytest.raises(ValueError, match="relevant"):
        grade(["a"], judged)


@pytest.mark.parametrize("grade", GRADERS)
def test_none_of_the_first_is_no_question(grade):
    with pytest.raises(ValueError, match="first 0"):
        grade(["a"], JUDGED, 0)
