import pytest

from tests.cli.operating import operator
from tests.labs import EditedLab
from tests.terminal.terminals import in_a_terminal

KEY = "gpt-4.parameters.temperature"


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def deployed_twice(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    labmodels("deploy-config", "gpt-4", "--yes", "--set", f"{KEY}=0.5")


def test_it_says_what_is_live_and_where_the_content_is_from(labmodels):
    deployed_twice(labmodels)
    done = labmodels("rollback", "--yes", "--why", "too warm")
    assert done.code == 0 and done.out.startswith("dev: release 3 (") and done.out.endswith(" is live, with the content of release 1\n")
    assert "are the same" in labmodels("diff", "1").out
    again = labmodels("rollback", "1", "--yes")
    assert again.code == 0 and again.out.startswith("dev: nothing to do, release 3 (")
    assert labmodels("history", "--json").json["steps"][-1]["why"] == "too warm"


def test_json_and_quiet(labmodels):
    deployed_twice(labmodels)
    data = labmodels("rollback", "--yes", "--json").json
    assert (data["release"], data["rollback_of"], data["is_new"]) == (3, 1, True)
    assert labmodels("rollback", "2", "--yes", "--quiet")[:3] == (0, "", "")


def test_without_a_terminal_it_shows_what_would_change_and_wants_yes(labmodels):
    deployed_twice(labmodels)
    done = labmodels("rollback")
    assert done.code == 2 and f"  ~ {KEY}: 0.5 -> 0.2\n" in done.out and "needs --yes" in done.err
    done = labmodels("rollback", "--json")
    assert done.code == 2 and done.json["exit_code"] == 2 and f"  ~ {KEY}: 0.5 -> 0.2\n" in done.err


def test_what_cannot_be_gone_back_to_is_a_usage_error(labmodels):
    assert labmodels("rollback", "--yes").code == 2
    labmodels("deploy-config", "--all", "--yes")
    for words, message in (((), "nothing before release 1"), (("7",), "no release 7 in dev: kept are 1"), (("x",), "")):
        done = labmodels("rollback", *words, "--yes")
        assert done.code == 2 and message in done.err


def test_the_prompt_names_the_environment_and_both_releases(labmodels, lab):
    deployed_twice(labmodels)
    words = ["rollback", "--lab", str(lab.root)]
    program = f"import sys; from labmodels.cli.app import run; sys.exit(run({words!r}))"
    ended, shown = in_a_terminal(program, answer="y\n", columns=300, NO_COLOR="1")
    assert ended == 0 and f"Roll dev of {lab.root} back from release 2 (" in shown and "to release 1 (" in shown
