"""labmodels router explain and status and reset, as an operator reads them."""

from __future__ import annotations

import pytest

from labmodels.providers.loopback import Loopback
from tests.cli.operating import operator
from tests.labs import EditedLab


@pytest.fixture
def operate(tmp_path, monkeypatch, capsys):
    operate = operator(EditedLab(tmp_path), monkeypatch, capsys)
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "LOCAL_LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert operate("deploy-config", "--all", "--env", "dev", "--yes").code == 0
    return operate


def test_every_candidate_is_told_with_its_verdict_and_its_reason(operate):
    done = operate("router", "explain", "why does it fail?", "--domain", "code_analysis", OPENAI_API_KEY="k" * 20)
    assert done.code == 0 and done.err == ""
    assert done.out.startswith(
        "dev, release 1, about code_analysis: profile balanced (profile of domain code_analysis), order as declared\n"
    )
    verdicts = [tuple(line.split()[:2]) for line in done.out.splitlines()[2:7]]
    assert verdicts == [
        ("skipped", "custom/code_reviewer"),
        ("skipped", "claude"),
        ("chosen", "gpt-4"),
        ("skipped", "local_llm"),
        ("next", "basic_nlp"),
    ]
    assert "  claude: ANTHROPIC_API_KEY is not set\n" in done.out and "  gpt-4: 0 of 2.00 $ a day used\n" in done.out
    assert max(map(len, done.out.splitlines()[1:])) <= 80


def test_fences_and_the_cost_bound_show_before_anybody_is_asked(operate):
    done = operate("router", "explain", "hi", "--local-only", "--max-cost", "0", "--json", OPENAI_API_KEY="k" * 20)
    places = {place["name"]: place for place in done.json["places"]}
    assert "not local" in places["gpt-4"]["reason"] and places["basic_nlp"]["verdict"] == "chosen"
    assert (places["basic_nlp"]["most_usd"], places["gpt-4"]["price_source"]) == ("0", "config")


def test_auto_is_ordered_by_measure_and_scored(operate):
    done = operate("router", "explain", "hi", "--model", "auto")
    assert "order by measure" in done.out and "score" in done.out


@pytest.mark.parametrize("amount", ["-1", "a lot", "nan", "1e99", ""])
def test_an_amount_that_is_none_is_a_slip(operate, amount):
    done = operate("router", "explain", "hi", "--max-cost", amount)
    assert done.code == 2 and f"--max-cost {amount} is no amount" in done.err


def test_status_and_reset_follow_a_model_that_is_down(operate):
    assert "breakers: all closed (open after 3 failures in a row, for 30 s)" in operate("router", "status").out
    with Loopback() as openai:
        openai.plan.extend(["500"] * 3)
        for _ in range(4):
            assert operate("ask", "hi", "--domain", "documentation", OPENAI_BASE_URL=openai.openai_url).code == 0
        assert len(openai.seen) == 3, "the breaker kept the fourth away"
    found = operate("router", "status")
    assert next(line.split()[:4] for line in found.out.splitlines() if line.startswith("gpt-4 ")) == ["gpt-4", "open", "3", "overloaded"]
    assert operate("router", "status", "--json").json["breakers"][0]["state"] == "open"
    assert operate("router", "reset", "claude").out == "dev: nothing to do, no breaker has counted a failure\n"
    assert operate("router", "reset", "--json").json["closed"] == ["gpt-4"]
    assert "all closed" in operate("router", "status").out
    slip = operate("router", "reset", "gpt4")
    assert (slip.code, slip.err) == (2, "error: no model is called gpt4 in dev\n  hint: live: claude, gpt-4, local_llm\n")


def test_what_is_not_deployed_cannot_be_looked_at(operate):
    for verb in ("explain", "status", "reset", "drill"):
        done = operate("router", verb, "--env", "test")
        assert done.code == 2 and "nothing is deployed in test" in done.err


def test_models_list_says_what_can_answer_and_what_it_costs(operate):
    done = operate("models", "list", OPENAI_API_KEY="k" * 20)
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "not asked lately" in lines["gpt-4"] and lines["gpt-4"].endswith("0.1 / 0.5")
    assert "ANTHROPIC_API_KEY is not set" in lines["claude"] and "not installed yet" in lines["custom/lab_assistant"]
    told = {one["name"]: one for one in operate("models", "list", "--json").json["models"]}
    assert (told["local_llm"]["is_local"], told["claude"]["is_local"], told["basic_nlp"]["unavailable"]) == (True, False, None)
