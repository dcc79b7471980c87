"""What Pydantic refuses, as findings: the code, the place, what was probably meant, and which layer is to blame."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from labmodels.config.faults import Context, conflict, diagnose, shown
from labmodels.config.layers import Layer, MergeConflict
from labmodels.config.reader import parse
from labmodels.config.schema import KINDS
from tests.labs import BALANCED, CODE_ANALYSIS, GPT4, LAB_FILE, MODEL, EditedLab, read_back
from tests.labs import lines_of as lines

BASE = MODEL.format(name="m")


def findings(text, kind="language_model"):
    """Return the findings of one file that holds `text`."""
    source = parse(Path("m.yaml"), text)
    assert source.diagnostics == []
    model = KINDS[kind].model
    try:
        model.model_validate(source.data)
    except ValidationError as error:
        return source, diagnose(error, Context(model, [Layer("file", source.data, source)], source.data))
    return source, []


# The line added to a valid model -> code, the text at the place, a part of the message, the text of the edit.
WRONG = {
    "tempo: 1": ("LM202", "tempo", "unknown key tempo", None),
    "timeout: {total: 5 s}": ("LM202", "timeout", "unknown key timeout", "timeouts"),
    "parameters: {temprature: 1}": ("LM202", "temprature", "unknown key parameters.temprature", "temperature"),
    "parameters: {temprature: 1, temperature: 1}": ("LM202", "temprature", "unknown key parameters.temprature", None),
    "prices: {input: $1 / 1M tokens}": ("LM203", "prices", "missing key output in prices", None),
    'parameters: {temperature: "0.2"}': ("LM204", '"0.2"', 'parameters.temperature is "0.2", which is text', "0.2"),
    'parameters: {seed: "010"}': ("LM204", '"010"', 'parameters.seed is "010"', None),
    'parameters: {seed: "1_000"}': ("LM204", '"1_000"', 'parameters.seed is "1_000"', None),
    "parameters: {seed: 1.5}": ("LM204", "1.5", "parameters.seed is 1.5: expected a whole number", None),
    "parameters: {seed: true}": ("LM204", "true", "parameters.seed is true: expected a whole number", None),
    "parameters: {stop: [a, 3.10]}": ("LM204", "3.10", "parameters.stop[1] is 3.1: expected text", '"3.10"'),
    "parameters: {stop: x}": ("LM204", "x", 'parameters.stop is "x": expected a list', None),
    "parameters: [1]": ("LM204", "[1]", "parameters is a list: expected a map", None),
    "capabilities: {tools: maybe}": ("LM204", "maybe", 'capabilities.tools is "maybe": expected true or false', None),
    "owner: null": ("LM204", "null", "owner is null: expected text", None),
    "description: 2": ("LM204", "2", "description is 2: expected text", '"2"'),
    "parameters: {temperature: 3}": ("LM205", "3", "parameters.temperature is 3", None),
    "parameters: {temperature: .nan}": ("LM205", ".nan", "parameters.temperature is nan", None),
    "parameters: {stop: [a, b, c, d, e]}": ("LM205", "[a, b, c, d, e]", "parameters.stop has 5 items", None),
    "max_output_tokens: 0": ("LM205", "0", "max_output_tokens is 0", None),
    "timeouts: {total: 60}": ("LM206", "60", "timeouts.total is 60: expected a duration with its unit", None),
    "timeouts: {total: 5 parsecs}": ("LM206", "5 parsecs", 'timeouts.total is "5 parsecs"', None),
    "budgets: {day: 5}": ("LM206", "5", "budgets.day is 5: expected an amount in US dollars", None),
    "prices: {input: $1, output: $1 / 1M tokens}": ("LM206", "$1", 'prices.input is "$1": expected a price', None),
    "kind: langage_model": ("LM207", "langage_model", 'kind is "langage_model"', "language_model"),
    "environments: {prod: {}}": ("LM207", "prod", "environments has the key prod", None),
    "base_url: ftp://x": ("LM208", "ftp://x", "base_url is", None),
    "name: Big Model": ("LM208", "Big Model", 'name is "Big Model", which has the wrong format', None),
    "timeouts: {connect: 10 s, total: 5 s}": ("LM209", "10 s", "timeouts.connect is longer than timeouts.total", None),
    "budgets: {request: $2, day: $1}": ("LM209", "$2", "budgets.request is above budgets.day", None),
    "output_checks: [{name: x, pattern: '('}]": ("LM209", "'('", "pattern is no regular expression", None),
    "output_checks: [{name: x, min_chars: 3, max_chars: 2}]": ("LM209", "3", "min_chars is above max_chars", None),
    "parameters: {max_output_tokens: 300000}": ("LM209", "300000", "parameters.max_output_tokens is 300000, but", None),
    "environments: {dev: {name: other}}": ("LM202", "name", "an environment cannot change the name of a file", None),
    "environments: {dev: {kind: fallback, environments: {}}}": ("LM202", "kind", "change the kind and environments of", None),
    "credentials: {api_key: env:NOT-A-NAME}": ("LM403", "env:NOT-A-NAME", "credentials.api_key is not a reference to a secret", None),
}  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_a_fault_has_its_code_its_place_and_its_safe_edit(line):
    code, text, message, edit = WRONG[line]
    key = line.partition(":")[0]
    rest = "".join(f"{kept}\n" for kept in BASE.splitlines() if not kept.startswith(f"{key}:"))
    source, (found,) = findings(f"{rest}{line}\n")
    assert (found.code, source.text_at(found.span)) == (code, text)
    assert message in found.message
    assert [change.replacement for change in found.edits] == ([edit] if edit else [])
    assert all(change.span == found.span for change in found.edits)


def test_everything_that_is_wrong_is_reported_at_once():
    _, found = findings(BASE + "tempo: 1\nowner: 3\ntimeouts: {total: 1}\nparameters: {top_p: 7}\nbase_url: x\n")
    assert sorted(one.code for one in found) == ["LM202", "LM204", "LM205", "LM206", "LM208"]


def test_the_hint_of_an_unknown_key_is_what_was_probably_meant_or_what_is_allowed():
    _, (close,) = findings(BASE + "timeout: {}\n")
    _, (far,) = findings(BASE + "retries: {zzz: 1}\n")
    assert close.help == "did you mean timeouts?"
    assert far.help == "allowed here: attempts, backoff, max_backoff"


def test_a_url_with_a_password_is_not_repeated():
    _, (found,) = findings(BASE + "base_url: https://someone:hunter2@models.lab.example/v1\n")
    assert "hunter2" not in repr(found)


def test_values_are_shown_short_and_never_a_secret():
    assert shown("x" * 100) == '"' + "x" * 57 + '..."'
    assert shown("sk-proj-A1b2C3d4E5f6G7h8I9j0K1l2") == "a text that looks like a secret"
    assert [shown(value) for value in (None, True, False, 0, {}, [1])] == ["null", "true", "false", "0", "a map", "a list"]


def test_a_fault_of_a_layer_that_is_no_file_is_named_by_the_layer():
    model = KINDS["language_model"].model
    values = {"kind": "language_model", "name": "m", "provider": "openai", "model": "x", "context_tokens": -1}
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    (found,) = diagnose(caught.value, Context(model, [Layer("--set", values)], values))
    assert found.span.path == Path("--set")
    assert found.edits == ()
    assert conflict(MergeConflict(("x",), "no"), [Layer("--set", values)]).span.path == Path("--set")


# -- after merging -------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


def only(lab, *names):
    found = lab.findings(*names)
    assert len(found) == 1, lines(found)
    return found[0]


def told(diagnostic):
    return [(note.message, note.span and (note.span.path.name, note.span.line)) for note in diagnostic.notes]


def test_a_value_that_an_environment_makes_wrong_is_reported_in_its_overlay_with_what_it_shadows(lab):
    lab.edit(GPT4, ("      temperature: 0 ", "      temperature: 9 "))
    found = only(lab)
    assert (found.code, found.span.path.name, read_back(found), found.combinations) == ("LM205", "gpt4_config.yaml", "9", ("test",))
    assert told(found) == [("set by environment test", None), ("shadows 0.2 of file", ("gpt4_config.yaml", 30))]


def test_a_file_that_only_an_overlay_repairs_is_wrong_elsewhere(lab):
    lab.edit(GPT4, ("  temperature: 0.2 ", "  temperature: 9 "))
    assert only(lab).combinations == ("dev", "production")


def test_a_value_that_a_profile_makes_wrong_is_one_finding_in_the_profile_for_all_models_and_combinations(lab):
    lab.edit(BALANCED, ("max_output_tokens: 4096", "max_output_tokens: 500000"))
    (found,) = lab.found("LM209")
    assert (found.span.path.name, read_back(found), found.more) == ("balanced.yaml", "500000", 2)
    assert told(found)[0] == ("set by performance profile balanced", None)
    assert told(found)[1][0] == "shadows 4096 of file"
    assert told(found)[2][0] == "in language model claude"
    assert "profile balanced" in found.combinations
    assert "domain summarization switched to profile balanced" in found.combinations
    assert "profile balanced for domain summarization" not in found.combinations  # the domain's own limit lies over it


def test_a_value_that_one_environment_of_a_profile_makes_wrong_names_that_environment(lab):
    lab.append(BALANCED, "environments:\n  test:\n    overlay:\n      timeouts: {total: 1 s}\n")
    (found,) = lab.findings()
    assert found.span.path.name == "balanced.yaml"
    assert read_back(found) == "1 s"
    assert all(named.startswith("test with ") for named in found.combinations)
    assert told(found)[0] == ("set by performance profile balanced in test", None)


def test_a_value_that_a_domain_makes_wrong_is_reported_in_the_specialised_model(lab):
    lab.edit(CODE_ANALYSIS, ("overlay:\n", "overlay:\n  parameters: {max_output_tokens: 40000}\n"))
    (found,) = lab.found("LM209")
    assert (found.span.path.name, read_back(found)) == ("code_analysis.yaml", "40000")
    assert told(found)[0] == ("set by specialized model code_analysis", None)
    assert "domain code_analysis" in found.combinations


@pytest.mark.parametrize(("below", "above"), [("{x: 1}", "3"), ("3", "{x: 1}")])
def test_layers_of_different_shape_are_one_finding_that_shows_both(lab, below, above):
    lab.edit(
        GPT4,
        ("    reasoning_effort: none", f"    thing: {below}"),
        ("    parameters:\n", f"    parameters:\n      extra: {{thing: {above}}}\n"),
    )
    found = only(lab)
    assert (found.code, found.combinations, read_back(found)) == ("LM210", ("test",), above)
    assert told(found) == [("the layer below is here", ("gpt4_config.yaml", 33))]


def test_a_conflict_hides_nothing_else_and_leaves_other_findings_everywhere(lab):
    lab.edit(
        GPT4,
        ("provider: openai", "provider: openai\nsize: 3"),
        ("  production:\n    budgets:\n", "  production:\n    budgets: 3\n    retries: 4\n    owner: 1\n    x:\n"),
    )
    found = {(one.code, one.message): one.combinations for one in lab.findings()}
    assert found == {
        ("LM202", "unknown key size"): (),
        ("LM204", "owner is 1: expected text"): ("production",),
        ("LM202", "unknown key x"): ("production",),
        ("LM210", "a scalar is laid over the map budgets"): ("production",),
        ("LM210", "a scalar is laid over the map retries"): ("production",),
    }


def test_an_environment_may_delete_what_the_file_gives(lab):
    lab.edit(GPT4, ("    parameters:\n      temperature: 0 ", "    tuning_model: !delete\n    parameters:\n      temperature: !delete "))
    assert lines(lab.findings()) == []


def test_a_delete_of_nothing_is_reported_where_it_stands(lab):
    lab.edit(GPT4, ("      temperature: 0 ", "      tempo: !delete "))
    found = only(lab)
    assert (found.code, found.combinations, read_back(found)) == ("LM211", ("test",), "!delete")


def test_an_overlay_that_deletes_is_told_to_write_null(lab):
    lab.edit(BALANCED, ("max_output_tokens: 4096", "max_output_tokens: !delete"))
    assert "write null" in only(lab).help


def test_a_reference_that_shadows_a_literal_secret_does_not_show_it(lab):
    lab.edit(
        GPT4,
        ("api_key: env:OPENAI_API_KEY", "api_key: hunter2hunter2"),
        ("  dev:\n", "  dev:\n    credentials: {api_key: env:not-a-name}\n"),
    )
    assert "hunter2" not in repr(lab.validate().diagnostics)


def test_an_empty_lab_file_lacks_its_block_at_its_own_place(lab):
    lab.write(LAB_FILE, "{}\n")
    (found,) = lab.findings()
    assert (found.code, found.span.path, found.notes) == ("LM203", lab.config_file, ())
