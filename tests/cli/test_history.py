import pytest

from tests.cli.operating import operator
from tests.labs import EditedLab


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def test_every_kind_of_step_has_a_row_with_who_and_why(labmodels):
    assert labmodels("history").out == "dev: nothing has happened yet\n"
    labmodels("deploy-config", "--all", "--yes", "--why", "the first one")
    labmodels("deploy-config", "gpt-4", "--yes", "--set", "gpt-4.parameters.seed=1")
    labmodels("rollback", "--yes")
    labmodels("switch-config", "--profile", "high_accuracy", "--domain", "translation", "--confirm-within", "10m", "--why", "try it")
    labmodels("switch-config", "--confirm")
    header, *rows = labmodels("history").out.splitlines()
    assert header.split()[-5:] == ["what", "subject", "outcome", "by", "why"]
    assert [row.split()[2] for row in rows] == ["deploy", "deploy", "rollback", "switch", "confirm"]
    assert rows[0].endswith("the first one") and "release 1 (" in rows[0] and " live " in rows[0]
    assert "release 3 = 1 (" in rows[2]
    assert "translation: balanced -> high_accuracy until 20" in rows[3] and "unless confirmed" in rows[3] and rows[3].endswith("try it")
    assert "translation" in rows[4] and "done" in rows[4]


def test_the_newest_are_last_and_zero_is_all(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    for seed in range(3):
        labmodels("deploy-config", "gpt-4", "--yes", "--set", f"gpt-4.parameters.seed={seed}")
    data = labmodels("history", "--last", "2", "--json").json
    assert [step["release"] for step in data["steps"]] == [3, 4]
    assert len(labmodels("history", "-n", "0", "--json").json["steps"]) == 4
    assert {"id", "at", "by", "what", "outcome", "digest", "base", "overrides"} <= set(data["steps"][0])


def test_what_was_refused_says_why(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    labmodels("deploy-config", "balanced", "--yes", "--set", "balanced.overlay.parameters.max_output_tokens=900000")
    step = labmodels("history", "--json").json["steps"][-1]
    assert step["outcome"] == "failed" and "max_output_tokens is 900000" in step["reason"]
