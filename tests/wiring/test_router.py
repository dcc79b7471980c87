"""The router of a lab over real providers on loopback: what is live holds at once, fences hold always, and what is opted in works."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from labmodels.config.schema.language_model import Budgets, Parameters, RateLimits
from labmodels.durable import FileSystem
from labmodels.errors import NoProvider, Usage
from labmodels.providers.loopback import TEXT, Loopback
from labmodels.providers.protocol import TextDelta, Tool
from labmodels.router.outcome import Answered
from labmodels.router.question import Caller, OutOfScope, Question
from labmodels.wiring.inspection import explain, models, reset, status
from labmodels.wiring.open_lab import OpenLab
from labmodels.wiring.router import LabRouter
from tests.labs import FALLBACK, LOCAL, EditedLab
from tests.ledger.test_record import attempt as a_row

SUMMARIZATION = "configs/specialized_models/summarization.yaml"
TRANSLATION = "configs/specialized_models/translation.yaml"
LONG = "A summary that is long enough to count, by far."


@pytest.fixture
def lab(tmp_path, monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith(("LABMODELS", "OPENAI", "ANTHROPIC", "LOCAL_LLM"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(FileSystem, "fsync_file", lambda *_: None)
    monkeypatch.setattr(FileSystem, "fsync_folder", lambda *_: None)
    lab = EditedLab(tmp_path)
    lab.write("docs/releases.md", "# Releases\n\n## Roll back a release\n\nRun `labmodels rollback`.\n")
    return lab


@pytest.fixture
def cloud(monkeypatch):
    """OpenAI and Anthropic, both at one address."""
    with Loopback() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        server.reply = LONG
        yield server


@pytest.fixture
def local(monkeypatch):
    """The lab's own server."""
    with Loopback() as server:
        monkeypatch.setenv("LOCAL_LLM_BASE_URL", server.openai_url)
        server.reply = "An answer from the lab's own machine, which is long enough."
        yield server


def deploy(lab: EditedLab) -> None:
    opened = OpenLab(lab)
    opened.deploy(opened.plan(environment="dev"))


@pytest.fixture
def router(lab, request):
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        yield router


def who(outcome) -> list[str]:
    return [f"{one.candidate} {one.outcome}" for one in outcome.attempts]


def rows(lab: EditedLab, query: str) -> list[tuple]:
    with sqlite3.connect(lab.ledger_file) as connection:
        return connection.execute(query).fetchall()


# -- what is live ----------------------------------------------------------------------------------------------------------


def test_a_deployment_and_a_switch_hold_from_the_next_question_on(lab, cloud, router):
    router.ask(Question.of("hi", domain="summarization"))
    lab.edit("configs/language_models/gpt4_config.yaml", ("model: gpt-6-luna", "model: another-model"))
    deploy(lab)
    assert router.ask(Question.of("hi", domain="summarization")).attempts[-1].occasion.release == 2
    assert [seen.body["model"] for seen in cloud.seen] == ["gpt-6-luna", "another-model"]
    OpenLab(lab).switch("high_accuracy", "text_generation", environment="dev")
    router.ask(Question.of("hi", domain="text_generation"))
    assert cloud.seen[-1].body["max_tokens"] == 8192


def test_a_stream_that_has_begun_stays_with_the_release_it_began_with(lab, cloud, router):
    cloud.reply = TEXT
    events = router.stream(Question.of("hi", target="gpt-4"))
    assert next(events).candidate == "gpt-4" and next(events) == TextDelta("The ")
    lab.edit("configs/language_models/gpt4_config.yaml", ("model: gpt-6-luna", "model: another-model"))
    deploy(lab)
    *_, last = events
    assert isinstance(last, Answered) and last.outcome.attempts[-1].occasion.release == 1
    assert router.ask(Question.of("hi", target="gpt-4")).attempts[-1].occasion.release == 2


def test_threads_share_one_router_and_every_request_has_its_row(lab, cloud, router):
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda n: router.ask(Question.of(f"question {n}", target="gpt-4")), range(64)))
    assert {outcome.answer.text for outcome in outcomes} == {LONG}
    assert rows(lab, "SELECT count(*), count(DISTINCT request_id), min(outcome), max(outcome) FROM attempts") == [(64, 64, "ok", "ok")]
    assert rows(lab, "SELECT requests FROM windows WHERE period = 'day'") == [(64,)]


# -- names -----------------------------------------------------------------------------------------------------------------


