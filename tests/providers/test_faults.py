"""Statuses, codes and words map to the classes of the decision table; Retry-After is read as it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.fallback import ErrorClass
from labmodels.providers.faults import classify, error_of, retry_after

CLASSES = get_args(ErrorClass)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error", "message", "expected"),
    [
        (429, {"code": "insufficient_quota"}, "", "quota_exhausted"),
        (429, {}, "You exceeded your current quota, please check your plan", "quota_exhausted"),
        (429, {}, "too many tokens a minute", "rate_limited"),
        (400, {"type": "invalid_request_error"}, "Your credit balance is too low to access the API", "quota_exhausted"),
        (400, {"type": "invalid_request_error"}, "prompt is too long: 210000 tokens > 200000 maximum", "context_overflow"),
        (500, {}, "the request exceeds the available context size", "context_overflow"),
        (400, {"code": "content_filter"}, "", "content_filtered"),
        (404, {"type": "invalid_request_error"}, "", "auth"),
        (401, {"type": "invalid_request_error"}, "", "auth"),
        (None, {"type": "invalid_request_error"}, "", "invalid_request"),
        (None, {"type": "overloaded_error"}, "", "overloaded"),
        (None, {}, "", "overloaded"),
        (418, {}, "", "invalid_request"),
        (302, {}, "", "malformed"),
    ],
)
def test_the_body_is_believed_before_the_status(status, error, message, expected):
    assert classify(status, error, message) == expected


_values = st.none() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)


@given(st.none() | st.integers(100, 599), st.dictionaries(st.sampled_from(["code", "type", "message"]), _values), st.text(max_size=50))
def test_anything_that_a_service_says_has_a_class(status, error, message):
    assert classify(status, error, message) in CLASSES
    error_of({"error": error})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(headers, expected):
    assert retry_after(headers, NOW) == expected
