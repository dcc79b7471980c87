"""Every fault of the loopback provider x {plain, stream} x {openai, anthropic}, through the whole router over real SDKs.

The first model of a route has the fault for good, the second is sound: the tries, the class, what reached the consumer and who answered.
What should come out is worked out from the table of classes and the decision table, not by the router.
"""

from __future__ import annotations

import pytest

from labmodels.config.schema.fallback import DEFAULT_DECISIONS
from labmodels.config.schema.language_model import Capabilities, Credentials, LanguageModel, Retries
from labmodels.ledger.record import Ledger, Occasion
from labmodels.providers.loopback import ADDRESSES, TEXT, Loopback
from labmodels.providers.protocol import Message, Request, TextDelta
from labmodels.providers.registry import build
from labmodels.router.admission import Admission
from labmodels.router.breaker import Rules
from labmodels.router.candidates import Candidate
from labmodels.router.loop import Means, Terms, ask, stream
from labmodels.router.outcome import Answered, Interrupted, RouteSpent
from tests.providers.test_faults_on_the_wire import EXPECTED, LIMITS, SLOW

ENVIRON = {"TEST_KEY": "canary-3b1d-not-a-real-key"}
RETRIES = 1
# Faults that show only after text has been sent on: the consumer of a stream has seen a part, and the default ends it there.
AFTER_OUTPUT = {
    "cut", "in_band_error", "silent_midway", "bad_event", "clean_eof", "no_finish", "no_terminator", "odd_finish", "content_filter",
    "context_full",
}  # fmt: skip


@pytest.fixture(scope="module")
def servers():
    with Loopback() as failing, Loopback() as sound:
        yield failing, sound


def model(name: str, provider: str, url: str, mode: str, **settings) -> Candidate:
    return Candidate(
        name,
        provider,
        LanguageModel(
            name=name,
            provider=provider,
            model="some-model",
            base_url=url,
            context_tokens=32000 if name == "second" else 8000,
            credentials=Credentials(api_key="env:TEST_KEY"),
            capabilities=Capabilities(streaming=mode == "stream"),
            retries=Retries(attempts=RETRIES, backoff="1 ms", max_backoff="2 ms"),
            **settings,
        ),
    )


def expected_class(fault: str, provider: str, mode: str) -> str | None:
    found = EXPECTED.get(fault, "connection")
    found = found.get(provider) if isinstance(found, dict) else found
    return found[mode == "stream"] if isinstance(found, tuple) else found


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.parametrize("fault", [*(fault for fault in EXPECTED if "tool_calls" not in fault), *ADDRESSES])  # calls: test_streams
def test_a_fault_ends_as_the_table_says(servers, tmp_path, fault, mode, provider):
    failing, sound = servers
    failing.plan.clear()
    failing.plan.extend([fault] * (RETRIES + 2))
    arrived, answered = len(failing.seen), len(sound.seen)
    first = model("first", provider, failing.address(provider, fault), mode, timeouts=LIMITS.get(fault, SLOW))
    second = model("second", "openai", sound.openai_url, mode, timeouts=SLOW)
    with Ledger(tmp_path / "ledger.db") as ledger:
        means = Means(lambda one: build(one.model, ENVIRON), Admission(ledger, Rules(threshold=100)))
        received, end = run(mode, [first, second], means)
        with ledger.reading() as connection:
            rows = connection.exec_driver_sql("SELECT candidate, outcome, error_class FROM attempts ORDER BY id").all()
    attempts = [(one.candidate, one.outcome, one.error_class) for one in end.attempts]
    assert attempts == [tuple(row) for row in rows], "one row an attempt, in their order"

    error_class = expected_class(fault, provider, mode)
    if error_class is None:  # no fault in this mode: the answer is whole
        assert attempts == [("first", "ok", None)] and received == TEXT
        return
    was_seen = mode == "stream" and fault in AFTER_OUTPUT
    decision = DEFAULT_DECISIONS[error_class]
    is_retried = decision == "retry" and not was_seen and "absurd" not in fault and "seconds" not in fault
    tries = 1 + RETRIES if is_retried else 1
    assert attempts[:tries] == [("first", "failed", error_class)] * tries
    if fault not in ADDRESSES:
        assert len(failing.seen) - arrived == tries, "nobody else retries"
    if was_seen or decision == "fail":
        assert isinstance(end, Interrupted if was_seen else RouteSpent)
        assert attempts[tries:] == [] and len(sound.seen) == answered
        assert received == TEXT[: len(received)], "what was seen is the beginning of an answer, never two mixed"
    else:
        assert attempts[tries:] == [("second", "ok", None)] and received == TEXT
    assert ENVIRON["TEST_KEY"] not in repr(end.attempts)


def run(mode: str, route: list[Candidate], means: Means):
    request = Request((Message("user", "What is the answer?"),))
    terms = Terms(Occasion("dev", "documentation"), 5.0)
    received = ""
    try:
        if mode == "plain":
            end = ask(request, route, terms, means)
            return end.answer.text, end
        for event in stream(request, route, terms, means):
            if isinstance(event, TextDelta):
                received += event.text
            elif isinstance(event, Answered):
                return received, event.outcome
    except RouteSpent as spent:
        return received, spent
    raise AssertionError("neither an answer nor an error")
