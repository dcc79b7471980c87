"""`labmodels monitor`: the table of what the models did, out of a ledger with known rows. The figures are ledger/queries'."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from labmodels.cli.app import run
from labmodels.ledger.record import Attempt, Ledger, Occasion, new_id
from tests.labs import EditedLab

NOW = datetime.now(UTC)


def attempt(
    candidate: str, outcome: str = "ok", *, environment="dev", domain="", origin="live", age=timedelta(minutes=1), **more
) -> Attempt:
    occasion = Occasion(environment, domain, "balanced", 1, origin)
    return Attempt(new_id(), new_id(), NOW - age, occasion, candidate, "openai", candidate, outcome, "0" * 64, **more)


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """A lab with a ledger: two answers and a failure of gpt-4 in dev, one of claude in production, and what does not count."""
    lab = EditedLab(tmp_path)
    lab.state.mkdir()
    known = {"latency_s": 0.25, "input_tokens": 100, "output_tokens": 20, "cost_pico_usd": 1_250_000_000}
    with Ledger(lab.ledger_file) as ledger:
        for one in (
            attempt("gpt-4", **known),
            attempt("gpt-4", domain="documentation", latency_s=0.5, input_tokens=50, output_tokens=10),
            attempt("gpt-4", "failed", error_class="rate_limited"),
            attempt("claude", environment="production", **known),
            attempt("local_llm", "skipped", age=timedelta(days=3), reason="LOCAL_LLM_BASE_URL is not set"),
            *[attempt("gpt-4", origin=origin) for origin in ("test", "canary", "probe", "drill")],
        ):
            ledger.record(one)
    monkeypatch.setenv("LABMODELS_LAB", str(tmp_path))
    monkeypatch.delenv("LABMODELS_ENV", raising=False)
    return lab


def figures(capsys, *words: str) -> dict[str, dict]:
    assert run(["monitor", *words, "--json"]) == 0
    shown, told = capsys.readouterr()
    assert told == ""
    return {one["candidate"]: one for one in json.loads(shown)["models"]}


def test_the_table_counts_real_requests_and_marks_what_is_unknown(lab, capsys):
    assert run(["monitor"]) == 0
    shown, told = capsys.readouterr()
    assert told == ""
    header, *lines = [line.split() for line in shown.splitlines()]
    assert header == ["model", "asked", "ok", "failed", "skipped", "p50", "s", "p95", "s", "tokens", "cost", "$", "last", "error"]
    assert lines == [
        ["gpt-4", "3", "2", "1", "0", "0.25", "0.5", "180+?", "0.00125+?", "rate_limited"],
        ["claude", "1", "1", "0", "0", "0.25", "0.25", "120", "0.00125", "-"],
    ]


def test_environment_domain_and_age_select(lab, capsys, monkeypatch):
    assert set(figures(capsys, "--env", "production")) == {"claude"}
    assert figures(capsys, "--domain", "documentation")["gpt-4"]["requests"] == 1
    assert set(figures(capsys, "--since", "7d")) == {"gpt-4", "claude", "local_llm"}
    monkeypatch.setenv("LABMODELS_ENV", "production")
    assert set(figures(capsys)) == {"claude"}


def test_json_keeps_money_exact_and_the_unknown_apart(lab, capsys):
    one = figures(capsys)["gpt-4"]
    assert (one["cost_usd"], one["cost_unknown"], one["tokens_unknown"]) == ("0.00125", 2, 1)
    assert (one["ok"], one["failed"], one["skipped"], one["last_error_class"]) == (2, 1, 0, "rate_limited")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--env", "test"], "no requests in the last 24h in test\n"),
        (["--since", "1 s", "--domain", "code_analysis"], "no requests in the last 1 s about code_analysis\n"),
    ],
)
def test_nothing_to_show_is_said_and_is_no_failure(words, said, lab, capsys):
    assert run(["monitor", *words]) == 0
    assert capsys.readouterr() == (said, "")


def test_a_lab_that_nobody_asked_has_no_ledger_and_gets_none(tmp_path, capsys):
    EditedLab(tmp_path)
    assert run(["monitor", "--lab", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no requests in the last 24h\n"
    assert not (tmp_path / ".labmodels").exists()


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--since", "yesterday"], "--since yesterday is not a duration"),
        (["--since", "-1h"], "--since -1h is not a duration"),
        (["--since", "0 s"], "--since 0 s is not a duration"),
        (["--env", "prod"], "--env prod: no environment is called that"),
    ],
)
def test_a_slip_is_said(words, fact, lab, capsys):
    assert run(["monitor", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {fact}\n")
