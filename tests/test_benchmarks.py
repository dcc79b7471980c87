"""The benchmark harness measures what it says: costs of children, failures as failures, missed targets as a verdict. Asserts on no time."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from benchmarks import __main__ as bench
from benchmarks import generated_index, generated_log, million, router
from benchmarks.generated_lab import generate
from benchmarks.judged import Judged, Judgement
from benchmarks.measure import LABMODELS, Figure, best_of, spent
from benchmarks.search import ranking

from labmodels.embeddings.chunking import logs
from labmodels.embeddings.chunking.packing import Bound
from labmodels.embeddings.store.update import Wish
from labmodels.wiring.search import LabSearch


def test_the_cost_is_the_childs_own(tmp_path):
    busy = "b = b'x' * (256 << 20); sum(range(10**7))"
    costs = best_of(1, {"idle": [sys.executable, "-c", "pass"], "busy": [sys.executable, "-c", busy]}, tmp_path)
    assert costs["busy"].cpu_s > 2 * costs["idle"].cpu_s
    assert costs["busy"].peak_mb >= 256


def test_the_wall_time_is_that_of_a_command_that_only_waits(tmp_path):
    run = spent([sys.executable, "-c", "import time; time.sleep(0.5)"], tmp_path)
    assert run.wall_s >= 0.5


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


def test_drawn_vectors_are_an_index_that_searches_and_updates_go_on_from(tmp_path):
    notes = {"docs/notes/kettle.md": "# Kettle\n\nDescale the kettle with vinegar.\n", "docs/notes/lamp.md": "# Lamp\n\nIt hums.\n"}
    indexes = generated_index.lay_out(tmp_path / "lab", notes)
    assert generated_index.index(indexes, "documentation") > len(notes)
    again = indexes.update(indexes.of("documentation"), Wish())
    assert (again.embedded, again.is_new, again.failures) == (0, False, [])
    with LabSearch(indexes.lab, generated_index.ENVIRONMENT) as searching:
        found = searching.search("descale the kettle", mode="hybrid", count=100)
    assert (found.mode, found.notes) == ("hybrid", ())
    assert "docs/notes/kettle.md" in {hit.chunk.path for hit in found.hits}


def test_the_documents_of_this_machine_come_in_the_same_order_up_to_a_size():
    few = list(generated_index.up_to(50_000, generated_index.sources()))
    assert few == list(generated_index.up_to(50_000, generated_index.sources()))
    assert sum(len(text) for _, text in few[:-1]) < 50_000 <= sum(len(text) for _, text in few)


def test_the_generated_log_is_the_same_each_time_and_its_values_are_masked():
    lines = list(generated_log.lines(1_234))
    assert lines == list(generated_log.lines(1_234)) and len(lines) == 1_234 and not any("{" in line for line in lines)
    found = list(logs.chunks("host.log", lines, Bound(200, lambda text: len(text) // 4)))
    assert len(found) < 80
    assert sum(chunk.occurrences for chunk in found) == len(lines)


def test_a_small_million_is_found_whole(tmp_path):
    recall = next(figure for figure in million.figures(tmp_path, count=2_000) if "recall" in figure.name)
    assert recall.value == 1.0


def test_a_hit_counts_as_the_best_judgement_that_none_before_it_met():
    asked = Judged("tea", "notes", (Judgement("a.md", "boil", 1), Judgement("a.md", "pour", 3), Judgement("b.md", "boil", 2)))
    passages = [("a.md", "boil and pour"), ("c.md", "boil"), ("a.md", "boil, pour"), ("b.md", "boil"), ("a.md", "pour")]
    chunks = [SimpleNamespace(path=path, text=text) for path, text in passages]
    assert ranking(chunks, asked) == ["1", "hit 1", "0", "2", "1"]
