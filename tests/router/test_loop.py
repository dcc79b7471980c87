"""The loop asks in order, waits by policy, records every attempt, and keeps one deadline; over the real adapters at the end."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.config.schema.fallback import DEFAULT_DECISIONS
from labmodels.config.schema.language_model import Capabilities, Credentials, LanguageModel, OutputCheck, Prices, Retries, Timeouts
from labmodels.errors import MissingExtra, NoProvider
from labmodels.ledger.queries import summary
from labmodels.ledger.record import Ledger, Occasion
from labmodels.providers.basic_nlp import BasicNlp
from labmodels.providers.loopback import TEXT, Loopback
from labmodels.providers.protocol import Answer, Finished, Message, ProviderFault, Request, TextDelta, Usage
from labmodels.providers.registry import availability, build
from labmodels.router.admission import Admission, Ticket
from labmodels.router.breaker import Rules
from labmodels.router.candidates import Candidate
from labmodels.router.loop import Means, Terms, ask

REQUEST = Request((Message("user", "What is the answer?"),), domain="documentation")
OCCASION = Occasion("dev", "documentation", "balanced", 3, "test")
PRICES = Prices(input="$1 / 1M tokens", output="$2 / 1M tokens", cache_read="$1 / 1M tokens", cache_write="$1 / 1M tokens")


class Clock:
    """Time that only sleeping and scripted providers move."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Scripted:
    """A provider that does what its script says: an answer's text, or a fault; each try takes a second."""

    def __init__(self, clock: Clock, script: list) -> None:
        self.clock, self.script, self.deadlines = clock, script, []

    def complete(self, request: Request) -> Answer:
        self.clock.now += 1.0
        self.deadlines.append(request.deadline_s)
        step = self.script.pop(0) if self.script else "done"
        if isinstance(step, ProviderFault):
            raise step
        return Answer(step, "stop", Usage(10, 0, 0, 5))

    def stream(self, request: Request):
        answer = self.complete(request)
        yield TextDelta(answer.text)
        yield Finished(answer)

    def embed(self, texts, deadline_s=None):
        raise NotImplementedError


class OpenDoor:
    """Admits everything and keeps the rows."""

    def __init__(self, rows: list) -> None:
        self.rows = rows

    def admit(self, entry, *, is_forced=False):
        return Ticket(entry)

    def settle(self, ticket, attempts, ending, more=()):
        self.rows.extend(attempts)


def candidate(name: str, context_tokens: int = 8000, **settings_) -> Candidate:
    settings_.setdefault("prices", PRICES)
    settings_.setdefault("retries", Retries(attempts=2, backoff="1 s", max_backoff="4 s"))
    return Candidate(
        name, "openai", LanguageModel(name=name, provider="openai", model=f"{name}-model", context_tokens=context_tokens, **settings_)
    )


def run(
    scripts: dict[str, list], route: list[Candidate] | None = None, *, decisions=None, deadline_s: float = 60.0, request: Request = REQUEST
):
    clock, rows = Clock(), []
    providers = {name: Scripted(clock, script) for name, script in scripts.items()}
    route = route or [candidate(name) for name in scripts]
    try:
        means = Means(lambda one: providers[one.name], OpenDoor(rows), clock=clock, sleep=clock.sleep, rng=lambda: 0.5)
        found = ask(request, route, Terms(OCCASION, deadline_s, decisions or {}), means)
    except NoProvider as error:
        found = error
    assert list(found.attempts) == rows
    return found, rows, clock, providers


def told(rows) -> list[tuple[str, str, str | None]]:
    return [(row.candidate, row.outcome, row.error_class) for row in rows]


def fault(error_class: str, **details) -> ProviderFault:
    return ProviderFault(error_class, f"x: {error_class}", **details)


def test_the_first_that_answers_ends_the_route():
    found, rows, _, providers = run({"a": ["hello"], "b": []})
    assert (found.answer.text, told(rows)) == ("hello", [("a", "ok", None)])
    assert providers["b"].deadlines == []
    assert (rows[0].cost_pico_usd, rows[0].latency_s, rows[0].model_requested, rows[0].occasion) == (20_000_000, 1.0, "a-model", OCCASION)


