import re

import pytest

from tests.cli.operating import operator
from tests.labs import GPT4, EditedLab

KEY = "gpt-4.budgets.day"


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def test_a_value_its_place_and_what_it_shadows_have_a_line_each(labmodels, lab):
    done = labmodels("explain-config", KEY, "--env", "production")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == 'gpt-4.budgets.day = "$40.00"'
    assert [line.partition(" (")[0] for line in lines[1:]] == [
        "  from environment production", '  shadows "$10.00" of file', "  shadows null of schema default",
    ]  # fmt: skip
    for line, value in ((lines[1], '"$40.00"'), (lines[2], '"$10.00"')):
        path, number, column = re.search(r"\((.*):(\d+):(\d+)\)", line).groups()
        assert path.endswith(GPT4)
        assert (lab.root / GPT4).read_text().splitlines()[int(number) - 1][int(column) - 1 :].startswith(value)


def test_json_has_every_leaf_below_the_key(labmodels):
    data = labmodels("explain-config", "gpt-4.budgets", "--json").json
    assert [one["key"] for one in data["keys"]] == ["gpt-4.budgets.request", "gpt-4.budgets.day", "gpt-4.budgets.month"]
    first = data["keys"][1]
    assert first["value"] == first["origins"][0]["value"] == "$2.00" and first["origins"][0]["layer"] == "environment dev"
    assert data["environment"] == "dev" and data["release"] is None and data["profile"] == "fast_response"


def test_a_release_is_explained_as_it_was(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes", "--set", f"{KEY}=$1")
    lab.edit(GPT4, ('day: "$10.00"', 'day: "$9.00"'))
    done = labmodels("explain-config", KEY, "--release", "1")
    assert '"$1.00"\n  from --set\n' in done.out and 'shadows "$10.00" of file (' in done.out
    assert "/releases/1-" in done.out


def test_every_top_key_of_the_lab_and_every_config_can_be_explained(labmodels, lab):
    for key in (
        "model_integration",
        "releases",
        "name",
        "code_analysis",
        "semantic_search",
        "fallback_config",
        "balanced",
        "text_embeddings",
    ):
        done = labmodels("explain-config", key, "--env", "test")
        assert done.code == 0, done.err
        assert done.out.count("\n  from ") == len([line for line in done.out.splitlines() if not line.startswith("  ")])


def test_a_key_that_nothing_has_and_sources_that_are_not_valid(labmodels, lab):
    done = labmodels("explain-config", "gpt4.budgets")
    assert done.code == 2 and "did you mean gpt-4?" in done.err
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 9"))
    assert labmodels("explain-config", KEY).code == 1


def test_a_secret_is_a_reference(labmodels):
    done = labmodels("explain-config", "gpt-4.credentials", OPENAI_API_KEY="sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F")
    assert 'gpt-4.credentials.api_key = "env:OPENAI_API_KEY"' in done.out and "q7Wn2Zt8" not in done.out
