import pytest

from labmodels.config import validate as validation
from labmodels.releases.candidate import Tree
from labmodels.releases.history import INTENT
from labmodels.releases.status import status_of
from labmodels.releases.switch import Wish, switch
from tests.labs import GPT4
from tests.releases.acting import KEY, damage, deploy, deploy_value, store_of


def status(lab, environment="dev", **environ):
    return status_of(Tree(lab), store_of(lab, environment), environ)


def rows(lab, **environ):
    return {row.domain: row for row in status(lab, **environ).profiles}


def test_before_the_first_deployment_there_is_nothing_to_say(lab):
    found = status(lab)
    assert (found.release, found.fault, found.drift, found.profiles, found.has_drift) == (None, None, None, (), False)


def test_what_was_just_deployed_has_no_drift_whatever_was_set_by_hand(lab):
    deploy_value(lab, 0.9)
    deploy(lab)
    deploy(lab, settings=(f"{KEY}=0.9", "releases.keep=7"))
    found = status(lab)
    assert found.drift.live_modified == () and found.drift.not_deployed == () and not found.has_drift


def test_a_source_that_moved_and_a_live_release_that_was_modified_are_two_facts(lab):
    folder = deploy(lab).release.folder
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.4"))
    found = status(lab)
    assert not found.drift.live_modified and [change.key for change in found.drift.not_deployed] == [KEY]
    lab.edit(GPT4, ("temperature: 0.4", "temperature: 0.2"))
    damage(folder / "sources" / GPT4)
    found = status(lab)
    assert found.drift.live_modified == (GPT4,) and not found.drift.not_deployed and found.has_drift


def test_a_new_or_deleted_source_is_not_deployed(lab):
    deploy(lab)
    (lab.configs / "embedding_models" / "multimodal.yaml").unlink()
    keys = {change.key.partition(".")[0] for change in status(lab).drift.not_deployed}
    assert keys == {"multimodal"}


def test_sources_that_are_not_valid_are_drift_of_their_own(lab):
    deploy(lab)
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 9"))
    found = status(lab)
    assert found.drift.not_deployed is None and found.has_drift and found.release.number == 1


@pytest.mark.parametrize("name", ["release.json", "../../switches.json"])
def test_damage_is_reported_with_the_way_out_and_does_not_raise(lab, name):
    folder = deploy(lab).release.folder
    switch(store_of(lab), Wish("balanced", None))
    (folder / name).write_text("{")
    found = status(lab)
    assert "damaged" in found.fault and found.hint and found.has_drift


def test_several_environments_cost_one_validation(lab, monkeypatch):
    for environment in ("dev", "test", "production"):
        deploy(lab, environment=environment)
    calls = []

    def counted(*given):
        calls.append(given)
        return validation.validate(*given)

    monkeypatch.setattr("labmodels.releases.candidate.validate", counted)
    tree = Tree(lab)
    for environment in ("dev", "test", "production"):
        assert not status_of(tree, store_of(lab, environment), {}).has_drift
    assert len(calls) == 1


def test_a_step_that_a_crash_left_open_is_shown(lab):
    deploy(lab)
    store_of(lab).journal.add(INTENT, "lost", release=2, folder="2-0123456789ab", digest="0")
    assert len(status(lab).unfinished) == 1


def test_each_domain_with_a_profile_of_its_own_has_a_row_that_says_why(lab):
    deploy(lab)
    found = rows(lab)
    assert found["every other domain"][1:3] == ("fast_response", "default profile")
    assert found["code_analysis"][1:3] == ("balanced", "profile of domain code_analysis")
    assert "documentation" not in found


def test_a_switch_is_shown_with_who_made_it_and_until_when(lab):
    deploy(lab)
    switch(store_of(lab), Wish("high_accuracy", "documentation", lasts_s=7200))
    switch(store_of(lab), Wish("high_accuracy", "code_analysis", confirm_within_s=600))
    found = rows(lab)
    assert found["documentation"].profile == "high_accuracy" and found["documentation"].reason.startswith("switched by ")
    assert found["documentation"].ends_at and not found["documentation"].confirm_by
    assert found["code_analysis"].ends_at and found["code_analysis"].confirm_by


def test_a_switch_to_a_profile_that_is_no_longer_released_is_said_to_wait(lab):
    deploy(lab)
    switch(store_of(lab), Wish("high_accuracy", "documentation", lasts_s=7200))
    (lab.configs / "performance_profiles" / "high_accuracy.yaml").unlink()
    deploy(lab)
    row = rows(lab)["documentation"]
    assert row.profile == "fast_response" and "the switch to high_accuracy waits, it is not released" in row.reason
    assert row.ends_at is None


def test_the_variable_of_the_shell_is_shown_and_an_unknown_one_does_not_stop_the_report(lab):
    deploy(lab)
    switch(store_of(lab), Wish("high_accuracy", "documentation", lasts_s=7200))
    found = rows(lab, LABMODELS_PROFILE="batch_processing")
    assert {row.profile for row in found.values()} == {"batch_processing"}
    assert found["documentation"].ends_at is None, "the switch ends then, not what the variable says"
    unknown = rows(lab, LABMODELS_PROFILE="fast")
    assert "LABMODELS_PROFILE=fast is not released here" in unknown["every other domain"].reason
    assert unknown["documentation"].profile == "high_accuracy"
