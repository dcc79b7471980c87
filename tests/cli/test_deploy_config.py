import pytest

from labmodels.providers.loopback import Loopback
from labmodels.releases.store import ReleaseStore
from tests.cli.operating import operator
from tests.labs import GPT4, EditedLab
from tests.terminal.terminals import in_a_terminal

KEY = "gpt-4.parameters.temperature"
VARIABLE = {"LABMODELS__GPT_4__PARAMETERS__SEED": "4"}


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def live(lab, environment="dev"):
    return ReleaseStore(lab.environment_folder(environment)).live()


def test_it_says_what_is_live_now_and_doing_it_twice_is_nothing(labmodels, lab):
    first = labmodels("deploy-config", "--all", "--yes")
    digest = live(lab).digest[:12]
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith(f"dev: release 1 ({digest}) is live, ") and first.out.endswith(" keys changed\n")
    again = labmodels("deploy-config", "--all", "--yes")
    assert (again.code, again.out) == (0, f"dev: nothing to do, release 1 ({digest}) already is this state\n")


def test_one_key_is_one_key_and_what_was_set_by_hand_is_listed(labmodels):
    labmodels("deploy-config", "--all", "--yes")
    done = labmodels("deploy-config", "gpt-4", "--yes", "--set", f"{KEY}=0.5")
    assert "is live, 1 key changed\n  set by hand: gpt-4.parameters.temperature=0.5 (--set)\n" in done.out
    done = labmodels("deploy-config", GPT4, "--yes", **VARIABLE)
    assert "  set by hand: gpt-4.parameters.seed=4 (LABMODELS__GPT_4__PARAMETERS__SEED)\n" in done.out


def test_json_is_all_of_stdout(labmodels, lab):
    first = labmodels("deploy-config", "--all", "--yes", "--json", "--set", f"{KEY}=0.5").json
    assert (first["environment"], first["release"], first["is_new"], first["schema_version"]) == ("dev", 1, True, 1)
    assert first["digest"] == live(lab).digest and first["changes"] > 400
    assert first["overrides"] == ["gpt-4.parameters.temperature=0.5 (--set)"]
    assert labmodels("deploy-config", "--all", "--yes", "--json", "--set", f"{KEY}=0.5").json["is_new"] is False


def test_a_plan_for_the_eye_goes_to_stderr_with_json(labmodels):
    done = labmodels("deploy-config", "--all", "--json")
    assert done.code == 2 and done.json["error"] == "Usage"
    assert done.err.startswith("dev: nothing is live -> ")


def test_quiet_prints_nothing_on_success_and_the_error_on_failure(labmodels):
    assert labmodels("deploy-config", "--all", "--yes", "--quiet")[:3] == (0, "", "")
    assert labmodels("deploy-config", "--all", "--yes", "--quiet")[:3] == (0, "", "")
    failed = labmodels("deploy-config", "nothing", "--yes", "--quiet")
    assert failed.code == 2 and failed.err.startswith("error: no config nothing")


def test_without_a_terminal_it_shows_the_plan_and_wants_yes_or_a_plan(labmodels, lab):
    done = labmodels("deploy-config", "--all")
    assert done.code == 2 and "needs --yes or --plan" in done.err
    assert done.out.startswith("dev: nothing is live -> ")
    assert live(lab) is None


def test_values_set_by_hand_reach_production_only_through_a_plan(labmodels, lab, tmp_path):
    for words, environ, named in (
        (("--set", f"{KEY}=0.5"), {}, "--set"),
        ((), VARIABLE, "LABMODELS__GPT_4__PARAMETERS__SEED"),
    ):
        refused = labmodels("deploy-config", "--all", "--env", "production", "--yes", *words, **environ)
        assert refused.code == 2 and refused.err.startswith(f"error: {named}: with --yes nobody would see")
        assert "deploy-config --plan" in refused.err
        assert live(lab, "production") is None
    plan = str(tmp_path / "p.json")
    shown = labmodels("plan", "--env", "production", "--set", f"{KEY}=0.5", "-o", plan, **VARIABLE)
    assert "set by hand:\n" in shown.out and f"  {KEY}=0.5 (--set)" in shown.out and "  gpt-4.parameters.seed=4" in shown.out
    done = labmodels("deploy-config", "--plan", plan, **VARIABLE)
    assert done.code == 0 and f"  set by hand: {KEY}=0.5 (--set)" in done.out
    assert live(lab, "production").content.flat()[KEY] == 0.5
    assert labmodels("deploy-config", "--all", "--env", "test", "--yes", "--set", f"{KEY}=0.5").code == 0


def test_a_saved_plan_whose_variable_is_gone_is_stale_by_that_key(labmodels, tmp_path):
    plan = str(tmp_path / "p.json")
    labmodels("plan", "--env", "production", "-o", plan, **VARIABLE)
    done = labmodels("deploy-config", "--plan", plan)
    assert done.code == 4 and "gpt-4.parameters.seed was 4 when this was planned and is null now" in done.err


