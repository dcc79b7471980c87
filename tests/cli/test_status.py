import pytest

from tests.cli.operating import operator
from tests.labs import GPT4, EditedLab


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def test_each_environment_is_shown_and_nothing_deployed_is_no_drift(labmodels):
    done = labmodels("status", "--detailed-exitcode")
    assert (done.code, done.out) == (0, "".join(f"{name}: nothing is deployed\n" for name in ("dev", "test", "production")))


def test_the_two_facts_of_drift_have_a_line_each(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    done = labmodels("status", "--env", "dev", "--detailed-exitcode")
    assert done.code == 0 and done.out.endswith("  live modified: no\n  source not deployed: no\n")
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    done = labmodels("status", "--env", "dev", "--detailed-exitcode")
    assert done.code == 10 and "  source not deployed: gpt-4.parameters.temperature: labmodels plan\n" in done.out
    lab.edit(GPT4, ("temperature: 0.4", "temperature: 9"))
    assert "the sources are not valid: labmodels validate-config" in labmodels("status").out
    data = labmodels("status", "--env", "dev", "--json").json["environments"][0]
    assert (data["source_is_valid"], data["source_not_deployed"], data["live_modified"]) == (False, None, [])


def test_quiet_speaks_only_of_drift(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    assert labmodels("status", "--quiet").out == ""
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    assert "source not deployed: gpt-4" in labmodels("status", "--quiet").out


def test_a_rollback_says_where_its_content_is_from(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    labmodels("deploy-config", "gpt-4", "--yes", "--set", "gpt-4.parameters.seed=1")
    labmodels("rollback", "--yes")
    assert ", content of release 1\n" in labmodels("status", "--env", "dev").out
    data = labmodels("status", "--env", "dev", "--json").json["environments"][0]
    assert (data["release"]["number"], data["release"]["rollback_of"]) == (3, 1)


def test_a_variable_that_names_no_profile_does_not_stop_the_report(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    done = labmodels("status", LABMODELS_PROFILE="fast")
    assert done.code == 0 and "LABMODELS_PROFILE=fast is not released here" in done.out
    assert labmodels("status", LABMODELS_ENV="dev").out.startswith("dev: release 1")
