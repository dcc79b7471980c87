import pytest

from labmodels.config.schema import KINDS
from labmodels.config.schema.base import ENVIRONMENTS
from labmodels.errors import Usage
from labmodels.releases.candidate import Request, Tree, build
from labmodels.releases.content import canonical_values
from labmodels.releases.effective import Effective
from labmodels.releases.explain import explain
from labmodels.releases.switch import Wish, switch
from tests.labs import CODE_ANALYSIS, GPT4
from tests.releases.acting import KEY, deploy, store_of


def told(lab, key, environment="dev", *, domain=None, profile=None, release=None, environ=None):
    return explain(lab, store_of(lab, environment), key, domain=domain, profile=profile, release=release, environ=environ or {})


def layers(lab, key, environment="dev", **more):
    (one,) = told(lab, key, environment, **more)
    return [(origin.layer.name, origin.value) for origin in one.origins]


def place(origin):
    span = origin.layer.span_of(origin.path)
    return (span.path.name, span.line, span.column)


def same(value, raw, model, path):
    """Whether a value and what a file says of it are one: `raw`, put where it belongs, reads as `value`."""
    if value == raw and type(value) is type(raw):
        return True
    values = canonical_values(model)
    here = values
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = raw
    try:
        here = canonical_values(type(model).model_validate(values))
    except ValueError:
        return False
    for step in path:
        here = here[step]
    return here == value


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_leaf_of_the_starter_lab_names_an_origin_whose_value_is_the_value(lab, environment):
    content = build(Tree(lab), Request(environment), None, {})
    effective = Effective(content)
    count = 0
    for name in (*content.configs, *content.lab):
        of_config = name in content.configs
        kind = content.configs[name].kind if of_config else "lab"
        for one in told(lab, name, environment):
            assert one.origins, f"{one.key} comes from nowhere"
            values = content.values(name if of_config else "")
            if kind == "language_model":
                values = effective.values(name, None, effective.default_profile(None))
            model = KINDS[kind].model.model_validate(values)
            path = one.origins[0].path
            assert same(one.value, one.origins[0].value, model, path), f"{one.key} is {one.value}, not {one.origins[0].value}"
            count += 1
    assert count > 400


def test_a_released_lab_is_explained_from_its_own_copies(lab):
    deploy(lab)
    by_source = {one.key: one.value for name in store_of(lab).live().content.configs for one in told(lab, name)}
    for document in lab.configs.rglob("*.yaml"):
        document.unlink()
    lab.config_file.unlink()
    content = store_of(lab).live().content
    by_release = {one.key: one for name in content.configs for one in told(lab, name, release=1)}
    assert {key: one.value for key, one in by_release.items()} == by_source
    assert all(one.origins for one in by_release.values())
    name, line, _ = place(by_release[KEY].origins[0])
    assert (name, line > 1) == ("fast_response.yaml", True) or name == "gpt4_config.yaml"


def test_each_kind_of_layer_is_named_with_its_value_and_its_place_highest_first(lab):
    key = "gpt-4.parameters.max_output_tokens"
    lab.edit(GPT4, ("      seed: 7\n", "      seed: 7\n      max_output_tokens: 2222\n"))
    store = store_of(lab, "test")
    deploy(lab, environment="test", settings=(f"{key}=1111",))
    found = told(lab, key, "test", domain="summarization", release=1)[0]
    assert found.value == 1111
    assert [(origin.layer.name, origin.value) for origin in found.origins] == [
        ("--set", 1111),
        ("specialized model summarization", 2048),
        ("performance profile balanced", 4096),
        ("environment test", 2222),
        ("file", 2048),
        ("schema default", None),
    ]
    for origin in found.origins[1:5]:
        name, line, column = place(origin)
        path = next(path for path in lab.configs.rglob(name))
        assert path.read_text().splitlines()[line - 1][column - 1 :].startswith(str(origin.value))
    switch(store, Wish("high_accuracy", "summarization"))
    names = [name for name, _ in layers(lab, key, "test", domain="summarization", release=1)]
    assert names[1].startswith("switch to high_accuracy") and names[2] == "specialized model summarization"


