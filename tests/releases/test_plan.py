import json

import pytest

from labmodels.errors import StalePlan, Usage
from labmodels.releases.plan import as_json, load_plan, refuse_if_stale
from tests.labs import CLAUDE, GPT4, LOCAL
from tests.releases.acting import KEY, deploy, deploy_value, planned, store_of


def saved(plan, folder):
    path = folder / "p.json"
    path.write_text(json.dumps(as_json(plan)))
    return path


def test_a_plan_changes_nothing(lab):
    planned(lab)
    assert not lab.state.exists()


def test_a_plan_holds_its_base_its_sources_and_each_key_that_changes(lab):
    live = deploy(lab).release
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    made = planned(lab, GPT4)
    assert (made.base, made.base_digest) == (1, live.digest)
    assert made.digest != live.digest and made.digest == deploy(lab, GPT4).release.digest
    assert [tuple(change) for change in made.changes] == [(KEY, 0.2, 0.4)]
    assert set(made.sources) == {path.relative_to(lab.root).as_posix() for path in [lab.config_file, *lab.configs.rglob("*.yaml")]}


def test_a_plan_shows_how_the_ceilings_on_spending_move(lab):
    deploy(lab)
    made = planned(lab, settings=("gpt-4.budgets.day=$1.00", "claude.budgets.month=null"))
    moved = {change.key: (change.before, change.after) for change in made.ceilings}
    assert moved["gpt-4 a day"][1] == "$1.00"
    assert moved["all models a month"][1] == "unlimited (claude)"
    assert "all models a day" in moved and "claude a month" in moved


def test_a_plan_says_which_fallbacks_are_not_live(lab):
    made = planned(lab, GPT4)
    assert made.reach[0].domain == "any domain"
    assert made.reach[0].reachable == ("gpt-4", "basic_nlp")
    assert set(made.reach[0].not_live) == {"claude", "local_llm"}
    deploy(lab, GPT4)
    both = planned(lab, CLAUDE)
    assert both.reach_before == made.reach
    assert "claude" in both.reach[0].reachable
    assert not planned(lab).reach[0].not_live


def test_secrets_are_in_a_plan_as_references(lab, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F")
    text = json.dumps(as_json(planned(lab)))
    assert '"env:OPENAI_API_KEY"' in text and "q7Wn2Zt8" not in text


def test_a_plan_lists_what_is_set_by_hand_and_by_whom(lab):
    made = planned(lab, settings=(f"{KEY}=0.5",), environ={"LABMODELS__CLAUDE__PARAMETERS__SEED": "3"})
    assert set(made.overrides) == {
        "gpt-4.parameters.temperature=0.5 (--set)",
        "claude.parameters.seed=3 (LABMODELS__CLAUDE__PARAMETERS__SEED)",
    }


@pytest.mark.parametrize("is_first", [True, False])
def test_a_saved_plan_is_read_back_as_it_was(lab, tmp_path, is_first):
    if not is_first:
        deploy(lab, GPT4)
    made = planned(lab, GPT4, LOCAL, settings=("gpt-4.parameters.stop=[é, b]", "gpt-4.prices=null"))
    assert load_plan(saved(made, tmp_path)) == made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.update(environment="../production"),
        lambda data: data.update(environment=None),
        lambda data: data.update(changes=["x"]),
        lambda data: data.update(reachable=7),
        lambda data: data.update(paths=None),
        lambda data: data.pop("values"),
    ],
)
def test_what_is_no_plan_is_refused(lab, tmp_path, spoil):
    data = as_json(planned(lab))
    spoil(data)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(data))
    with pytest.raises(Usage, match="is not a plan"):
        load_plan(path)


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", "null", "\xff"])
def test_any_other_file_is_no_plan(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(Usage, match="is not a plan"):
        load_plan(path)


def test_a_plan_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(Usage, match="cannot be read: No such file"):
        load_plan(tmp_path / "p.json")


def refused(planned_, found, base_then=None):
    with pytest.raises(StalePlan) as caught:
        refuse_if_stale(planned_, found, base_then, "p.json")
    assert int(caught.value.exit_code) == 4
    return str(caught.value)


def test_a_plan_is_not_stale_while_nothing_moved(lab):
    deploy(lab)
    refuse_if_stale(planned(lab), planned(lab), None, "p.json")
    lab.edit(GPT4, ("name: gpt-4", "name: gpt-4   # a comment moves nothing"))
    made = planned(lab, settings=(f"{KEY}=0.5",))
    refuse_if_stale(made, planned(lab, settings=(f"{KEY}=0.5",)), None, "p.json")


def test_a_base_that_moved_is_named_by_the_key_and_by_the_number(lab):
    deploy(lab)
    made = planned(lab, CLAUDE, settings=("claude.parameters.seed=1",))
    deploy_value(lab, 0.7)
    shown = refused(made, planned(lab, CLAUDE, settings=("claude.parameters.seed=1",)))
    assert f"{KEY} was 0.2 (release 1) when this was planned and is 0.7 (release 2) now" in shown


def test_a_base_of_which_only_the_number_moved_is_named_by_the_number(lab):
    deploy(lab)
    made = planned(lab, settings=("claude.parameters.seed=1",))
    deploy_value(lab, 0.7)
    deploy(lab)
    assert store_of(lab).live().number == 3
    assert "the live release was 1 when this was planned and is 3 now" in refused(
        made, planned(lab, settings=("claude.parameters.seed=1",))
    )


def test_a_source_that_moved_is_named_by_its_key_also_when_it_came_or_went(lab):
    deploy(lab)
    made = planned(lab)
    lab.edit(LOCAL, ("max_output_tokens: 2048", "max_output_tokens: 2040"))
    assert "local_llm.parameters.max_output_tokens was 2048 when this was planned and is 2040 now" in refused(made, planned(lab))
    (lab.root / "configs/embedding_models/multimodal.yaml").unlink()
    (lab.root / LOCAL).write_text((lab.root / LOCAL).read_text().replace("2040", "2048"))
    assert "is absent now" in refused(made, planned(lab))


def test_a_plan_without_a_key_that_moves_names_the_target(lab):
    deploy(lab)
    made = planned(lab, settings=(f"{KEY}=0.2",))
    assert not made.changes and not made.is_empty, "set by hand to what the file says: nothing moves until the file does"
    assert "the target was" in refused(made, planned(lab))
