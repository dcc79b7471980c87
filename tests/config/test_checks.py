"""What the files of a lab say of each other: each kind of fault in a lab that has it, and none in one that has not."""

from __future__ import annotations

import pytest

from tests.labs import BALANCED, CLAUDE, CODE_ANALYSIS, FALLBACK, GPT4, LAB_FILE, LOCAL, MODEL, EditedLab, lines_of, read_back

TEXT_EMBEDDINGS = "configs/embedding_models/text_embeddings.yaml"
SUMMARIZATION = "configs/specialized_models/summarization.yaml"
ORDER = 'fallback_order: ["claude", "local_llm", "basic_nlp"]'


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


def told(lab, *names):
    """Return the errors and warnings as (code, file, text at the place, combinations)."""
    return [(found.code, found.span.path.name, read_back(found), found.combinations) for found in lab.findings(*names)]


def test_the_starter_lab_has_nothing_to_say(lab):
    assert lines_of(lab.findings()) == []


# -- LM301: targets ------------------------------------------------------------------------------------------------------

TARGETS = {
    (LAB_FILE, 'language: "gpt-4"', 'language: "gpt4"'): ('"gpt4"', "unknown model gpt4", "did you mean gpt-4?"),
    (LAB_FILE, '"custom/code_reviewer"', '"custom/code_reviwer"'): (
        '"custom/code_reviwer"', "unknown model custom/code_reviwer", "did you mean custom/code_reviewer?",
    ),
    (LAB_FILE, "text_embeddings/knowledge_base", "text_embeddings/knowledge"): (
        '"text_embeddings/knowledge"', "unknown embedding domain text_embeddings/knowledge", "did you mean text_embeddings/knowledge_base?",
    ),
    (LAB_FILE, '["claude", "local_llm"', '["claude", "local_lm"'): ('"local_lm"', "unknown model local_lm", "did you mean local_llm?"),
    (FALLBACK, "candidates: [claude, local_llm, basic_nlp]", "candidates: [cluade, local_llm, basic_nlp]"): (
        "cluade", "unknown model cluade", "did you mean claude?",
    ),
    (FALLBACK, "candidates: [claude, local_llm, basic_nlp]", "candidates: [claude, 'chain:translaton']"): (
        "'chain:translaton'", "unknown chain translaton", "did you mean translation?",
    ),
    (CODE_ANALYSIS, "profile: balanced ", "profile: ballanced "): ("ballanced", "unknown profile ballanced", "did you mean balanced?"),
    (CODE_ANALYSIS, "[source_code, configuration]", "[source_code, config]"): (
        "config", "unknown embedding domain config", "did you mean configuration?",
    ),
    (GPT4, "provider: openai", "provider: opnai"): ("opnai", "unknown provider opnai", "did you mean openai?"),
}  # fmt: skip


@pytest.mark.parametrize("change", TARGETS, ids=lambda change: change[2])
def test_an_unknown_target_is_reported_at_its_place_with_what_was_meant(lab, change):
    name, old, new = change
    lab.edit(name, (old, new))
    text, message, hint = TARGETS[change]
    errors = [found for found in lab.findings() if found.is_error]
    assert [(found.code, read_back(found), found.message, found.help) for found in errors] == [("LM301", text, message, hint)]
    assert [found.span.path for found in errors] == [lab.root / name]


def test_a_target_that_one_environment_makes_wrong_is_reported_in_its_overlay(lab):
    lab.edit(LAB_FILE, ("default_profile: fast_response", "default_profile: fast"))
    assert told(lab) == [("LM301", "labmodels.yaml", "fast", ("dev",))]


def test_a_chain_of_no_domain_is_a_warning(lab):
    lab.append(FALLBACK, "  translaton:\n    candidates: [claude]\n")
    assert told(lab) == [("LM301", "fallback_config.yaml", "translaton", ())]


def test_an_unknown_provider_is_told_together_with_what_else_is_wrong_in_the_file(lab):
    lab.edit(GPT4, ("provider: openai", "provider: opnai"), ("context_tokens: 200000", "context_tokens: many"))
    assert [(code, text) for code, _, text, _ in told(lab)] == [("LM301", "opnai"), ("LM204", "many")]


def test_an_unknown_provider_is_told_although_an_environment_does_not_merge(lab):
    lab.edit(
        GPT4, ("provider: openai", "provider: opnai"), ("  production:\n    budgets:\n", "  production:\n    budgets: 3\n    retries:\n")
    )
    assert ("LM301", "gpt4_config.yaml", "opnai", ()) in told(lab)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (BALANCED, "cost: 0.3", "cost: 0.9"),
        (BALANCED, "overlay:", "overlay: ["),
        (GPT4, "context_tokens: 200000", "context_tokens: many"),
        (GPT4, "context_tokens: 200000", "context_tokens: ["),
        (GPT4, "kind: language_model", "kind: langage_model"),
        (TEXT_EMBEDDINGS, "dimensions: 384", "dimensions: no"),
        (TEXT_EMBEDDINGS, "dimensions: 384", "dimensions: ["),
        (SUMMARIZATION, "task: summarization", "task: summary"),
        (FALLBACK, "rate_limited: retry ", "rate_limited: again "),
    ],
)
def test_a_file_that_is_wrong_is_the_only_finding_and_not_what_refers_to_it(lab, name, old, new):
    lab.edit(name, (old, new))
    errors = [found for found in lab.findings() if found.is_error]
    assert [found.span.path.name for found in errors] == [(lab.root / name).name], lines_of(errors)


