"""What does not fit under a ceiling is refused with its figure, and what fits is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import Budgets, RateLimits
from labmodels.router.quota import PICO, Ceiling, Count, Need, Window, before, refusal, usd, windows_at

NOW = 1_795_521_630.0  # half a minute into a minute of 2026-11-24
MINUTE, DAY, MONTH = windows_at(NOW)


def ceiling(**limits) -> Ceiling:
    return Ceiling("dev/model:m", "m", **limits)


def cents(amount: float) -> int:
    return int(Decimal(str(amount)) / 100 * PICO)


def test_windows_begin_where_the_minute_the_day_and_the_month_do_in_utc():
    assert (NOW - MINUTE.starts_at, MINUTE.starts_at % 60) == (30.0, 0)
    assert DAY.starts_at % 86_400 == 0 and 0 <= NOW - DAY.starts_at < 86_400
    assert windows_at(MONTH.starts_at)[2] == MONTH and windows_at(MONTH.starts_at - 1)[2] != MONTH
    assert before(MINUTE).starts_at == MINUTE.starts_at - 60


def test_requests_of_the_minute_before_count_as_far_as_they_are_within_sixty_seconds():
    limited = ceiling(requests_per_minute=10, is_by_try=True)
    counts = {before(MINUTE): Count(requests=10), MINUTE: Count(requests=4)}  # half of the ten are still within
    assert refusal(limited, Need(0, 0), counts, NOW) is None
    found = refusal(limited, Need(0, 0), {**counts, MINUTE: Count(requests=5)}, NOW)
    assert (found.kind, found.retry_after_s) == ("rate_limit", 30.0)
    assert found.reason == "m may use 10 requests a minute: 10 are used, 1 more do not fit"


def test_tokens_that_no_minute_could_hold_are_not_worth_waiting_for():
    found = refusal(ceiling(tokens_per_minute=100), Need(101, 0), {}, NOW)
    assert (found.kind, found.retry_after_s) == ("rate_limit", None)


@pytest.mark.parametrize(
    ("limits", "counts", "reason"),
    [
        ({"request": Decimal("0.02")}, {}, "m may spend $0.02 a request: $0 is spent or reserved, up to $0.03 more does not fit"),
        ({"day": Decimal(1)}, {DAY: Count(0, 0, cents(98))}, "m may spend $1 a day: $0.98 is spent or reserved, up to $0.03 more"),
        ({"month": Decimal(9)}, {MONTH: Count(0, 0, cents(899))}, "m may spend $9 a month: $8.99 is spent or reserved, up to $0.03 more"),
    ],
)
def test_a_budget_refuses_what_could_exceed_it_with_the_figure(limits, counts, reason):
    found = refusal(ceiling(**limits), Need(0, cents(3)), counts, NOW)
    assert found.kind == "budget" and reason in found.reason
    assert refusal(ceiling(**limits), Need(0, cents(0.5)), counts, NOW) is None


def test_a_price_that_is_unknown_is_refused_under_a_budget_and_only_there():
    found = refusal(ceiling(day=Decimal(5)), Need(10, None), {}, NOW)
    assert found.reason == "its price is unknown, and m has a budget"
    assert refusal(ceiling(requests_per_minute=5), Need(10, None), {}, NOW) is None


def test_a_domain_counts_requests_and_a_model_counts_tries():
    again = Need(0, cents(1), is_first=False, spent_pico_usd=cents(2))
    full = {MINUTE: Count(requests=3)}
    assert refusal(ceiling(requests_per_minute=3), again, full, NOW) is None
    assert refusal(ceiling(requests_per_minute=3, is_by_try=True), again, full, NOW) is not None
    assert refusal(ceiling(request=Decimal("0.025")), again, {}, NOW) is not None, "what the request spent before counts"
    assert refusal(ceiling(request=Decimal("0.025"), is_by_try=True), again, {}, NOW) is None


def test_a_declared_ceiling_counts_only_in_the_windows_that_it_needs():
    assert ceiling().windows(NOW) == ()
    both = Ceiling.of("s", "o", RateLimits(tokens_per_minute=5), Budgets(month="$5"))
    assert both.windows(NOW) == (MINUTE, MONTH)


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_budget_admits_exactly_what_stays_within_it(spent, cost, budget):
    limited = ceiling(day=Decimal(budget) / PICO)
    fits = spent + cost <= budget
    assert (refusal(limited, Need(0, cost), {Window("day", DAY.starts_at): Count(0, 0, spent)}, NOW) is None) == fits


def test_money_is_told_with_as_many_places_as_it_has():
    assert [usd(pico) for pico in (0, 1, 20_000_000, 10**12, 15 * 10**11)] == ["0", "0.000000000001", "0.00002", "1", "1.5"]