def test_a_model_name_asks_for_a_config_a_domain_or_the_best(lab, cloud, router):
    assert router.ask(Question.of("hi", target="claude")).attempts[-1].candidate == "claude"
    outcome = router.ask(Question.of("hi", target="summarization"))
    assert outcome.attempts[-1].occasion.domain == "summarization" and "Summarise for someone" in str(cloud.seen[-1].body)
    assert router.ask(Question.of("hi", target="auto")).attempts[-1].outcome == "ok"
    assert router.ask(Question.of("roll back a release", target="basic_nlp")).answer.degraded
    with pytest.raises(Usage, match="names the domain summarization, the request the domain translation"):
        router.ask(Question.of("hi", target="summarization", domain="translation"))


# -- fences ----------------------------------------------------------------------------------------------------------------


def test_what_is_local_only_never_reaches_a_cloud_whatever_fails(lab, cloud, local, router):
    outcome = router.ask(Question.of("hi", domain="text_generation", is_local_only=True))
    assert who(outcome) == ["gpt-4 skipped", "claude skipped", "local_llm ok"] and cloud.seen == []
    local.plan.extend(["500"] * 9)
    outcome = router.ask(Question.of("roll back a release", domain="text_generation", is_local_only=True))
    assert outcome.attempts[-1].candidate == "basic_nlp" and cloud.seen == []
    with pytest.raises(NoProvider, match="it is not local"):
        router.ask(Question.of("hi", target="claude", is_local_only=True))
    assert cloud.seen == []


def test_a_domain_can_be_fenced_for_good_by_place_and_by_region(lab, cloud, local):
    lab.append(SUMMARIZATION, "\n")
    lab.edit(SUMMARIZATION, ("requires:\n", "requires:\n  local_only: true\n"))
    lab.edit(TRANSLATION, ("profile: balanced", "requires: {regions: [eu]}\nprofile: balanced"))
    lab.edit("configs/language_models/claude_config.yaml", ("provider: anthropic", "provider: anthropic\nregion: eu"))
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        assert router.ask(Question.of("hi", domain="summarization")).attempts[-1].candidate == "local_llm"
        outcome = router.ask(Question.of("hi", domain="translation"))
    assert who(outcome) == ["gpt-4 skipped", "claude ok"]
    assert outcome.attempts[0].reason == "its region is unknown, and this request may only go to eu"


def test_a_key_opens_its_domains_and_nothing_else(lab, cloud, router):
    caller = Caller("k1", "ci", frozenset({"summarization"}), RateLimits(), Budgets())
    assert router.ask(Question.of("hi", domain="summarization", caller=caller)).attempts[-1].caller == "k1"
    for question in (Question.of("hi", caller=caller), Question.of("hi", target="gpt-4", caller=caller)):
        with pytest.raises(OutOfScope, match="does not open requests without a domain"):
            router.ask(question)
    with pytest.raises(OutOfScope, match="does not open the domain translation"):
        router.ask(Question.of("hi", target="translation", caller=caller))


# -- limits and budgets ----------------------------------------------------------------------------------------------------


def test_max_cost_reroutes_what_could_cost_more_and_says_the_figure(lab, cloud, router):
    outcome = router.ask(Question.of("hi", domain="text_generation", most_usd=Decimal("0.001")))
    assert outcome.answer.degraded
    assert "this request may spend $0.001 a request: $0 is spent or reserved, up to $0." in outcome.attempts[0].reason
    assert cloud.seen == []


def test_a_domain_s_and_a_caller_s_budget_hold_whichever_model_answers(lab, cloud):
    lab.append(TRANSLATION, "budgets: {day: $0.005}\n")
    deploy(lab)
    caller = Caller("k1", "ci", frozenset(), RateLimits(requests_per_minute=2), Budgets())
    with LabRouter(lab, "dev") as router:
        assert router.ask(Question.of("hi", domain="translation")).attempts[-1].candidate == "gpt-4"
        with pytest.raises(NoProvider, match=r"claude skipped \(the domain translation may spend \$0\.005 a day") as caught:
            router.ask(Question.of("hi" * 30_000, domain="translation"))
        assert {refusal.kind for refusal in caught.value.refusals} == {"budget"}
        for _ in range(2):
            router.ask(Question.of("hi", target="gpt-4", caller=caller))
        with pytest.raises(NoProvider, match="the key ci may use 2 requests a minute") as caught:
            router.ask(Question.of("hi", target="gpt-4", caller=caller))
        assert caught.value.refusals[0].retry_after_s > 0


# -- A/B, cache, measure -----------------------------------------------------------------------------------------------------


