"""The example programs do what their first lines say, on a lab whose providers are on 127.0.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labmodels import open_lab
from labmodels.providers.loopback import TEXT
from tests.gateway.serving import lab_at, providers, serving
from tests.labs import REPOSITORY, EditedLab


@pytest.fixture
def stage(tmp_path) -> Iterator[tuple[EditedLab, dict[str, str]]]:
    lab = lab_at(tmp_path / "lab")
    with providers() as (_, _, variables):
        yield lab, variables


def example(name: str, *arguments: str, lab: EditedLab, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABMODELS", "OPENAI", "ANTHROPIC", "LOCAL_LLM"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    environ = {**kept, "PATH": path, "LABMODELS_LAB": str(lab.root), "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / name), *arguments],
        env=environ, cwd=lab.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_many_questions_are_answered_in_order_until_the_money_is_spent(stage, tmp_path):
    lab, variables = stage
    (tmp_path / "questions.txt").write_text("what is drift?\n\nwhat is a release?\n")
    done = example("ask_many.py", str(tmp_path / "questions.txt"), "--domain", "documentation", lab=lab, **variables)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [one["question"] for one in answers]) == (0, ["what is drift?", "what is a release?"]), done.stderr
    assert {(one["answer"], one["candidate"], one["degraded"]) for one in answers} == {(TEXT, "gpt-4", False)}
    assert all(float(one["cost_usd"]) > 0 for one in answers)
    stopped = example("ask_many.py", str(tmp_path / "questions.txt"), "--most", "0.000000001", lab=lab, **variables)
    assert (stopped.returncode, len(stopped.stdout.splitlines())) == (1, 1)
    assert "1 of 2 questions were not asked" in stopped.stderr


def test_a_gateway_is_asked_with_nothing_but_the_standard_library(stage, tmp_path):
    lab, variables = stage
    with serving(lab, folder=tmp_path, variables=variables) as gateway:
        done = example("gateway_client.py", "what is drift?", "--url", gateway.url, "--model", "documentation", lab=lab)
        assert (done.returncode, done.stdout) == (0, f"{TEXT}\n"), done.stderr
        wrong = example("gateway_client.py", "what is drift?", "--url", gateway.url, "--model", "nothing", lab=lab)
        assert wrong.returncode == 1
        assert wrong.stderr.startswith("404: ")


def test_a_change_is_promoted_and_taken_back_where_production_gives_bad_answers(stage, tmp_path):
    lab, variables = stage
    (tmp_path / "questions.txt").write_text("what is drift?\n")
    options = ("promote.py", "--questions", str(tmp_path / "questions.txt"), "--why", "a test")
    done = example(*options, lab=lab, **variables)
    assert (done.returncode, done.stdout) == (0, "production is live\n"), done.stderr
    assert example(*options, lab=lab, **variables).stdout == "production has all of this already\n"
    no_model = "  production:\n    model_integration: {primary_models: {language: basic_nlp}}\n"
    lab.edit("labmodels.yaml", ("failure_threshold: 3", "failure_threshold: 4"), ("  production:\n", no_model))
    bad = example(*options, lab=lab, **variables)
    assert (bad.returncode, bad.stderr) == (1, "production does not answer 1 of 1 questions: going back\n")
    assert open_lab(lab.root).status("production").release.rollback_of == 1
    assert open_lab(lab.root).status("test").release.number == 2
