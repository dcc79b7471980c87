"""The summary counts what was live, tells unknown from zero, and adds money exactly."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.ledger.queries import percentile, summary
from labmodels.ledger.record import Ledger, Occasion
from tests.ledger.test_record import AT, attempt


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def test_each_model_is_summed_over_its_live_attempts(ledger):
    cent = 10**10
    for latency in (1.0, 2.0, 3.0, 40.0):
        ledger.record(attempt(latency_s=latency, input_tokens=10, output_tokens=5, cost_pico_usd=cent // 3, degraded=latency == 40.0))
    ledger.record(attempt(outcome="failed", error_class="overloaded", latency_s=99.0, at=AT + timedelta(seconds=1)))
    ledger.record(attempt(outcome="failed", error_class="rate_limited", at=AT + timedelta(seconds=2)))
    ledger.record(attempt(outcome="skipped", at=AT + timedelta(seconds=3)))
    ledger.record(attempt(occasion=Occasion("dev", "documentation", origin="test"), latency_s=7.0))
    ledger.record(attempt(candidate="claude", provider="anthropic", outcome="skipped"))
    first, second = summary(ledger, AT)
    assert (first.candidate, first.requests, first.ok, first.failed, first.skipped, first.degraded) == ("gpt-4", 7, 4, 2, 1, 1)
    assert (first.p50_latency_s, first.p95_latency_s) == (2.0, 40.0)
    assert (first.input_tokens, first.output_tokens, first.tokens_unknown) == (40, 20, 2)
    assert (first.cost_usd, first.cost_unknown) == (Decimal(4 * (cent // 3)) / 10**12, 2)
    assert first.last_error_class == "rate_limited"
    assert (second.candidate, second.requests, second.ok, second.skipped, second.p50_latency_s) == ("claude", 1, 0, 1, None)
    assert second.cost_usd == 0 and second.cost_unknown == 0


def test_it_is_narrowed_by_time_environment_domain_and_origin(ledger):
    ledger.record(attempt(at=AT - timedelta(days=2)))
    ledger.record(attempt(occasion=Occasion("production", "documentation")))
    ledger.record(attempt(occasion=Occasion("dev", "code_analysis")))
    ledger.record(attempt(occasion=Occasion("dev", "documentation", origin="drill")))
    assert [one.ok for one in summary(ledger, AT - timedelta(days=1))] == [2]
    assert [one.ok for one in summary(ledger, AT - timedelta(days=3))] == [3]
    assert [one.ok for one in summary(ledger, AT, environment="production")] == [1]
    assert [one.ok for one in summary(ledger, AT, domain="code_analysis")] == [1]
    assert [one.ok for one in summary(ledger, AT, origins=("drill", "live"))] == [3]
    assert summary(ledger, AT + timedelta(seconds=1)) == []


def test_several_tries_of_a_request_are_one_request(ledger):
    for outcome in ("failed", "failed", "ok"):
        ledger.record(attempt(request_id="r", outcome=outcome))
    (one,) = summary(ledger, AT)
    assert (one.requests, one.ok, one.failed) == (1, 1, 2)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 1))
def test_at_least_the_share_lies_at_or_below_a_percentile_and_no_smaller_value_does(values, share):
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-9
