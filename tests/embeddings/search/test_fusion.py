"""Two lists become one ranking: scaled, weighted, and the same whenever it is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.search.fusion import Place, Weights, fuse

BOTH = Weights(0.3, 0.7)
scores = st.floats(-50, 50, allow_nan=False, width=32)
lists = st.dictionaries(st.integers(1, 30), scores, max_size=15).map(lambda found: sorted(found.items(), key=lambda one: -one[1]))
weights = st.builds(Weights, st.floats(0, 1), st.floats(0, 1))


def test_each_list_is_scaled_to_its_own_range_and_weighted():
    found = fuse([(1, 20.0), (2, 15.0), (3, 10.0)], [(2, 0.9), (4, 0.5)], lambda _: BOTH)
    assert [(one.id, round(one.score, 3)) for one in found] == [(2, 0.85), (1, 0.3), (3, 0.0), (4, 0.0)]
    assert found[0].lexical == Place(2, 15.0, 0.5) and found[0].dense == Place(1, 0.9, 1.0)
    assert found[1].dense is None


def test_the_only_score_of_a_list_and_equal_ones_count_fully():
    assert [one.score for one in fuse([(1, 3.0)], [], lambda _: BOTH)] == [0.3]
    assert [(one.id, one.score) for one in fuse([], [(2, 0.5), (1, 0.5)], lambda _: BOTH)] == [(1, 0.7), (2, 0.7)]


def test_only_the_ratio_of_the_weights_counts():
    one, other = (fuse([(1, 2.0), (2, 1.0)], [(2, 0.5), (3, 0.1)], lambda _, w=w: w) for w in (Weights(0.3, 0.7), Weights(3, 7)))
    assert [(a.id, round(a.score, 9)) for a in one] == [(b.id, round(b.score, 9)) for b in other]


def test_a_chunk_is_weighed_as_its_own_domain_is():
    found = fuse([(1, 2.0), (2, 1.0)], [(1, 0.5), (2, 0.9)], lambda id_: Weights(1, 0) if id_ == 1 else Weights(0, 1))
    assert [(one.id, one.score) for one in found] == [(1, 1.0), (2, 1.0)]


@given(lists, lists, weights)
def test_scores_lie_in_0_to_1_and_the_order_is_theirs_then_the_ids(lexical, dense, both):
    found = fuse(lexical, dense, lambda _: both)
    assert all(0 <= one.score <= 1.000001 for one in found)
    assert found == sorted(found, key=lambda one: (-one.score, one.id))
    assert fuse(lexical[::-1], dense[::-1], lambda _: both) == found


@given(lists, lists)
def test_a_list_without_weight_finds_nothing_and_changes_no_order(lexical, dense):
    assert [one.id for one in fuse(lexical, dense, lambda _: Weights(1, 0))] == [
        one.id for one in fuse(lexical, [], lambda _: Weights(1, 0))
    ]
    assert {one.id for one in fuse(lexical, dense, lambda _: Weights(0, 1))} == {id_ for id_, _ in dense}


@given(lists, lists)
def test_what_leads_both_lists_leads_the_ranking(lexical, dense):
    top = max([score for _, score in (*lexical, *dense)], default=0) + 1
    assert fuse([*lexical, (99, top)], [*dense, (99, top)], lambda _: BOTH)[0].id == 99
