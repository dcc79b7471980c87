"""McNemar's exact p-value is what counting every way to split the discordant items gives."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.statistics.exact import mcnemar_exact, sign_test


@pytest.mark.parametrize(("b", "c"), [(b, c) for b in range(6) for c in range(6)])
def test_it_is_the_share_of_splits_at_least_as_uneven(b, c):
    splits = [sum(split) for split in itertools.product((0, 1), repeat=b + c)]
    uneven = sum(abs(wins - (b + c) / 2) >= abs(b - c) / 2 for wins in splits)
    assert mcnemar_exact(b, c) == pytest.approx(uneven / len(splits))


def test_a_published_value_is_met():
    assert mcnemar_exact(10, 2) == pytest.approx(0.0386, abs=5e-5)  # 2 * 79 / 4096
    assert mcnemar_exact(0, 0) == 1.0


def test_counts_of_any_size_have_a_p_value():
    assert mcnemar_exact(5_000, 5_000) == pytest.approx(1.0)
    assert 0 < mcnemar_exact(5_100, 4_900) < 0.05
    assert mcnemar_exact(0, 5_000) == 0.0  # smaller than any float
    with pytest.raises(ValueError, match="counts"):
        mcnemar_exact(-1, 2)


@given(st.lists(st.floats(-1, 1)))
def test_the_sign_test_sees_directions_only(differences):
    p = sign_test(differences)
    assert p == sign_test([-difference for difference in differences])
    assert p == sign_test([(difference > 0) - (difference < 0) for difference in differences] + [0])
    assert 0 <= p <= 1