def test_a_split_deals_users_to_arms_and_the_ledger_knows_them(lab, cloud):
    lab.append(SUMMARIZATION, "split: {name: trial, control: gpt-4, candidate: claude, share: 50%}\n")
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        dealt = {f"user {n}": router.ask(Question.of("hi", domain="summarization", user=f"user {n}")).attempts[-1] for n in range(24)}
        again = router.ask(Question.of("something else", domain="summarization", user="user 0")).attempts[-1]
        assert router.ask(Question.of("hi", target="gpt-4")).attempts[-1].arm is None
    assert {one.arm: one.candidate for one in dealt.values()} == {"trial/control": "gpt-4", "trial/candidate": "claude"}
    assert (again.arm, again.candidate) == (dealt["user 0"].arm, dealt["user 0"].candidate)


def test_an_equal_request_of_a_caching_domain_is_answered_from_the_cache(lab, cloud):
    lab.append(SUMMARIZATION, "cache: {keep: 1h}\n")
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        first = router.ask(Question.of("hi", domain="summarization"))
        hit = router.ask(Question.of("hi", domain="summarization"))
        streamed = list(router.stream(Question.of("hi", domain="summarization")))
        assert [one.is_cached for one in (first.attempts[-1], hit.attempts[-1])] == [False, True]
        assert (hit.answer.text, streamed[1]) == (first.answer.text, TextDelta(LONG)) and len(cloud.seen) == 1
        last = hit.attempts[-1]
        assert (last.candidate, last.cost_pico_usd, last.latency_s) == ("gpt-4", 0, None)
        others = (
            Question.of("hi ", domain="summarization"),
            Question.of("hi", domain="summarization", parameters=Parameters(temperature=1.0)),
            Question.of("hi", domain="summarization", profile="high_accuracy"),
            Question.of("hi", domain="summarization", tools=(Tool("f", "", {"type": "object"}),)),
        )
        assert not any(router.ask(question).attempts[-1].is_cached for question in others)
        lab.edit("configs/language_models/gpt4_config.yaml", ("model: gpt-6-luna", "model: another-model"))
        deploy(lab)
        assert not router.ask(Question.of("hi", domain="summarization")).attempts[-1].is_cached, "another release is another answer"
        assert not router.ask(Question.of("hi", domain="text_generation")).attempts[-1].is_cached


def test_a_degraded_answer_is_never_stored(lab):
    lab.append(SUMMARIZATION, "cache: {keep: 1h}\n")
    lab.edit(SUMMARIZATION, ("      min_chars: 40\n", "      min_chars: 1\n"))
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        router.ask(Question.of("roll back a release", domain="summarization"))
    assert rows(lab, "SELECT count(*) FROM responses") == [(0,)]


def test_a_measured_chain_is_asked_by_the_profile_s_weights(lab, cloud):
    lab.edit(
        FALLBACK, ("candidates: [claude, local_llm, basic_nlp]\n", "candidates: [claude, local_llm, basic_nlp]\n    order: measured\n")
    )
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        assert explain(router, Question.of("hi", domain="text_generation")).order == "measured"
        for n in range(25):
            for name, latency_s in (("gpt-4", 9.0), ("claude", 0.5)):
                occasion = a_row().occasion.__class__("dev", "text_generation", origin="live")
                router.ledger.record(a_row(id=f"{name}{n}", candidate=name, occasion=occasion, latency_s=latency_s, cost_pico_usd=1000))
    with LabRouter(lab, "dev") as router:
        assert router.ask(Question.of("hi", domain="text_generation")).attempts[0].candidate == "claude"
        found = explain(router, Question.of("hi", domain="text_generation"))
    assert [place.name for place in found.places][-1] == "basic_nlp"
    assert found.places[0].score > found.places[1].score


# -- what is kept ------------------------------------------------------------------------------------------------------------


def test_texts_are_stored_only_where_the_lab_opted_in(lab, cloud, router):
    router.ask(Question.of("a very private question", target="gpt-4"))
    assert rows(lab, "SELECT count(*) FROM texts") == [(0,)]
    assert b"a very private question" not in b"".join(path.read_bytes() for path in lab.state.glob("ledger.db*"))
    lab.append("labmodels.yaml", "\nledger:\n  store_prompts: true\n")
    deploy(lab)
    outcome = router.ask(Question.of("a question to be kept", target="gpt-4"))
    ((request_id, prompt, answer),) = rows(lab, "SELECT request_id, prompt, answer FROM texts")
    assert (request_id, answer) == (outcome.request_id, LONG) and "a question to be kept" in prompt


# -- looking -----------------------------------------------------------------------------------------------------------------


def test_explain_says_of_every_candidate_what_asking_does_and_asks_nobody(lab, cloud, router):
    question = Question.of("hi", domain="code_analysis")
    found = explain(router, question)
    assert [(place.name, place.verdict) for place in found.places][:3] == [
        ("custom/code_reviewer", "skipped"),
        ("claude", "chosen"),
        ("gpt-4", "next"),
    ]
    assert found.places[1].most_usd > found.places[1].likely_usd > 0 and found.places[1].price_source == "config"
    assert cloud.seen == [] and rows(lab, "SELECT count(*) FROM attempts") == rows(lab, "SELECT count(*) FROM windows") == [(0,)]
    cloud.reply = "app.py:3 a defect"
    assert router.ask(question).attempts[-1].candidate == "claude"


