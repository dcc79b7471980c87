"""`labmodels ask` end to end: the command line, a released lab, and providers on 127.0.0.1 that say what they were sent."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from labmodels.cli.app import run
from labmodels.lab import Lab
from labmodels.ledger.record import Ledger
from labmodels.ledger.tables import ATTEMPTS
from labmodels.providers.loopback import TEXT, Loopback
from tests.labs import CLAUDE, CODE_ANALYSIS, GPT4, EditedLab

PAGE = """# Releases

## How do I roll back a release?

Run `labmodels rollback` and name the number of the release.
"""
CODE = '"""Counts the turtles of the aquarium."""\n\nTURTLES = 4\n'


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """The starter lab with a page and some code, live in dev and production; shared, so tests leave releases as they are."""
    lab = EditedLab(tmp_path_factory.mktemp("ask") / "lab")
    lab.write("docs/releases.md", PAGE)
    lab.write("src/turtles.py", CODE)
    lab.edit(GPT4, ('backoff: "500 ms"', 'backoff: "1 ms"'))
    lab.edit(CLAUDE, ('backoff: "1 second"', 'backoff: "1 ms"'))
    lab.edit(CODE_ANALYSIS, ("context_tokens: 32000", "context_tokens: 150000"))
    for environment in ("dev", "production"):
        assert run(["deploy-config", "--all", "--yes", "--lab", str(lab.root), "--env", environment]) == 0
    return lab


@pytest.fixture
def lab(deployed, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith(("LABMODELS", "OPENAI", "ANTHROPIC", "LOCAL_LLM"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LABMODELS_LAB", str(deployed.root))
    monkeypatch.setenv("LABMODELS_ENV", "dev")
    (deployed.state / "ledger.db").unlink(missing_ok=True)
    capsys.readouterr()
    return deployed


@pytest.fixture
def openai(monkeypatch):
    with Loopback() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", "a-key-for-openai")
        yield server


@pytest.fixture
def anthropic(monkeypatch):
    with Loopback() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key-for-anthropic")
        yield server


def rows(lab: Lab) -> list:
    from sqlalchemy import select

    with Ledger(lab.ledger_file) as ledger, ledger.reading() as connection:
        return list(connection.execute(select(ATTEMPTS).order_by(ATTEMPTS.c.at, ATTEMPTS.c.id)))


def asked(capsys, *words: str) -> dict:
    """Return what `labmodels ask --json` said."""
    code = run(["ask", *words, "--json"])
    shown, told = capsys.readouterr()
    assert (code, told) == (0, "")
    return json.loads(shown)


# -- who answers -----------------------------------------------------------------------------------------------------------


def test_the_first_model_with_a_key_answers_and_is_named(lab, openai, capsys):
    assert run(["ask", "What is the answer?"]) == 0
    assert capsys.readouterr() == (f"{TEXT}\n", "answered by gpt-4\n")
    (request,) = openai.seen
    assert request.headers["authorization"] == "Bearer a-key-for-openai"
    assert request.body["model"] == "gpt-6-luna"
    assert request.body["messages"] == [{"role": "user", "content": "What is the answer?"}]


def test_another_provider_answers_when_only_it_can_be_asked(lab, anthropic, capsys):
    assert run(["ask", "What is the answer?"]) == 0
    assert capsys.readouterr() == (f"{TEXT}\n", "answered by claude\n  gpt-4 skipped: OPENAI_API_KEY is not set\n")
    (request,) = anthropic.seen
    assert "a-key-for-anthropic" in str(request.headers)
    assert request.body["model"] == "claude-sonnet-5-5"


def test_a_failing_model_is_retried_as_its_config_says_and_then_the_next_one_is_asked(lab, openai, anthropic, capsys):
    openai.plan.extend(["503"] * 9)
    told = asked(capsys, "hello", "--profile", "balanced")
    assert (len(openai.seen), len(anthropic.seen)) == (3, 1), "two retries, then the next"
    assert told["candidate"] == "claude" and told["answer"] == TEXT and told["degraded"] is False
    assert [(one["candidate"], one["outcome"], one["error_class"]) for one in told["attempts"]] == [
        *[("gpt-4", "failed", "overloaded")] * 3,
        ("claude", "ok", None),
    ]


def test_a_wrong_request_is_not_hidden_by_asking_somebody_else(lab, openai, anthropic, capsys):
    openai.plan.append("400")
    assert run(["ask", "hello"]) == 7
    assert anthropic.seen == [] and "invalid_request" in capsys.readouterr().err


def test_when_nobody_can_answer_each_one_is_named_with_its_reason(lab, capsys, anthropic):
    anthropic.plan.append("401")
    assert run(["ask", "Übersetze das", "--domain", "translation"]) == 7
    shown, told = capsys.readouterr()
    assert shown == ""
    for reason in (
        "gpt-4 skipped (OPENAI_API_KEY is not set)",
        "claude failed (auth: ",
        "local_llm skipped (LOCAL_LLM_BASE_URL is not set)",
    ):
        assert reason in told
    assert "a-key-for-anthropic" not in told
    anthropic.plan.append("401")
    assert run(["ask", "Übersetze das", "--domain", "translation", "--json"]) == 7
    error = json.loads(capsys.readouterr().out)
    assert (error["error"], error["exit_code"]) == ("NoProvider", 7)
    assert [(one["candidate"], one["outcome"], one["error_class"]) for one in error["attempts"]] == [
        ("gpt-4", "skipped", None),
        ("claude", "failed", "auth"),
        ("local_llm", "skipped", None),
    ]


def test_one_model_can_be_asked_by_name_and_nobody_else_is(lab, openai, anthropic, capsys):
    assert asked(capsys, "hello", "--model", "claude")["candidate"] == "claude"
    assert openai.seen == []
    assert asked(capsys, "How do I roll back a release?", "--model", "basic_nlp")["degraded"] is True
    assert len(anthropic.seen) == 1


def test_an_answer_that_fails_an_output_check_is_not_shown_and_the_next_one_is_asked(lab, openai, anthropic, capsys):
    anthropic.reply, openai.reply = "It is fine, I think.", "no findings"
    told = asked(capsys, "Review this", "--domain", "code_analysis")
    assert told["answer"] == "no findings"
    assert [(one["candidate"], one["error_class"]) for one in told["attempts"]] == [
        ("custom/code_reviewer", None),
        ("claude", "check_failed"),
        ("gpt-4", None),
    ]


def test_a_model_below_what_the_domain_requires_is_passed_over(lab, capsys, monkeypatch):
    with Loopback() as local:
        monkeypatch.setenv("LOCAL_LLM_BASE_URL", local.openai_url)
        told = asked(capsys, "How do I roll back a release?", "--domain", "code_analysis")
    assert local.seen == [] and told["candidate"] == "basic_nlp"
    (passed_over,) = [one for one in told["attempts"] if one["candidate"] == "local_llm"]
    assert "the 150000 that the domain requires" in passed_over["reason"]


# -- what is sent ----------------------------------------------------------------------------------------------------------


def test_the_specialised_model_says_its_system_prompt_and_shapes_the_request(lab, openai, anthropic, capsys):
    anthropic.reply = "no findings"
    asked(capsys, "Review this", "--domain", "code_analysis")
    (request,) = anthropic.seen
    assert request.body["system"].startswith("You review code for an operations team.")
    assert [one["content"] for one in request.body["messages"]] == ["Review this"]
    asked(capsys, "Shorten this", "--domain", "summarization")
    assert openai.seen[-1].body["messages"][0]["role"] == "system"
    assert openai.seen[-1].body["max_tokens"] == 2048, "the overlay of the domain"


def test_a_switch_changes_the_next_request_and_going_back_the_one_after(lab, openai, capsys):
    def limit() -> int:
        assert run(["ask", "hello", "--domain", "text_generation"]) == 0
        return openai.seen[-1].body["max_tokens"]

    before = limit()
    assert run(["switch-config", "--profile", "high_accuracy", "--domain", "text_generation"]) == 0
    switched = limit()
    assert run(["switch-config", "-", "--domain", "text_generation"]) == 0
    assert (before, switched, limit()) == (2048, 8192, 2048)


def test_a_profile_by_option_or_variable_holds_for_one_request(lab, openai, capsys, monkeypatch):
    run(["ask", "hello", "--profile", "high_accuracy"])
    monkeypatch.setenv("LABMODELS_PROFILE", "balanced")
    run(["ask", "hello"])
    run(["ask", "hello", "--profile", "high_accuracy"])
    monkeypatch.delenv("LABMODELS_PROFILE")
    run(["ask", "hello"])
    assert [request.body["max_tokens"] for request in openai.seen] == [8192, 4096, 8192, 2048]
    assert [row.profile for row in rows(lab)] == ["high_accuracy", "balanced", "high_accuracy", "fast_response"]


def test_variables_act_on_requests_outside_of_production_only(lab, openai, capsys, monkeypatch):
    monkeypatch.setenv("LABMODELS__GPT_4__PARAMETERS__TEMPERATURE", "0.7")
    for environment in ("dev", "production"):
        assert run(["ask", "hello", "--env", environment]) == 0
    assert [request.body["temperature"] for request in openai.seen] == [0.7, 0.2]


def test_edits_in_the_working_tree_are_not_asked_with(lab, openai, capsys):
    text = (lab.root / GPT4).read_text()
    try:
        lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.9"))
        assert run(["ask", "hello"]) == 0
    finally:
        lab.write(GPT4, text)
    assert openai.seen[-1].body["temperature"] == 0.2


# -- without a model -------------------------------------------------------------------------------------------------------


def test_without_keys_the_documents_answer_quoted_and_marked_as_degraded(lab, capsys):
    assert run(["ask", "How do I roll back a release?", "--domain", "documentation"]) == 0
    shown, told = capsys.readouterr()
    assert "[docs/releases.md:5]" in shown and "no model wrote this" in shown
    assert told.splitlines() == [
        "answered by basic_nlp, degraded: no model wrote it",
        "  gpt-4 skipped: OPENAI_API_KEY is not set",
        "  claude skipped: ANTHROPIC_API_KEY is not set",
        "  local_llm skipped: LOCAL_LLM_BASE_URL is not set",
    ]


def test_quiet_leaves_the_answer_alone(lab, capsys):
    assert run(["ask", "How do I roll back a release?", "--domain", "documentation", "--quiet"]) == 0
    shown, told = capsys.readouterr()
    assert "[docs/releases.md:5]" in shown and told == ""


def test_documents_are_looked_for_where_the_specialised_model_says(lab, capsys):
    found = asked(capsys, "How many turtles are in the aquarium?", "--domain", "code_analysis")["sources"]
    assert {source["path"] for source in found} == {"src/turtles.py"}
    assert asked(capsys, "How many turtles are in the aquarium?", "--domain", "documentation")["sources"] == []
    assert asked(capsys, "How many turtles are in the aquarium?")["sources"] == [], "the default index holds pages, not code"


def test_json_holds_the_answer_its_sources_and_every_attempt(lab, capsys):
    told = asked(capsys, "How do I roll back a release?", "--domain", "documentation")
    assert {
        "schema_version",
        "environment",
        "request_id",
        "answer",
        "degraded",
        "finish",
        "candidate",
        "model_returned",
        "is_cached",
        "is_recorded",
        "arm",
        "sources",
        "attempts",
    } == set(told)
    assert (told["schema_version"], told["environment"], told["candidate"], told["degraded"]) == (1, "dev", "basic_nlp", True)
    assert told["sources"][0]["path"] == "docs/releases.md"
    known = {"id", "candidate", "provider", "outcome", "error_class", "reason", "latency_s"}
    assert known < set(told["attempts"][0])
    assert told["attempts"][-1]["cost_usd"] == "0" and told["attempts"][-1]["cost_source"] == "built-in"


# -- options -------------------------------------------------------------------------------------------------------------


def test_a_streamed_answer_is_the_same_text_and_ends_with_a_line(lab, openai, capsys):
    assert run(["ask", "hi", "--model", "gpt-4", "--stream"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (TEXT + "\n", "answered by gpt-4\n")


def test_a_stream_as_json_is_one_event_a_line(lab, openai, capsys):
    assert run(["ask", "hi", "--model", "gpt-4", "--stream", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["delta"] * 4 + ["answered"]
    assert "".join(event["text"] for event in events[:-1]) == events[-1]["answer"] == TEXT
    assert all(event["schema_version"] == 1 for event in events)


def test_a_stream_that_breaks_after_its_first_output_is_no_answer(lab, openai, anthropic, capsys):
    openai.plan.append("cut")
    assert run(["ask", "hi", "--domain", "text_generation", "--stream"]) == 7
    shown = capsys.readouterr()
    assert TEXT.startswith(shown.out.rstrip("\n")) and shown.out.endswith("\n")
    assert "the answer broke off after its first output: gpt-4 failed (truncated" in shown.err
    assert anthropic.seen == []


def test_files_go_along_as_blocks_and_images_as_parts(lab, openai, capsys, tmp_path):
    notes, picture = tmp_path / "notes.md", tmp_path / "picture.png"
    notes.write_text("# Notes\n\nThe pond is deep.\n")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 32)
    assert run(["ask", "What is this?", "--model", "gpt-4", "--file", str(notes), "--file", str(picture)]) == 0
    text, image = openai.seen[-1].body["messages"][-1]["content"]
    assert text["text"] == f"What is this?\n\n--- {notes}\n# Notes\n\nThe pond is deep.\n\n--- end of {notes}"
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    capsys.readouterr()
    assert run(["ask", "How deep is the pond?", "--model", "basic_nlp", "--file", str(notes)]) == 0
    assert f"[{notes}:3]" in capsys.readouterr().out


def test_an_image_skips_what_cannot_see(lab, capsys, monkeypatch, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    with Loopback() as local:
        monkeypatch.setenv("LOCAL_LLM_BASE_URL", local.openai_url)
        assert run(["ask", "hi", "--domain", "text_generation", "--file", str(picture)]) == 7
        assert local.seen == []
    assert "local_llm skipped (it cannot do vision)" in capsys.readouterr().err


def test_a_schema_is_asked_for_and_what_does_not_meet_it_is_no_answer(lab, openai, anthropic, capsys, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "required": ["depth"]}))
    openai.reply, anthropic.reply = "very deep", '{"depth": 4}'
    assert run(["ask", "How deep?", "--schema", str(schema)]) == 0
    shown = capsys.readouterr()
    assert shown.out == '{"depth": 4}\n' and "gpt-4 failed: gpt-4: the answer is no JSON" in shown.err
    assert openai.seen[-1].body["response_format"]["type"] == "json_schema"


def test_local_only_asks_no_cloud_and_max_cost_nobody_too_dear(lab, openai, anthropic, capsys):
    assert run(["ask", "How do I roll back a release?", "--domain", "documentation", "--local-only"]) == 0
    assert run(["ask", "How do I roll back a release?", "--domain", "documentation", "--max-cost", "0.00001"]) == 0
    assert capsys.readouterr().err.count("answered by basic_nlp") == 2
    assert openai.seen == anthropic.seen == []


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--file", "nowhere"], "--file nowhere: No such file or directory"),
        (["--file", "."], "--file .: Is a directory"),
        (["--schema", "nowhere"], "--schema nowhere: No such file or directory"),
        (["--max-cost", "cheap"], "--max-cost cheap is no amount"),
    ],
)
def test_a_slip_in_an_option_asks_nobody(words, fact, lab, openai, capsys):
    assert run(["ask", "hi", *words]) == 2
    assert fact in capsys.readouterr().err and openai.seen == []


@pytest.mark.parametrize(("content", "fact"), [(b"\xff\xfe\0x", "neither UTF-8 text nor an image"), (b"x" * (5 << 20), "larger than 4 MB")])
def test_a_file_that_no_model_reads_is_refused(content, fact, lab, openai, capsys, tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(content)
    assert run(["ask", "hi", "--file", str(path)]) == 2
    assert fact in capsys.readouterr().err and openai.seen == []


@pytest.mark.parametrize(("text", "fact"), [("[1]", "holds no object"), ("{", "is no JSON"), ('{"type": "banana"}', "no JSON Schema")])
def test_a_schema_that_is_none_is_refused_before_anybody_is_asked(text, fact, lab, openai, capsys, tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(text)
    assert run(["ask", "hi", "--schema", str(path)]) == 2
    assert fact in capsys.readouterr().err and openai.seen == []
    assert not lab.ledger_file.exists() or rows(lab) == []


# -- the ledger ------------------------------------------------------------------------------------------------------------


def test_every_attempt_is_a_row_with_its_release_profile_domain_and_origin(lab, openai, capsys):
    openai.plan.append("503")
    openai.reply = "- A summary that is long enough to count."
    told = asked(capsys, "Shorten this", "--domain", "summarization")
    assert [(row.candidate, row.outcome, row.error_class) for row in rows(lab)] == [
        ("gpt-4", "failed", "overloaded"),
        ("gpt-4", "ok", None),
    ]
    for row, attempt in zip(rows(lab), told["attempts"], strict=True):
        assert (row.id, row.request_id) == (attempt["id"], told["request_id"])
        assert (row.environment, row.domain, row.profile, row.release, row.origin) == ("dev", "summarization", "balanced", 1, "live")
    assert rows(lab)[-1].cost_pico_usd > 0
    assert b"Shorten this" not in lab.ledger_file.read_bytes()


def test_who_could_not_be_asked_is_in_the_ledger_too(lab, capsys):
    assert run(["ask", "hello", "--model", "gpt-4"]) == 7
    (row,) = rows(lab)
    assert (row.candidate, row.outcome, row.reason) == ("gpt-4", "skipped", "OPENAI_API_KEY is not set")


# -- slips -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fact", "hint"),
    [
        (["hi", "--model", "gpt4"], "no model is called gpt4 in dev", "did you mean gpt-4?"),
        (["hi", "--model", "nobody"], "no model is called nobody in dev", "live: claude, gpt-4, local_llm, auto, or a domain"),
        (["hi", "--model", "balanced"], "no model is called balanced in dev", "live: claude, gpt-4, local_llm, auto, or a domain"),
        (["hi", "--domain", "docmentation"], "no domain is called docmentation in dev", "did you mean documentation?"),
        (["hi", "--env", "test"], "nothing is deployed in test", "labmodels deploy-config --all --env test"),
        (["hi", "--env", "prod"], "--env prod: no environment is called that", "one of dev, test, production"),
        (["  "], "the question is empty", 'labmodels ask "how do I roll back a release?" --domain documentation'),
    ],
)
def test_a_slip_asks_nobody_and_says_what_was_meant(words, fact, hint, lab, openai, capsys):
    assert run(["ask", *words]) == 2
    assert capsys.readouterr().err == f"error: {fact}\n  hint: {hint}\n"
    assert openai.seen == []


@pytest.mark.parametrize("given", [["--profile", "balnced"], []])
def test_a_profile_that_is_not_released_is_refused_by_the_name_of_where_it_came_from(given, lab, openai, capsys, monkeypatch):
    if not given:
        monkeypatch.setenv("LABMODELS_PROFILE", "balnced")
    assert run(["ask", "hello", *given]) == 2
    told = capsys.readouterr().err
    assert f"{'--profile' if given else 'LABMODELS_PROFILE'}: the profile balnced is not released" in told and "balanced" in told
    assert openai.seen == []


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("LABMODELS__GPT_4__PARAMETERS__TEMPERATURE", "3", "parameters.temperature"),
        ("LABMODELS__GPT_4__PARAMETERS", "3", "a scalar is laid over the map parameters"),
        ("LABMODELS__MODEL_INTEGRATION__PRIMARY_MODELS", "3", "a scalar is laid over the map model_integration.primary_models"),
        ("LABMODELS__GPT_4__TIMEOUTS__BETWEEN_TOKENS", "30 seconds", "under fast_response"),  # it fits the file, not the profile
    ],
)
def test_a_variable_that_the_configuration_does_not_take_is_named(variable, value, problem, lab, openai, capsys, monkeypatch):
    monkeypatch.setenv(variable, value)
    assert run(["ask", "hello"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {variable} ") and problem in told
    assert openai.seen == []


@pytest.mark.parametrize(("data", "code"), [(b"What is\nthe answer?\n", 0), ("Wie heißt es?".encode(), 0), (b" \n", 2), (b"na\xefve", 2)])
def test_a_dash_reads_the_question_from_standard_input_as_utf_8(data, code, lab, openai, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
    assert run(["ask", "-"]) == code
    assert [request.body["messages"][0]["content"] for request in openai.seen] == ([data.decode().strip()] if code == 0 else [])