def test_a_renamed_config_is_told_when_only_its_file_is_validated(lab):
    lab.edit(GPT4, ("name: gpt-4", "name: gpt-5"))
    found = lab.findings(GPT4)
    assert [(one.code, one.span.path.name) for one in found] == [("LM301", "fallback_config.yaml"), ("LM301", "labmodels.yaml")]
    assert {note.message for one in found for note in one.notes} == {"gpt-5 is declared here"}


# -- LM302: chains -------------------------------------------------------------------------------------------------------


def test_chains_that_lead_to_each_other_are_one_error(lab):
    lab.edit(
        FALLBACK,
        ("candidates: [local_llm, claude, basic_nlp]", "candidates: [local_llm, 'chain:translation']"),
        ("candidates: [claude, local_llm]\n", "candidates: [claude, 'chain:summarization']\n"),
    )
    (found,) = lab.found("LM302")
    assert found.message == "the fallback chain never ends: summarization -> translation -> summarization"
    assert found.is_error


def test_a_chain_that_leads_to_itself_is_an_error(lab):
    lab.edit(FALLBACK, ("candidates: [claude, local_llm]\n", "candidates: [claude, 'chain:translation']\n"))
    assert [found.message for found in lab.found("LM302")] == ["the fallback chain never ends: translation -> translation"]


def test_a_candidate_twice_in_a_chain_is_an_error_and_the_primary_in_its_chain_is_none(lab):
    lab.edit(LAB_FILE, (ORDER, 'fallback_order: ["claude", "local_llm", "claude"]'))
    assert [(code, name) for code, name, _, _ in told(lab)] == [("LM302", "labmodels.yaml")]
    lab.edit(LAB_FILE, ('fallback_order: ["claude", "local_llm", "claude"]', 'fallback_order: ["gpt-4", "claude"]'))
    assert told(lab) == []


def test_a_chain_may_go_on_with_another_that_ends(lab):
    lab.edit(FALLBACK, ("candidates: [local_llm, claude, basic_nlp]", "candidates: [local_llm, 'chain:translation']"))
    assert told(lab) == []


# -- LM303, LM304: what routes keep ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "code", "change"),
    [
        ("tools", "LM303", ("  tools: true ", "  tools: false ")),
        ("json_schema", "LM303", ("  json_schema: true ", "  json_schema: false ")),
        ("context_tokens", "LM304", ("context_tokens: 32768", "context_tokens: 31768")),
    ],
)
def test_a_loss_on_the_way_is_a_warning_unless_it_is_accepted(lab, loss, code, change):
    lab.edit(
        FALLBACK,
        ("may_drop: [vision, context_tokens]", "may_drop: [vision]" if loss == "context_tokens" else "may_drop: [vision, context_tokens]"),
    )
    lab.edit(LOCAL, change)
    found = [one for one in lab.findings() if one.code == code and not one.is_error]
    assert [(one.span.path.name, one.help.startswith(f"accept it with may_drop: [{loss}]")) for one in found] == [
        ("fallback_config.yaml", True)
    ]
    assert "requests for translation" in found[0].message
    lab.edit(FALLBACK, ("    may_drop: [vision", f"    may_drop: [{loss}, vision"))
    assert [one for one in lab.findings() if one.code == code and not one.is_error] == []


def test_what_the_default_order_loses_is_accepted_at_the_top_of_the_fallback_config(lab):
    lab.edit(FALLBACK, ("may_drop: [tools, json_schema, streaming, vision, context_tokens]", "may_drop: [context_tokens]"))
    assert [(found.code, found.span.path.name) for found in lab.findings()] == [("LM303", "labmodels.yaml")]
    assert "no vision" in lab.findings()[0].message


def test_a_loss_in_one_environment_names_it(lab):
    lab.edit(CLAUDE, ("  production:\n", "  production:\n    capabilities: {vision: false}\n"))
    lab.edit(
        FALLBACK, ("may_drop: [tools, json_schema, streaming, vision, context_tokens]", "may_drop: [context_tokens, tools, json_schema]")
    )
    found = [one for one in lab.found("LM303") if "claude has no vision" in one.message]
    assert {one.combinations for one in found} == {("production",)}


