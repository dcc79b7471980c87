"""Ceilings that cannot hold, alerts that cannot fire, loads that are not admitted; under profiles and domains too."""

from __future__ import annotations

import pytest

from tests.labs import BALANCED, CLAUDE, GPT4, LAB_FILE, LOCAL, EditedLab, lines_of, read_back

SUMMARIZATION = "configs/specialized_models/summarization.yaml"
HIGH_ACCURACY = "configs/performance_profiles/high_accuracy.yaml"


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


def only(lab, *names):
    found = lab.findings(*names)
    assert len(found) == 1, lines_of(found)
    return found[0]


def test_a_request_that_its_own_parameters_make_too_dear_is_an_error_at_the_budget(lab):
    lab.edit(CLAUDE, ('  request: "$0.50"', '  request: "$0.02"'))
    found = only(lab)
    assert (found.code, found.span.path.name, read_back(found), found.is_error) == ("LM305", "claude_config.yaml", '"$0.02"', True)
    assert "4,096 output tokens of claude cost $0.04096, above its budget of $0.02" in found.message


def test_a_request_that_just_fits_its_budget_is_none(lab):
    lab.edit(CLAUDE, ('  request: "$0.50"', '  request: "$0.08192"'))  # 8,192 tokens of high_accuracy at $10
    assert lines_of(lab.findings()) == []


def test_a_profile_that_makes_requests_too_dear_is_to_blame_for_all_models_at_once(lab):
    lab.edit(HIGH_ACCURACY, ("max_output_tokens: 8192", "max_output_tokens: 32000"))
    lab.edit(CLAUDE, ('  request: "$0.50"', '  request: "$0.30"'))
    lab.edit(GPT4, ('  request: "$0.10"', '  request: "$0.01"'))
    found = only(lab)
    assert (found.code, found.span.path.name, read_back(found)) == ("LM305", "high_accuracy.yaml", "32000")
    assert "gpt-4" in found.message
    assert "claude" in found.message
    assert only(lab, HIGH_ACCURACY) == found


def test_a_model_that_is_validated_alone_is_told_which_profile_is_too_dear_for_it(lab):
    lab.edit(HIGH_ACCURACY, ("max_output_tokens: 8192", "max_output_tokens: 32000"))
    lab.edit(CLAUDE, ('  request: "$0.50"', '  request: "$0.30"'))
    assert only(lab, CLAUDE).span.path.name == "high_accuracy.yaml"
    assert lab.findings(LOCAL) == ()


def test_a_domain_that_makes_requests_too_dear_is_to_blame(lab):
    lab.edit(SUMMARIZATION, ("max_output_tokens: 2048", "max_output_tokens: 30000"))
    lab.edit(CLAUDE, ('  request: "$0.50"', '  request: "$0.25"'))
    found = only(lab)
    assert (found.code, found.span.path.name, read_back(found)) == ("LM305", "summarization.yaml", "30000")


def test_a_budget_that_an_overlay_lowers_too_far_is_reported_where_the_budget_stands(lab):
    lab.append(BALANCED, '  budgets: {request: "$0.01"}\n')
    found = only(lab)
    assert (found.code, found.span.path.name, read_back(found)) == ("LM305", "balanced.yaml", '"$0.01"')


def test_a_price_that_one_environment_raises_is_found_there(lab):
    lab.edit(CLAUDE, ("  test:\n", '  test:\n    prices: {output: "$200 / 1M tokens"}\n'))
    found = lab.findings()
    assert {(one.code, one.combinations) for one in found} == {("LM305", ("test",))}
    assert found[0].span.path.name == "claude_config.yaml"


def test_an_alert_above_every_budget_can_never_fire(lab):
    lab.edit(LOCAL, ("tuning_model:", 'budgets: {request: "$0.01"}\ntuning_model:'))
    assert lines_of(lab.findings()) == []
    lab.edit(LAB_FILE, ('cost_per_request: "$0.10"', 'cost_per_request: "$0.51"'))
    found = only(lab)
    assert (found.code, found.severity.value, found.span.path, read_back(found)) == ("LM305", "warning", lab.config_file, '"$0.51"')


def test_an_alert_may_be_high_while_a_model_has_no_budget(lab):
    lab.edit(LAB_FILE, ('cost_per_request: "$0.10"', 'cost_per_request: "$9"'))  # local_llm has none
    assert lines_of(lab.findings()) == []


@pytest.mark.parametrize("key", ["requests_per_minute", "tokens_per_minute"])
def test_a_profile_that_plans_more_than_a_model_admits_is_one_warning_for_all_models_and_environments(lab, key):
    text = (lab.root / BALANCED).read_text()
    planned = next(line for line in text.splitlines() if key in line)
    lab.edit(BALANCED, (planned, f"  {key}: 600000"))
    found = only(lab)
    assert (found.code, found.severity.value, read_back(found), found.combinations) == ("LM306", "warning", "600000", ())
    assert "gpt-4 admits" in found.message
    assert "claude admits" in found.message
    assert "local_llm" not in found.message


def test_a_load_that_is_just_admitted_is_none(lab):
    lab.edit(BALANCED, ("requests_per_minute: 60", "requests_per_minute: 120"))
    assert lines_of(lab.findings()) == []


def test_a_load_that_only_some_environments_admit_names_the_others(lab):
    lab.edit(BALANCED, ("requests_per_minute: 60", "requests_per_minute: 300"))
    assert only(lab).combinations == ("dev", "test")


def test_a_limit_that_the_profile_itself_lays_over_the_models_counts(lab):
    lab.append(BALANCED, "  rate_limits: {requests_per_minute: 30}\n")
    assert "gpt-4 admits 30" in only(lab).message


def test_a_model_outside_of_every_route_is_not_measured(lab):
    text = (lab.root / CLAUDE).read_text().replace("name: claude", "name: spare").replace('request: "$0.50"', 'request: "$0.001"')
    lab.write("configs/language_models/spare.yaml", text)
    assert [found.code for found in lab.findings()] == []