def test_a_variable_of_the_shell_is_a_layer_of_its_own_name(lab):
    environ = {"LABMODELS__GPT_4__PARAMETERS__SEED": "4"}
    assert layers(lab, "gpt-4.parameters.seed", environ=environ) == [("LABMODELS__GPT_4__PARAMETERS__SEED", 4), ("schema default", None)]


def test_a_profile_that_is_asked_for_takes_the_place_of_the_default_one_above_the_domain(lab):
    names = [name for name, _ in layers(lab, "gpt-4.parameters.max_output_tokens", domain="summarization", profile="high_accuracy")]
    assert names[0].startswith("switch to high_accuracy")


def test_an_override_of_a_profile_is_seen_in_the_models_that_it_changes(lab):
    deploy(lab, settings=("fast_response.overlay.parameters.max_output_tokens=777",))
    assert layers(lab, "gpt-4.parameters.max_output_tokens", release=1)[0] == ("--set", 777)


def test_a_list_that_layers_merge_is_explained_item_by_item(lab):
    check = "\noutput_checks:\n  - {name: short, max_chars: 9000}\n  - {name: places_or_none, min_chars: 1}\n"
    lab.append(GPT4, check)
    found = {
        one.key: [(origin.layer.name, origin.value) for origin in one.origins]
        for one in told(lab, "gpt-4.output_checks", domain="code_analysis")
    }
    assert found["gpt-4.output_checks.0.max_chars"] == [("file", 9000), ("schema default", None)]
    assert found["gpt-4.output_checks.1.min_chars"] == [("file", 1), ("schema default", None)]
    assert found["gpt-4.output_checks.1.pattern"][0][0] == "specialized model code_analysis"
    assert found["gpt-4.output_checks.1.name"][0][0] == "specialized model code_analysis", "both say it; the higher one first"
    (one,) = told(lab, "gpt-4.output_checks.1.pattern", domain="code_analysis")
    assert place(one.origins[0])[0] == "code_analysis.yaml"
    assert not told(lab, "gpt-4.output_checks.1.pattern")[0].value, "the domain is what gives it"


def test_a_key_that_holds_dots_is_found(lab):
    lab.edit(GPT4, ("    reasoning_effort: none", "    reasoning.effort: {deep.er: 1}\n    reasoning: low"))
    (one,) = told(lab, "gpt-4.parameters.extra.reasoning.effort.deep.er")
    assert one.value == 1 and place(one.origins[0])[0] == "gpt4_config.yaml"
    assert [found.value for found in told(lab, "gpt-4.parameters.extra")] == [1, "low"]


def test_a_value_that_only_the_schema_gives_says_so(lab):
    assert layers(lab, "gpt-4.retries.max_backoff")[-1][0] == "schema default"
    assert layers(lab, "releases.keep", "production")[:2] == [("environment production", 50), ("file", 20)]


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("gpt4.parameters", "no config and no key of labmodels.yaml is called gpt4", "did you mean gpt-4?"),
        ("gpt-4.parametres", "there is no parametres", "did you mean parameters?"),
        ("gpt-4.parameters.temperature.x", "there is no parameters.temperature.x", "known: nothing"),
        ("gpt-4.environments.dev", "there is no environments", "known:"),
        ("code_analysis.overlay.output_checks.7", "there is no overlay.output_checks.7", "known: 0"),
        ("", "is called", "known:"),
    ],
)
def test_a_key_that_nothing_has_says_what_was_meant(lab, key, message, hint):
    with pytest.raises(Usage, match=message) as caught:
        told(lab, key)
    assert hint in caught.value.hint


def test_an_unknown_domain_profile_or_release_is_refused(lab):
    deploy(lab)
    for more, message in (
        ({"domain": "code_analisys"}, "no domain is called code_analisys"),
        ({"profile": "fast"}, "the profile fast is not released"),
        ({"release": 7}, "no release 7 in dev: kept are 1"),
    ):
        with pytest.raises(Usage, match=message):
            told(lab, KEY, **more)


def test_a_renamed_config_is_explained_by_the_file_that_it_was_released_from(lab):
    deploy(lab)
    lab.edit(CODE_ANALYSIS, ("name: code_analysis", "name: code_review"))
    (one,) = told(lab, "code_analysis.task", release=1)
    assert place(one.origins[0])[0] == "code_analysis.yaml"