def test_a_retry_waits_by_backoff_and_jitter_and_then_the_next_is_asked():
    found, rows, clock, _ = run({"a": [fault("overloaded")] * 3, "b": ["yes"]})
    assert told(rows) == [("a", "failed", "overloaded")] * 3 + [("b", "ok", None)]
    assert clock.slept == [0.5, 1.0]
    assert found.answer.text == "yes"
    assert len({row.request_id for row in rows}) == 1 and len({row.id for row in rows}) == 4


def test_retry_after_beyond_the_deadline_goes_on_at_once():
    _, rows, clock, _ = run({"a": [fault("rate_limited", retry_after_s=600.0)], "b": ["yes"]})
    assert told(rows) == [("a", "failed", "rate_limited"), ("b", "ok", None)] and clock.slept == []


def test_a_request_that_is_wrong_is_not_shown_to_another():
    found, rows, _, providers = run({"a": [fault("invalid_request")], "b": []})
    assert isinstance(found, NoProvider) and told(rows) == [("a", "failed", "invalid_request")]
    assert providers["b"].deadlines == []
    assert "a failed (invalid_request: x: invalid_request)" in str(found)


def test_the_lab_s_table_wins_over_the_default():
    _, rows, _, _ = run({"a": [fault("invalid_request")], "b": ["yes"]}, decisions={"invalid_request": "next"})
    assert told(rows)[-1] == ("b", "ok", None)


def test_an_overflow_asks_only_larger_contexts():
    route = [candidate("a", 8000), candidate("small", 8000), candidate("smaller", 4000), candidate("large", 32000)]
    _, rows, _, _ = run({"a": [fault("context_overflow")], "small": [], "smaller": [], "large": ["yes"]}, route)
    assert told(rows) == [
        ("a", "failed", "context_overflow"),
        ("small", "skipped", None),
        ("smaller", "skipped", None),
        ("large", "ok", None),
    ]
    assert "no larger than the one that overflowed" in rows[1].reason


def test_every_skipped_candidate_has_a_row_and_a_reason_and_the_error_lists_all():
    route = [
        Candidate("gpt-4", "openai", skip_reason="OPENAI_API_KEY is not set"),
        candidate("blind", capabilities=Capabilities(json_schema=False)),
        Candidate("custom/code_reviewer", "custom", skip_reason="it is not installed yet"),
    ]
    found, rows, _, _ = run({}, route, request=Request(REQUEST.messages, json_schema={"type": "object"}))
    assert [row.outcome for row in rows] == ["skipped"] * 3
    assert "gpt-4 skipped (OPENAI_API_KEY is not set); blind skipped (it cannot do json_schema); custom/code_reviewer skipped" in str(found)
    assert found.exit_code == 7
    assert found.as_json()["error"] == "NoProvider"
    assert found.as_json()["attempts"][0]["reason"] == "OPENAI_API_KEY is not set"


def test_a_provider_whose_package_is_missing_is_skipped():
    def provider_for(one: Candidate):
        raise MissingExtra("openai", "providers")

    rows: list = []
    with pytest.raises(NoProvider, match="openai is not installed"):
        ask(REQUEST, [candidate("a")], Terms(OCCASION, 5), Means(provider_for, OpenDoor(rows)))
    assert [row.outcome for row in rows] == ["skipped"]


def test_an_answer_that_misses_a_check_was_paid_for_and_the_next_is_asked():
    strict = candidate("strict", output_checks=[OutputCheck(name="long", min_chars=10)])
    found, rows, _, _ = run({"strict": ["short"], "b": ["fine"]}, [strict, candidate("b")])
    assert told(rows) == [("strict", "failed", "check_failed"), ("b", "ok", None)]
    assert (rows[0].cost_pico_usd, rows[0].finish, rows[0].reason) == (20_000_000, "stop", "strict: long: 5 characters, fewer than 10")
    assert found.answer.text == "fine"


def test_a_failure_that_was_billed_has_its_tokens_and_one_that_tells_none_is_unknown():
    _, rows, _, _ = run({"a": [fault("refusal", usage=Usage(100, 0, 0, 50))]})
    assert (rows[0].input_tokens, rows[0].cost_pico_usd) == (100, 200_000_000)
    _, rows, _, _ = run({"a": [fault("timeout_total")]})
    assert (rows[0].input_tokens, rows[0].cost_pico_usd) == (None, None)


