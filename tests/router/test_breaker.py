"""A breaker opens after the threshold, lets one through when its cooldown is over, and closes on an answer, whatever the clock does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.fallback import DEFAULT_DECISIONS
from labmodels.router.breaker import HEALTH, NEUTRAL, Breaker, Rules, after_failure, health_of

RULES = Rules(threshold=3, cooldown_s=30.0)


def failed(times: int, now: float = 1000.0, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = after_failure(breaker, "overloaded", RULES, now)
    return breaker


def test_it_opens_with_the_failure_that_reaches_the_threshold_and_not_before():
    assert [failed(count).state(RULES, 1000.0) for count in range(5)] == ["closed", "closed", "closed", "open", "open"]


def test_when_the_cooldown_is_over_it_is_half_open_until_a_probe_says_more():
    breaker = failed(3)
    assert (breaker.state(RULES, 1029.9), breaker.state(RULES, 1030.0), breaker.state(RULES, 10**6)) == ("open", "half-open", "half-open")


def test_each_probe_that_fails_doubles_the_cooldown_up_to_sixteen_times():
    breaker, now, cooldowns = failed(3), 1000.0, []
    for _ in range(7):
        ends_at = breaker.ends_at(RULES)
        cooldowns.append(ends_at - now)
        now = ends_at
        breaker = after_failure(breaker, "overloaded", RULES, now)
    assert cooldowns == [30.0, 60.0, 120.0, 240.0, 480.0, 480.0, 480.0]


def test_a_straggler_that_fails_while_it_is_open_does_not_prolong_it():
    breaker = failed(3)
    assert after_failure(breaker, "overloaded", RULES, 1010.0).ends_at(RULES) == breaker.ends_at(RULES)


def test_a_probe_whose_process_died_holds_its_place_no_longer_than_it_could_take():
    probing = Breaker(3, 1, 1000.0, probe_until=1090.0)
    assert probing.has_probe(1031.0, 60.0) and not probing.has_probe(1090.0, 60.0)
    assert not probing.has_probe(500.0, 60.0), "a clock that was set back"


def test_a_clock_that_was_set_back_ends_the_cooldown():
    assert failed(3, now=5000.0).state(RULES, 1000.0) == "half-open"


@pytest.mark.parametrize("error_class", DEFAULT_DECISIONS)
def test_every_class_is_a_health_failure_or_a_sign_of_life_or_neither(error_class):
    expected = "dead" if error_class in HEALTH else "unknown" if error_class in NEUTRAL else "alive"
    assert health_of(error_class) == expected
    assert health_of(None) == "alive"


@given(st.lists(st.tuples(st.floats(0, 200), st.sampled_from(["fail", "answer"])), max_size=40), st.integers(1, 5))
def test_it_is_closed_exactly_while_fewer_failures_than_the_threshold_follow_each_other(steps, threshold):
    rules, now, breaker, in_a_row = Rules(threshold, 30.0), 0.0, Breaker(), 0
    for passed, step in steps:
        now += passed
        breaker, in_a_row = (Breaker(), 0) if step == "answer" else (after_failure(breaker, "connection", rules, now), in_a_row + 1)
        assert (breaker.state(rules, now) == "closed") == (in_a_row < threshold)
