"""A whole validation: the order of findings, what is counted, and that one cause is said once."""

from __future__ import annotations

import pytest

from tests.labs import BALANCED, CLAUDE, FALLBACK, GPT4, LAB_FILE, LOCAL, MODEL, EditedLab, lines_of


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


def test_findings_come_in_the_order_of_files_and_lines(lab):
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: x"), ('"60 seconds"', "60"), ("owner: model-operations", "owner: 3"))
    lab.edit(CLAUDE, ("retries:", "retires:"))
    lab.edit(LAB_FILE, ("default_profile: balanced", "default_profile: ballanced"))
    places = [(str(found.span.path), found.span.line) for found in lab.validate().diagnostics]
    assert places == sorted(places)


def test_every_kind_of_fault_is_told_in_one_run(lab):
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: x"))
    lab.edit(CLAUDE, ("provider: anthropic", "provider: antropic"))
    lab.edit(LOCAL, ("retries:", "retries: ["))
    lab.edit(LAB_FILE, ("default_profile: balanced", "default_profile: ballanced"))
    lab.edit(FALLBACK, ("candidates: [claude, local_llm]\n", "candidates: [claude, claude]\n"))
    assert sorted(found.code for found in lab.findings() if found.is_error) == ["LM005", "LM204", "LM301", "LM301", "LM302"]


def test_a_duplicate_key_is_the_only_finding_of_its_line(lab):
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: 200000\ncontext_tokens: x"))
    assert [found.code for found in lab.findings()] == ["LM006"]


def test_a_tag_that_is_refused_is_not_refused_again_as_a_value(lab):
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: !!int 200000"))
    assert [found.code for found in lab.findings()] == ["LM009"]


def test_a_value_that_is_wrong_is_not_warned_of_as_well(lab):
    lab.edit(GPT4, ("owner: model-operations", "owner: 3.10"))
    (found,) = lab.findings()
    assert (found.code, [edit.replacement for edit in found.edits]) == ("LM204", ['"3.10"'])


def test_a_lab_file_alone_and_a_file_alone_are_validations_too(lab):
    assert lab.validate(LAB_FILE).files_count == 1
    assert lab.validate(LAB_FILE).is_valid
    assert lab.validate(GPT4).files_count == 1


def test_a_file_that_nobody_selected_is_not_reported(lab):
    lab.edit(CLAUDE, ("retries:", "retires:"))
    assert lab.findings(GPT4, BALANCED, LAB_FILE) == ()
    assert [found.code for found in lab.findings(CLAUDE)] == ["LM202"]


def test_a_broken_neighbour_does_not_hide_what_is_wrong_with_the_selected_file(lab):
    lab.write(CLAUDE, "a: [")
    lab.edit(GPT4, ("retries:", "retires:"))
    assert [found.code for found in lab.findings(GPT4)] == ["LM202"]


def test_valid_are_the_documents_without_errors_of_their_own(lab):
    lab.edit(CLAUDE, ("retries:", "retires:"))
    result = lab.validate()
    assert not result.is_valid
    assert lab.root / CLAUDE not in result.valid
    assert lab.root / GPT4 in result.valid


def test_a_selected_model_is_checked_against_every_profile(lab):
    lab.write("configs/language_models/spare.yaml", MODEL.format(name="spare") + "max_output_tokens: 3000\n")
    found = lab.findings("configs/language_models/spare.yaml")
    assert {one.span.path.name for one in found} == {"balanced.yaml", "batch_processing.yaml", "high_accuracy.yaml"}, lines_of(found)
    assert {one.notes[-1].message for one in found} == {"in language model spare"}
    assert lab.findings(GPT4) == ()


def test_a_lab_without_a_lab_file_still_has_its_files_checked(lab):
    lab.config_file.unlink()
    lab.edit(GPT4, ("retries:", "retires:"))
    assert [found.code for found in lab.findings()] == ["LM202"]


def test_a_lab_without_configs_is_told_what_its_block_names(lab):
    for path in lab.configs.rglob("*.yaml"):
        path.unlink()
    assert {found.code for found in lab.findings()} == {"LM301"}