@pytest.mark.parametrize(
    ("requirement", "code"),
    [("tools: true", None), ("vision: true", None), ("context_tokens: 200001", "LM304"), ("context_tokens: 200000", None)],
)
def test_a_domains_first_model_must_do_what_the_domain_requires(lab, requirement, code):
    lab.edit(SUMMARIZATION, ("  context_tokens: 32000", f"  {requirement}"))
    assert [found.code for found in lab.findings() if found.is_error] == ([code] if code else [])


def test_a_requirement_that_the_first_model_lacks_is_an_error_in_the_specialised_model(lab):
    lab.edit(GPT4, ("  vision: true", "  vision: false"))
    lab.edit(SUMMARIZATION, ("  context_tokens: 32000", "  vision: true"))
    assert told(lab) == [("LM303", "summarization.yaml", "true", ())]


# -- LM307 to LM309: names, budgets, models to come --------------------------------------------------------------------------


def test_two_configs_of_one_name_show_each_other(lab):
    lab.write("configs/language_models/zz.yaml", MODEL.format(name="gpt-4"))
    (found,) = lab.findings()
    assert (found.code, found.span.path.name, read_back(found)) == ("LM307", "zz.yaml", "gpt-4")
    assert [note.span.path.name for note in found.notes] == ["gpt4_config.yaml"]


@pytest.mark.parametrize("name", ["basic_nlp", "releases", "environments"])
def test_a_reserved_name_is_refused(lab, name):
    lab.write("configs/language_models/zz.yaml", MODEL.format(name=name))
    assert told(lab) == [("LM307", "zz.yaml", name, ())]


@pytest.mark.parametrize("name", [FALLBACK, "configs/embedding_models/semantic_search.yaml", CODE_ANALYSIS])
def test_what_a_lab_has_once_is_refused_twice(lab, name):
    text = (lab.root / name).read_text()
    lab.write(f"{name.rpartition('/')[0]}/zz.yaml", text.replace("\nname: ", "\nname: second_"))
    assert [(code, file) for code, file, _, _ in told(lab)] == [("LM307", "zz.yaml")]


def test_an_index_belongs_to_one_encoder(lab):
    lab.edit("configs/embedding_models/code_embeddings.yaml", ("  source_code:", "  documentation:"))
    lab.edit(CODE_ANALYSIS, ("[source_code, configuration]", "[configuration]"))
    assert [(found.code, found.span.path.name) for found in lab.findings()] == [("LM307", "text_embeddings.yaml")]


def test_a_budget_wants_prices(lab):
    lab.edit(
        LOCAL,
        ("prices:\n  input:", "budgets: {day: $1}\nx:\n  input:"),
        ("x:\n", ""),
        ('  input: "$0 / 1M tokens"\n', ""),
        ('  output: "$0 / 1M tokens"\n', ""),
    )
    assert [(code, file) for code, file, _, _ in told(lab)] == [("LM308", "local_llm_config.yaml")]


def test_a_budget_that_one_environment_adds_is_found_there(lab):
    lab.edit(LOCAL, ("prices:\n", ""), ('  input: "$0 / 1M tokens"\n', ""), ('  output: "$0 / 1M tokens"\n', ""))
    assert told(lab) == []
    lab.edit(LOCAL, ("  test:\n", "  test:\n    budgets: {day: $1}\n"))
    assert told(lab) == [("LM308", "local_llm_config.yaml", "budgets", ("test",))]


def test_a_model_to_come_is_an_info_and_no_error(lab):
    (found,) = lab.found("LM309")
    assert (found.severity.value, read_back(found)) == ("info", '"custom/code_reviewer"')
    assert lab.validate().is_valid


def test_a_model_that_says_local_must_be_the_lab_s_own(lab):
    lab.edit(LOCAL, ("base_url: env:LOCAL_LLM_BASE_URL", "base_url: null"))
    assert [(code, file) for code, file, _, _ in told(lab)] == [("LM310", "local_llm_config.yaml")]
    lab.edit(LOCAL, ("base_url: null", "weights: {gguf: models/qwen.gguf}"))
    assert told(lab) == []


def test_weights_and_an_address_contradict_each_other(lab):
    lab.edit(LOCAL, ("local: true", "local: true\nweights: {gguf: models/qwen.gguf}"))
    assert "LM209" in [code for code, _, _, _ in told(lab)]


def test_the_arms_of_a_split_must_exist(lab):
    lab.append(CODE_ANALYSIS, "split: {name: trial, control: gpt-4, candidate: gpt-5, share: 10%}\n")
    assert told(lab) == [("LM301", "code_analysis.yaml", "gpt-5", ())]


def test_language_must_be_served(lab):
    lab.edit(LAB_FILE, ('    language: "gpt-4"\n', ""))
    assert [(found.code, found.message) for found in lab.findings() if found.is_error] == [
        ("LM203", "missing key language in model_integration.primary_models")
    ]