def test_the_prompt_is_known_by_its_hash_alone():
    _, rows, _, _ = run({"a": ["hello"]})
    assert rows[0].prompt_sha256 == hashlib.sha256(json.dumps([[["user", "What is the answer?"]], None]).encode()).hexdigest()
    assert "What is the answer?" not in repr(rows[0].as_row())


def test_each_try_is_given_what_is_left_of_the_deadline():
    _, _, _, providers = run({"a": [fault("overloaded")] * 3, "b": ["yes"]}, deadline_s=20.0)
    assert providers["a"].deadlines == [20.0, 18.5, 16.5] and providers["b"].deadlines == [15.5]


_steps = st.sampled_from([*DEFAULT_DECISIONS, "text"])


@settings(max_examples=150)
@given(st.lists(st.lists(_steps, max_size=5), min_size=1, max_size=4), st.floats(0.5, 12), st.floats(0, 20))
def test_whatever_fails_nothing_starts_after_the_deadline_and_every_try_has_one_row(scripts, deadline_s, retry_after_s):
    steps = {
        f"m{n}": [
            "text" if step == "text" else fault(step, retry_after_s=retry_after_s if step == "rate_limited" else None) for step in script
        ]
        for n, script in enumerate(scripts)
    }
    found, rows, clock, providers = run(steps, deadline_s=deadline_s)
    tries = [row for row in rows if row.outcome != "skipped"]
    assert len(tries) == sum(len(provider.deadlines) for provider in providers.values())
    assert all(left is not None and left > 0 for provider in providers.values() for left in provider.deadlines)
    assert clock.now - 1000.0 <= deadline_s + 1.0  # the last try may have begun just before; a real one is cut by its own deadline
    assert isinstance(found, NoProvider) or rows[-1].outcome == "ok"
    assert all(len([row for row in tries if row.candidate == name]) <= 3 for name in providers)


def test_over_real_adapters_the_route_falls_back_to_quotes_and_the_ledger_shows_no_key(tmp_path):
    key = "canary-77aa-not-a-real-key"
    environ = {"TEST_KEY": key}
    with Loopback() as loopback, Ledger(tmp_path / "ledger.db") as ledger:
        loopback.plan.extend(["500", "cut", "echo_key"])
        fast = {
            "credentials": Credentials(api_key="env:TEST_KEY"),
            "context_tokens": 8000,
            "retries": Retries(attempts=1, backoff="10 ms"),
            "timeouts": Timeouts(),
        }
        gpt = LanguageModel(name="gpt-4", provider="openai", model="gpt-4o", base_url=loopback.openai_url, **fast)
        claude = LanguageModel(name="claude", provider="anthropic", model="claude-x", base_url=loopback.url, **fast)
        local = LanguageModel(name="local", provider="llama_cpp", model="tiny", base_url="env:LOCAL_URL", context_tokens=100)
        route = [Candidate(one.name, one.provider, one, availability(one, environ)) for one in (gpt, claude, local)] + [
            Candidate("basic_nlp", "basic_nlp")
        ]

        def provider_for(one: Candidate):
            return build(one.model, environ) if one.model else BasicNlp(lambda query, domain: [])

        terms, means = Terms(Occasion("dev", "documentation"), 30.0), Means(provider_for, Admission(ledger, Rules(threshold=100)))
        found = ask(REQUEST, route, terms, means)
        assert told(found.attempts) == [
            ("gpt-4", "failed", "overloaded"), ("gpt-4", "failed", "truncated"), ("claude", "failed", "auth"),
            ("local", "skipped", None), ("basic_nlp", "ok", None),
        ]  # fmt: skip
        assert found.answer.degraded and found.attempts[-1].cost_pico_usd == 0
        assert found.attempts[3].reason == "LOCAL_URL is not set"
        again = ask(REQUEST, route, terms, means)
        assert again.answer.text == TEXT
        summaries = {one.candidate: one for one in summary(ledger, found.attempts[0].at)}
        assert (summaries["gpt-4"].ok, summaries["gpt-4"].failed, summaries["gpt-4"].cost_unknown) == (1, 2, 3)
        assert (summaries["basic_nlp"].degraded, summaries["basic_nlp"].cost_usd) == (1, Decimal(0))
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.encode() not in stored and b"What is the answer?" not in stored
