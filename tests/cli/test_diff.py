import pytest

from labmodels.lab import Lab
from labmodels.releases.store import ReleaseStore
from tests.cli.operating import operator
from tests.labs import GPT4, EditedLab

KEY = "gpt-4.parameters.temperature"


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


@pytest.fixture
def deployed(labmodels):
    for value in (0.3, 0.5):
        labmodels("deploy-config", "--all", "--yes", "--set", f"{KEY}={value}")
    labmodels("deploy-config", "--all", "--yes")


def test_two_releases_one_and_the_live_one_or_the_sources_and_the_live_one(labmodels, lab, deployed):
    assert labmodels("diff", "1", "2").out == f"dev: release 1 -> release 2\n~ {KEY}: 0.3 -> 0.5\n"
    assert labmodels("diff", "2", "1").out == f"dev: release 2 -> release 1\n~ {KEY}: 0.5 -> 0.3\n"
    assert labmodels("diff", "1").out == f"dev: release 1 -> release 3\n~ {KEY}: 0.3 -> 0.2\n"
    assert labmodels("diff", "3").out == "dev: release 3 and release 3 are the same\n"
    assert labmodels("diff").out == "dev: release 3 and the sources are the same\n"
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    assert labmodels("diff").out == f"dev: release 3 -> the sources\n~ {KEY}: 0.2 -> 0.4\n"


def test_json_and_the_detailed_exit_code(labmodels, deployed):
    done = labmodels("diff", "1", "2", "--json", "--detailed-exitcode")
    assert done.code == 10
    assert done.json["changes"] == [{"key": KEY, "before": 0.3, "after": 0.5}]
    assert labmodels("diff", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("words", [("0",), ("9",), ("1", "9"), ("0", "1")])
def test_a_release_that_is_not_there_is_a_usage_error(labmodels, deployed, words):
    done = labmodels("diff", *words)
    assert done.code == 2 and "kept are 1, 2, 3" in done.err


def test_nothing_deployed_is_a_usage_error_and_two_old_releases_need_no_whole_live_one(labmodels, lab, deployed):
    assert labmodels("diff", "--env", "test").code == 2
    folder = ReleaseStore(Lab(lab.root).environment_folder("dev")).live_folder()
    (folder / "release.json").write_text("{}")
    assert labmodels("diff").code == 74
    assert labmodels("diff", "1", "2").code == 0