def test_status_shows_what_every_process_counts_and_reset_closes(lab, cloud, router):
    cloud.plan.extend(["500", "ok"] * 3)  # gpt-4 fails, claude answers
    for _ in range(3):
        router.ask(Question.of("roll back a release", domain="documentation"))
    with LabRouter(lab, "dev") as other:
        seen = status(other)
        assert [(one.name, one.state, one.failures, one.error_class) for one in seen.breakers] == [("gpt-4", "open", 3, "overloaded")]
        assert {(left.owner, left.what): left.used for left in seen.used}["gpt-4", "requests a minute"] == 3
        assert [one.breaker for one in models(other) if one.name == "gpt-4"] == ["open"]
        assert explain(other, Question.of("hi", domain="documentation")).places[0].verdict == "skipped"
        assert reset(other, ["claude"]) == [] and reset(other, []) == ["gpt-4"]
    assert router.ask(Question.of("hi", domain="documentation")).attempts[-1].candidate == "gpt-4"


def test_weights_below_the_lab_are_found_from_anywhere(lab, monkeypatch, tmp_path_factory):
    pytest.importorskip("llama_cpp")
    from labmodels.training.gguf import tiny_model

    (lab.root / "models").mkdir()
    tiny_model(lab.root / "models" / "tiny.gguf", seed=1)
    lab.edit(
        LOCAL,
        ("base_url: env:LOCAL_LLM_BASE_URL", "weights: {gguf: models/tiny.gguf, threads: 1}"),
        ("context_tokens: 32768", "context_tokens: 512"),
    )
    lab.edit(LOCAL, ("max_output_tokens: 2048", "max_output_tokens: 8"))
    lab.edit(SUMMARIZATION, ("  context_tokens: 32000", "  context_tokens: 100"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    for profile in ("balanced", "fast_response", "high_accuracy", "batch_processing"):
        path = f"configs/performance_profiles/{profile}.yaml"
        text = (lab.root / path).read_text()
        lab.write(
            path,
            text.replace("max_output_tokens: 4096", "max_output_tokens: 16")
            .replace("max_output_tokens: 2048", "max_output_tokens: 16")
            .replace("max_output_tokens: 8192", "max_output_tokens: 16"),
        )
    for name in ("code_analysis", "summarization"):
        path = f"configs/specialized_models/{name}.yaml"
        lab.write(path, (lab.root / path).read_text().replace("max_output_tokens: 2048", "max_output_tokens: 16"))
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        outcome = router.ask(Question.of("Say something", target="local_llm"))
    assert outcome.attempts[-1].candidate == "local_llm" and not outcome.answer.degraded
    assert outcome.attempts[-1].output_tokens > 0 and outcome.attempts[-1].cost_pico_usd == 0


HOSTED = """\
kind: embedding_model
name: hosted
provider: openai
model: text-embedding-3-small
dimensions: 2
max_tokens: 8000
prices: {input: "$1 / 1M tokens", output: "$0 / 1M tokens"}
rate_limits: {requests_per_minute: 3}
domains:
  notes: {group: text, sources: ["notes/**"]}
"""


def test_vectors_are_booked_retried_and_limited_like_answers_and_never_come_from_another_space(lab, cloud):
    lab.write("configs/embedding_models/hosted.yaml", HOSTED)
    deploy(lab)
    with LabRouter(lab, "dev") as router:
        cloud.plan.append("503")
        assert len(router.embed("hosted", ["a", "four"], "notes").vectors) == 2
        assert rows(lab, "SELECT candidate, outcome, error_class, domain, cost_source FROM attempts ORDER BY id") == [
            ("hosted", "failed", "overloaded", "notes", None),
            ("hosted", "ok", None, "notes", "config"),
        ]
        assert rows(lab, "SELECT sum(cost_pico_usd) > 0, sum(output_tokens) FROM attempts WHERE outcome = 'ok'") == [(1, 0)]
        router.embed("hosted", ["b"])
        with pytest.raises(NoProvider, match="hosted may use 3 requests a minute"):
            router.embed("hosted", ["c"])
        own = router.embed("text_embeddings", ["d"])
        assert len(own.vectors[0]) == 384 and rows(lab, "SELECT outcome, cost_source FROM attempts ORDER BY id DESC LIMIT 1") == [
            ("ok", "built-in")
        ]
    assert len(cloud.seen) == 3, "the lab's own encoder asks nobody"
