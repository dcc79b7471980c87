import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.operating import operator
from tests.labs import GPT4, EditedLab

KEY = "gpt-4.parameters.temperature"


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def test_the_first_plan_counts_the_keys_of_each_config_and_json_has_them_all(labmodels):
    done = labmodels("plan")
    assert done.code == 0 and "new, with their number of keys: " in done.out and "gpt-4 (" in done.out
    assert "  code_analysis: claude > gpt-4 > local_llm > basic_nlp; not live: custom/code_reviewer\n" in done.out
    data = labmodels("plan", "--json").json
    assert {"key": KEY, "after": 0.2} in data["changes"]
    assert data["base"] is None and data["is_empty"] is False and len(data["changes"]) == len(data["values"])


def test_a_plan_shows_keys_ceilings_and_who_no_longer_answers(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    done = labmodels("plan", "gpt-4", "--set", "gpt-4.budgets.day=$1.00")
    assert done.out.startswith("dev: release 1 -> ") and ", 2 keys change\n" in done.out
    assert f"  ~ {KEY}: 0.2 -> 0.4\n" in done.out
    assert "  ~ gpt-4 a day: $2.00 -> $1.00\n" in done.out
    assert '  gpt-4.budgets.day="$1.00" (--set)\n' in done.out
    lab.edit(GPT4, ("temperature: 0.4", "temperature: 0.2"))
    assert ", 1 key changes\n" in labmodels("plan", "gpt-4", "--set", f"{KEY}=0.9").out


def test_a_plan_of_one_file_says_which_fallbacks_are_not_live(labmodels):
    done = labmodels("plan", "gpt-4")
    assert "who answers:\n  any domain" in done.out and "not live: claude, local_llm" in done.out


def test_nothing_to_change_says_so_and_the_detailed_exit_code_tells(labmodels):
    assert labmodels("plan", "--detailed-exitcode").code == 10
    labmodels("deploy-config", "--all", "--yes")
    done = labmodels("plan", "--detailed-exitcode")
    assert (done.code, done.out) == (0, "dev: no changes; release 1 already is this state\n")


def test_a_saved_plan_is_private_and_the_next_command_is_told(labmodels, tmp_path):
    path = tmp_path / "p.json"
    done = labmodels("plan", "-o", str(path))
    assert done.err == f"saved: labmodels deploy-config --plan {path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    data = json.loads(path.read_text())
    assert data["schema_version"] == 1 and data["environment"] == "dev"
    done = labmodels("plan", "-o", str(tmp_path / "nowhere" / "p.json"))
    assert done.code == 74 and "cannot write" in done.err


def test_a_changed_reference_is_shown_and_no_secret_is(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    lab.edit(GPT4, ("env:OPENAI_API_KEY", "env:OTHER_KEY"))
    done = labmodels("plan", OTHER_KEY="sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F")
    assert "  ~ gpt-4.credentials.api_key: env:OPENAI_API_KEY -> env:OTHER_KEY\n" in done.out
    assert "q7Wn2Zt8" not in done.out + done.err


def test_a_value_that_is_no_longer_set_by_hand_is_a_change_of_its_key(labmodels):
    labmodels("deploy-config", "--all", "--yes", "--set", f"{KEY}=0.9")
    assert f"  ~ {KEY}: 0.9 -> 0.2\n" in labmodels("plan").out


def test_a_plan_is_written_into_a_device_and_never_put_in_its_place(labmodels, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        text = reader.submit(pipe.read_text)
        assert labmodels("plan", "-o", str(pipe)).code == 0
        assert json.loads(text.result(timeout=30))["schema_version"] == 1
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_plan_saved_through_a_link_leaves_the_link(labmodels, tmp_path):
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "link.json").symlink_to("real.json")
    assert labmodels("plan", "-o", str(tmp_path / "link.json")).code == 0
    assert (tmp_path / "link.json").is_symlink() and json.loads((tmp_path / "real.json").read_text())["schema_version"] == 1
