"""The drill's own expectation, by the decision table alone; the drill on a lab is in tests/cli/test_router_drill.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labmodels.config.schema.fallback import DEFAULT_DECISIONS
from labmodels.config.schema.language_model import Retries
from labmodels.providers.loopback import ADDRESSES, INSTEAD
from labmodels.providers.loopback_answers import REFUSALS
from labmodels.router.breaker import Rules
from labmodels.router.candidates import Candidate
from labmodels.router.drill import FAULTS, Expectation, Fault, Rehearsal, Scene, Seen, expect, score
from labmodels.router.loop import Terms
from tests.router.test_loop import OCCASION, candidate

ROUTE = (candidate("first", 8000), candidate("equal", 8000), candidate("large", 32000), Candidate("basic_nlp", "basic_nlp"))
REHEARSAL = Rehearsal(ROUTE, Terms(OCCASION, 5.0), Rules(threshold=3), DEFAULT_DECISIONS)


def expected(error_class: str, rehearsal: Rehearsal = REHEARSAL, waits_s: float = 0.0) -> Expectation:
    return expect(Fault("x", "x", error_class, waits_s=waits_s), rehearsal)


@pytest.mark.parametrize(
    ("error_class", "tries", "answered_by"),
    [
        ("overloaded", 3, "equal"),
        ("rate_limited", 3, "equal"),
        ("auth", 1, "equal"),
        ("context_overflow", 1, "large"),
        ("content_filtered", 1, "nobody"),
        ("timeout_first_token", 1, "equal"),
    ],
)
def test_the_table_says_how_often_and_who_answers(error_class, tries, answered_by):
    assert expected(error_class) == Expectation(tries, error_class, answered_by)


def test_a_breaker_ends_the_tries_of_a_model_with_heirs_and_one_later_without():
    stubborn = candidate("first", retries=Retries(attempts=9))
    assert expected("overloaded", replace(REHEARSAL, route=(stubborn, *ROUTE[1:]))).tries == 3
    assert expected("overloaded", replace(REHEARSAL, route=(stubborn,))) == Expectation(4, "overloaded", "nobody")
    assert expected("rate_limited", replace(REHEARSAL, route=(stubborn, *ROUTE[1:]))).tries == 10


def test_a_wait_beyond_the_deadline_is_not_waited():
    assert expected("rate_limited", waits_s=7.0).tries == 1


def test_the_lab_s_table_counts_and_not_the_default():
    assert expected("auth", replace(REHEARSAL, decisions={**DEFAULT_DECISIONS, "auth": "fail"})).answered_by == "nobody"


def test_whatever_differs_is_no_full_mark():
    expectation = Expectation(1, "auth", "b")
    good = Scene("x", "x", expectation, Seen(1, "auth", "b", 1, 0.1))
    bad = [
        replace(good, seen=replace(good.seen, **{name: value}))
        for name, value in (("tries", 2), ("error_class", "overloaded"), ("answered_by", "c"), ("arrived", 2))
    ]
    assert score([good, *bad]) == (1, 5)
    assert replace(good, seen=replace(good.seen, arrived=None)).is_as_expected


def test_every_fault_is_one_that_the_rehearsal_provider_knows():
    answers = {"wrong_type", "empty", "cut", "clean_eof", "in_band_error", "bad_event", "silent", "silent_midway", "drip", "content_filter"}
    assert {fault.name for fault in FAULTS} <= {*REFUSALS, *INSTEAD, *ADDRESSES, *answers}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
