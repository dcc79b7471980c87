"""Every document in every combination; one cause is one finding."""

from __future__ import annotations

import pytest

from labmodels.config.catalog import load
from labmodels.config.combinations import Combination, Overlaying, check_alone, check_overlaid, layers_of, merged
from tests.labs import BALANCED, CLAUDE, GPT4, MODEL, EditedLab


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


def overlaying(catalog, *names):
    return tuple(Overlaying(catalog.by_name[name], name) for name in names)


def test_a_combination_is_the_file_its_environment_and_the_overlays_in_their_order(lab):
    catalog = load(lab)
    gpt4 = catalog.by_name["gpt-4"]

    def tokens(*names):
        return merged(gpt4, Combination("dev", overlaying(catalog, *names)))["parameters"]["max_output_tokens"]

    assert tokens() == 2048
    assert tokens("high_accuracy") == 8192
    assert tokens("high_accuracy", "summarization") == 2048  # the domain lies over its default profile
    assert tokens("summarization", "high_accuracy") == 8192  # a switched profile lies over the domain


def test_the_layers_of_a_combination_name_where_each_is_from(lab):
    catalog = load(lab)
    combination = Combination("production", overlaying(catalog, "high_accuracy", "summarization"))
    names = [layer.name for layer in layers_of(catalog.by_name["gpt-4"], combination)]
    assert names == ["file", "environment production", "performance profile high_accuracy", "specialized model summarization"]


def test_a_document_is_counted_in_each_environment_and_valid_when_it_is_in_all(lab):
    lab.edit(GPT4, ("      temperature: 0 ", "      temperature: 9 "))
    documents = load(lab).documents
    checked = check_alone(documents)
    assert checked.combinations_count == len(documents) * 3
    assert {document.path for document in documents} - checked.valid == {lab.root / GPT4}


def test_combinations_are_environments_times_profiles_times_the_domains_that_may_ask(lab):
    catalog = load(lab)
    models = list(catalog.of_kind("language_model"))
    valid = check_alone(catalog.documents).valid
    assert check_overlaid(catalog, models, valid, {}).combinations_count == 3 * 3 * 4  # models, environments, profiles
    asked = check_overlaid(catalog, models[:1], valid, {"claude": {"translation"}})
    assert asked.combinations_count == 3 * (4 + 1 + 4 + 4)  # profiles, the domain, the domain over and under each profile


def test_what_is_wrong_by_itself_is_not_checked_under_overlays(lab):
    lab.edit(CLAUDE, ("max_output_tokens: 4096", "max_output_tokens: 400000"))
    (found,) = lab.findings()
    assert (found.code, found.combinations, found.more) == ("LM209", (), 0)


def test_equal_overlays_of_different_profiles_are_two_causes(lab):
    for name in ("balanced", "fast_response"):
        path = f"configs/performance_profiles/{name}.yaml"
        text = (lab.root / path).read_text()
        tokens = next(line for line in text.splitlines() if "max_output_tokens:" in line)
        lab.edit(path, (tokens, "    max_output_tokens: 31000000"))
    assert sorted(found.span.path.name for found in lab.found("LM209")) == ["balanced.yaml", "fast_response.yaml"]


def test_one_cause_in_a_profile_is_one_finding_however_many_models_it_breaks(lab):
    for number in range(20):
        lab.write(f"configs/language_models/more{number:02}.yaml", MODEL.format(name=f"more{number}") + "max_output_tokens: 100\n")
    found = lab.found("LM209")
    assert {one.span.path.name for one in found} == {"balanced.yaml", "batch_processing.yaml", "fast_response.yaml", "high_accuracy.yaml"}
    assert {one.more for one in found} == {19}
    assert len(found) == 4


def test_a_model_is_checked_under_the_overlays_of_the_domains_that_may_ask_it_only(lab):
    lab.write("configs/language_models/spare.yaml", MODEL.format(name="spare") + "max_output_tokens: 9000\n")
    lab.edit("configs/specialized_models/summarization.yaml", ("max_output_tokens: 2048", "max_output_tokens: 20000"))
    assert lab.found("LM209") == []  # spare is in no route of that domain


def test_an_overlay_may_change_one_environment_of_one_profile(lab):
    lab.append(BALANCED, "environments:\n  production:\n    overlay:\n      parameters: {max_output_tokens: 500000}\n")
    (found,) = lab.found("LM209")
    assert set(found.combinations) > {"production with profile balanced"}
    assert all(named.startswith("production with ") for named in found.combinations)
