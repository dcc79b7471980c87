import pytest

from tests.cli.operating import operator
from tests.labs import EditedLab


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


@pytest.fixture
def deployed(labmodels):
    labmodels("deploy-config", "--all", "--yes")


def test_it_prints_the_old_and_the_new_profile_and_status_shows_it(labmodels, deployed):
    done = labmodels("switch-config", "--profile", "high_accuracy", "--domain", "code_analysis")
    assert (done.code, done.out) == (0, "dev code_analysis: balanced -> high_accuracy\n")
    assert "  code_analysis: high_accuracy, switched by " in labmodels("status", "--env", "dev").out
    again = labmodels("switch-config", "--profile", "high_accuracy", "--domain", "code_analysis")
    assert (again.code, again.out) == (0, "dev code_analysis: already high_accuracy\n")
    back = labmodels("switch-config", "-")
    assert (back.code, back.out) == (0, "dev code_analysis: high_accuracy -> balanced\n")


def test_a_trial_says_until_when_and_how_to_keep_it(labmodels, deployed):
    done = labmodels("switch-config", "--profile", "high_accuracy", "--confirm-within", "10m")
    assert done.out.startswith("dev every domain: fast_response -> high_accuracy, until 20")
    assert done.out.endswith(" unless confirmed: labmodels switch-config --confirm\n")
    kept = labmodels("switch-config", "--confirm")
    assert (kept.code, kept.out) == (0, "dev every domain: kept high_accuracy\n")
    assert labmodels("switch-config", "--confirm").code == 2


def test_it_acts_in_production_too_and_only_there(labmodels, deployed):
    labmodels("deploy-config", "--all", "--env", "production", "--yes")
    done = labmodels("switch-config", "--profile", "high_accuracy", "--env", "production", "--for", "1h 30m")
    assert done.code == 0 and done.out.startswith("production every domain: balanced -> high_accuracy, until ")
    profiles = {
        one["environment"]: one["profiles"][0]["profile"] for one in labmodels("status", "--json").json["environments"] if one["release"]
    }
    assert profiles == {"dev": "fast_response", "production": "high_accuracy"}


def test_json_and_quiet(labmodels, deployed):
    data = labmodels("switch-config", "--profile", "high_accuracy", "--for", "2h", "--json").json
    (change,) = data["switches"]
    assert (change["domain"], change["before"], change["after"], change["is_new"]) == ("*", "fast_response", "high_accuracy", True)
    assert change["ends_at"].startswith("20")
    assert labmodels("switch-config", "--profile", "balanced", "--quiet")[:3] == (0, "", "")


def test_the_variable_of_the_shell_is_said_to_go_before_the_switch(labmodels, deployed):
    done = labmodels("switch-config", "--profile", "high_accuracy", LABMODELS_PROFILE="balanced")
    assert done.code == 0 and "this shell's LABMODELS_PROFILE=balanced goes before the switch here" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give one of --profile NAME"),
        (("-", "--profile", "balanced"), "give one of --profile NAME"),
        (("back",), "give one of --profile NAME"),
        (("--confirm", "--for", "2h"), "give no duration with it"),
        (("--profile", "balanced", "--for", "soon"), "--for soon is not a duration"),
        (("--profile", "balanced", "--for", "0s"), "--for 0s is not a duration"),
        (("--profile", "balanced", "--for", "99999999999d"), "beyond every calendar"),
        (("--profile", "high_acuracy"), "did you mean high_accuracy?"),
        (("--profile", "balanced", "--domain", "code_analisys"), "did you mean code_analysis?"),
        (("--profile", "balanced", "--env", "test"), "nothing is deployed in test"),
        (("-",), "nothing was switched in dev yet"),
        (("--confirm",), "no switch waits for confirmation"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error_with_the_way_on(labmodels, deployed, words, message):
    done = labmodels("switch-config", *words)
    assert done.code == 2 and message in done.err and "  hint: " in done.err
