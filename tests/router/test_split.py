"""The arms of an A/B test are dealt by a stable hash, in the share that was asked for, anew for another test."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.specialized_model import Split
from labmodels.router.split import arm_of


def split(share: str, name: str = "one") -> Split:
    return Split(name=name, control="a", candidate="b", share=share)


@given(st.text(max_size=50))
def test_a_unit_is_always_dealt_the_same_arm_and_the_ends_are_all_or_none(unit):
    assert arm_of(split("30%"), unit) == arm_of(split("30%"), unit)
    assert (arm_of(split("0%"), unit), arm_of(split("100%"), unit)) == ("control", "candidate")


def test_the_share_holds_over_many_units():
    candidates = sum(arm_of(split("10%"), f"user {n}") == "candidate" for n in range(20_000))
    assert 1_800 <= candidates <= 2_200  # 2,000 expected; beyond five standard deviations


def test_another_test_deals_independently():
    units = [f"user {n}" for n in range(10_000)]
    both = sum(arm_of(split("50%", "one"), unit) == arm_of(split("50%", "two"), unit) == "candidate" for unit in units)
    assert 2_250 <= both <= 2_750


def test_a_growing_share_moves_units_in_one_direction_only():
    small = {unit for unit in map(str, range(2_000)) if arm_of(split("10%"), unit) == "candidate"}
    large = {unit for unit in map(str, range(2_000)) if arm_of(split("40%"), unit) == "candidate"}
    assert small < large
