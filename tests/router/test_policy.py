"""After a failure: never beyond the deadline, never more tries than allowed, never again what stays broken."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.fallback import DEFAULT_DECISIONS, Decision, ErrorClass
from labmodels.config.schema.language_model import Retries
from labmodels.router.policy import Fail, LargerContext, Next, Retry, decide

classes = st.sampled_from(get_args(ErrorClass))
tables = st.dictionaries(classes, st.sampled_from(get_args(Decision)))
retries = st.builds(
    lambda n, first, most: Retries(attempts=n, backoff=f"{first} ms", max_backoff=f"{most} ms"),
    st.integers(0, 10),
    st.integers(1, 5000),
    st.integers(1, 60000),
)
draws = st.floats(0, 1, exclude_max=True)
waits = st.none() | st.floats(0, 1e9)


@given(classes, tables, st.integers(1, 12), retries, st.floats(0.001, 300), waits, draws)
def test_a_retry_is_allowed_by_the_table_the_count_and_the_deadline(error_class, table, tries, allowed, left_s, retry_after_s, draw):
    step = decide(error_class, table, tries, allowed, left_s, retry_after_s=retry_after_s, draw=lambda: draw)
    decision = table.get(error_class, DEFAULT_DECISIONS[error_class])
    if isinstance(step, Retry):
        assert decision == "retry" and tries <= allowed.attempts and error_class not in ("quota_exhausted", "auth")
        assert (retry_after_s or 0) <= step.after_s < left_s
        assert step.after_s <= max(allowed.max_backoff, retry_after_s or 0)
    else:
        assert step == {"retry": Next(), "next": Next(), "fail": Fail(), "larger_context": LargerContext()}[decision]


@given(classes, tables, retries, st.floats(0.001, 300), waits, draws)
def test_whatever_the_table_says_a_candidate_is_left_after_its_tries(error_class, table, allowed, left_s, retry_after_s, draw):
    step = decide(error_class, table, allowed.attempts + 1, allowed, left_s, retry_after_s=retry_after_s, draw=lambda: draw)
    assert not isinstance(step, Retry)


@pytest.mark.parametrize("error_class", ["quota_exhausted", "auth"])
def test_an_empty_account_and_a_wrong_key_are_not_retried_even_if_the_table_says_so(error_class):
    assert decide(error_class, {error_class: "retry"}, 1, Retries(attempts=5), 60.0, draw=lambda: 0.0) == Next()


@given(st.integers(1, 10), draws)
def test_the_wait_is_drawn_below_a_ceiling_that_doubles(tries, draw):
    allowed = Retries(attempts=10, backoff="500 ms", max_backoff="20 s")
    step = decide("overloaded", {}, tries, allowed, 1e6, draw=lambda: draw)
    assert step == Retry(draw * min(20.0, 0.5 * 2 ** (tries - 1)))


@pytest.mark.parametrize(("retry_after_s", "expected"), [(7.0, Retry(7.0)), (59.9, Retry(59.9)), (60.0, Next()), (99999999.0, Next())])
def test_retry_after_is_obeyed_when_it_fits_the_deadline_and_else_the_next_is_asked(retry_after_s, expected):
    assert decide("rate_limited", {}, 1, Retries(), 60.0, retry_after_s=retry_after_s, draw=lambda: 0.0) == expected
