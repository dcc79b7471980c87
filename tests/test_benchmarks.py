"""The benchmark harness measures what it says: costs of children, failures as failures, missed targets as a verdict. Asserts on no time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from benchmarks import __main__ as bench
from benchmarks import router
from benchmarks.generated_lab import generate
from benchmarks.measure import LABMODELS, Figure, best_of, spent


def test_the_cost_is_the_childs_own(tmp_path):
    busy = "b = b'x' * (256 << 20); sum(range(10**7))"
    costs = best_of(1, {"idle": [sys.executable, "-c", "pass"], "busy": [sys.executable, "-c", busy]}, tmp_path)
    assert costs["busy"].cpu_s > 2 * costs["idle"].cpu_s
    assert costs["busy"].peak_mb >= 256


def test_a_failed_command_is_an_error_and_not_a_fast_one(tmp_path):
    with pytest.raises(SystemExit, match="ended with 3:\nno such lab"):
        spent([sys.executable, "-c", "print('no such lab'); raise SystemExit(3)"], tmp_path)


@pytest.mark.parametrize(("value", "at_least", "holds"), [(7.0, False, True), (7.1, False, False), (7.0, True, True), (6.9, True, False)])
def test_a_target_is_held_up_to_its_bound(value, at_least, holds):
    assert Figure("x", value, "s", target=7.0, at_least=at_least).holds is holds


def test_a_missed_target_is_shown_recorded_and_the_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "TOPICS", {"probe": lambda _: [Figure("good", 1.0, "x", 2.0), Figure("bad", 3.0, "x", 2.0)]})
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results.jsonl")
    assert bench.main([]) == 1
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["held", "MISSED"]
    (line,) = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [figure["holds"] for figure in json.loads(line)["figures"]] == [True, False]


def test_the_generated_lab_is_valid(tmp_path):
    models = generate(tmp_path, 24)
    assert {len(model.read_text().splitlines()) for model in models} == {57}
    done = subprocess.run([LABMODELS, "validate-config"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("way", ["sdk", "sdk_streamed"])
def test_a_call_costs_processor_time_and_reaches_the_provider(way, tmp_path):
    with router.running(router.PROVIDER) as provider, router.calling(way, provider.first, provider.first, tmp_path) as caller:
        assert float(caller.tell(3)) > 0
        assert provider.tell("") == "3"


def test_a_call_that_does_not_bring_the_providers_answer_is_an_error_and_not_a_cheap_one(tmp_path):
    with router.running([*router.PROVIDER, "empty"]) as provider, router.calling("sdk", provider.first, provider.first, tmp_path) as caller:
        with pytest.raises(SystemExit, match="gave up"):
            caller.tell(1)
        assert provider.tell("") == "1"


def test_what_the_router_topic_edits_stands_in_the_shipped_model():
    text = (router.ROOT / router.GPT4).read_text(encoding="utf-8")
    assert all(text.count(old) >= 1 for old in router.LIMITS | router.WHOLE)
