"""Weights decide over measured figures; what was hardly asked stands in the middle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.performance_profile import Weights
from labmodels.ledger.queries import Lately
from labmodels.router.rank import quality, ranked, scores

CHEAP = Lately(100, 5, 0, 0, latency_s=9.0, cost_usd=0.001)
QUICK = Lately(100, 10, 0, 0, latency_s=1.0, cost_usd=0.05)
GOOD = Lately(100, 0, 20, 0, latency_s=5.0, cost_usd=0.03)
FOUND = {"cheap": CHEAP, "quick": QUICK, "good": GOOD}


def weights(cost: float, latency: float, quality_: float) -> Weights:
    return Weights(cost=cost, latency=latency, quality=quality_)


def test_each_weight_brings_its_own_best_to_the_front():
    names = list(FOUND)
    assert ranked(names, FOUND, weights(1, 0, 0))[0] == "cheap"
    assert ranked(names, FOUND, weights(0, 1, 0))[0] == "quick"
    assert ranked(names, FOUND, weights(0, 0, 1))[0] == "good"


def test_without_enough_figures_the_given_order_stays():
    few = {name: Lately(19, 0, 0, 0, 1.0, 0.1) for name in FOUND}
    assert ranked(["quick", "cheap", "good"], few, weights(0.3, 0.3, 0.4)) == ["quick", "cheap", "good"]
    assert ranked(["quick", "cheap"], {}, weights(0.3, 0.3, 0.4)) == ["quick", "cheap"]


def test_a_new_model_is_neither_preferred_nor_shut_out():
    assert ranked(["cheap", "quick", "new"], FOUND, weights(1, 0, 0)) == ["cheap", "new", "quick"]


def test_opinions_move_quality_and_one_thumb_moves_it_little():
    liked, disliked = Lately(20, 0, 30, 0, 1.0, 0.0), Lately(20, 0, 0, 30, 1.0, 0.0)
    assert quality(liked) > 0.9
    assert quality(disliked) < 0.5
    assert abs(quality(Lately(20, 0, 0, 1, 1.0, 0.0)) - quality(Lately(20, 0, 0, 0, 1.0, 0.0))) < 0.05


figures = st.builds(
    Lately,
    st.integers(0, 500),
    st.just(0),
    st.integers(0, 50),
    st.integers(0, 50),
    st.none() | st.floats(0, 1e4),
    st.none() | st.floats(0, 1e3),
)


@given(st.dictionaries(st.sampled_from("abcdef"), figures), st.floats(0, 1))
def test_scores_lie_between_nothing_and_one_and_every_candidate_is_ranked_once(found, cost):
    names, chosen = list("abcdef"), weights(cost, (1 - cost) / 2, (1 - cost) / 2)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores(names, found, chosen).values())
    assert sorted(ranked(names, found, chosen)) == names