def test_a_stale_plan_ends_with_4_and_changes_nothing(labmodels, lab, tmp_path):
    plan = str(tmp_path / "p.json")
    labmodels("deploy-config", "--all", "--yes")
    labmodels("plan", "gpt-4", "--set", f"{KEY}=0.5", "-o", plan)
    lab.edit(GPT4, ("max_output_tokens: 2048", "max_output_tokens: 2047"))
    done = labmodels("deploy-config", "--plan", plan)
    assert done.code == 4 and "gpt-4.parameters.max_output_tokens was 2048" in done.err
    assert done.err.endswith("  hint: labmodels plan -o NEW.json\n")
    assert live(lab).number == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say what to deploy"),
        (("--plan", "p.json", "gpt-4"), "--plan says what is deployed"),
        (("--plan", "p.json", "--set", "a=b"), "--plan says what is deployed"),
        (("--plan", "p.json"), "p.json cannot be read"),
        (("--all", "--env", "staging"), "--env staging: no environment is called that"),
        (("gpt5",), "no config gpt5"),
    ],
)
def test_what_does_not_say_one_thing_is_a_usage_error(labmodels, words, message):
    done = labmodels("deploy-config", *words, "--yes")
    assert done.code == 2 and message in done.err


def test_a_plan_says_which_environment_it_is_for(labmodels, tmp_path):
    plan = str(tmp_path / "p.json")
    labmodels("plan", "--env", "test", "-o", plan)
    done = labmodels("deploy-config", "--plan", plan, "--env", "production")
    assert done.code == 2 and "is for test, not for production" in done.err


def test_invalid_sources_end_with_1_and_each_finding_on_a_line(labmodels, lab):
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 9"))
    done = labmodels("deploy-config", "--all", "--yes")
    assert done.code == 1 and "gpt4_config.yaml:30:16: LM205" in done.err and live(lab) is None


def test_a_modified_live_release_is_repaired_and_said_to_be(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    (live(lab).folder / "sources" / "labmodels.yaml").write_text("name: mine\n")
    assert "repairs:\n  labmodels.yaml of release 1 was modified by hand\n" in labmodels("plan").out
    done = labmodels("deploy-config", "--all", "--yes")
    assert done.code == 0 and "is live, 0 keys changed\n  repaired: labmodels.yaml of release 1 was modified by hand\n" in done.out
    assert "live modified: no" in labmodels("status", "--env", "dev").out


def test_a_damaged_live_release_stops_neither_a_deployment_of_everything_nor_a_rollback(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    labmodels("deploy-config", "gpt-4", "--yes", "--set", f"{KEY}=0.5")
    (live(lab).folder / "release.json").write_text("{}")
    refused = labmodels("deploy-config", "gpt-4", "--yes")
    assert refused.code == 74 and "nothing can be carried over" in refused.err and "deploy-config --all" in refused.err
    status = labmodels("status", "--env", "dev")
    assert "damaged" in status.out and "hint: labmodels deploy-config --all" in status.out
    assert labmodels("rollback", "1", "--yes").code == 0
    (live(lab).folder / "release.json").write_text("{}")
    done = labmodels("deploy-config", "--all", "--yes")
    assert done.code == 0 and "  repaired: " in done.out and "release.json is damaged" in done.out


def test_a_probe_that_fails_keeps_the_previous_release_and_ends_with_5(labmodels, lab):
    labmodels("deploy-config", "--all", "--yes")
    with Loopback() as provider:
        lab.edit(GPT4, ("base_url: null", f"base_url: {provider.openai_url}"), ("temperature: 0.2", "temperature: 0.3"))
        provider.plan.extend(["401"] * 4)
        words = ("deploy-config", "gpt-4", "--yes", "--probe")
        failed = labmodels(*words, OPENAI_API_KEY="sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F")
        assert failed.code == 5 and "gpt-4 does not answer" in failed.err and "release 1 (" in failed.err and "is still live" in failed.err
        assert "q7Wn2Zt8" not in failed.out + failed.err
        assert live(lab).number == 1
        provider.plan.clear()
        provider.seen.clear()
        done = labmodels(*words, OPENAI_API_KEY="sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F")
        assert done.code == 0 and live(lab).number == 3
        assert len(provider.seen) == 1, "one real request, to the one model that changed"
    history = labmodels("history", "--json").json["steps"]
    assert [step["outcome"] for step in history] == ["live", "failed", "live"]


@pytest.mark.parametrize(("answer", "code", "number"), [("y\n", 0, 1), ("n\n", 8, None), ("\n", 8, None)])
def test_the_prompt_of_a_production_deployment_shows_its_target(lab, answer, code, number):
    words = ["deploy-config", "--all", "--env", "production", "--lab", str(lab.root)]
    program = f"import sys; from labmodels.cli.app import run; sys.exit(run({words!r}))"
    ended, shown = in_a_terminal(program, answer=answer, columns=300, NO_COLOR="1")
    assert f"Deploy this to production of {lab.root}? [y/N]" in shown
    assert shown.index("production: nothing is live -> ") < shown.index("Deploy this to production")
    assert ended == code
    assert (live(lab, "production") and live(lab, "production").number) == number


def test_a_quiet_deployment_at_a_terminal_still_shows_what_it_asks_about(lab):
    words = ["deploy-config", "--all", "--quiet", "--lab", str(lab.root)]
    program = f"import sys; from labmodels.cli.app import run; sys.exit(run({words!r}))"
    ended, shown = in_a_terminal(program, answer="y\n", columns=300, NO_COLOR="1")
    assert ended == 0 and "dev: nothing is live -> " in shown and "is live, " not in shown
