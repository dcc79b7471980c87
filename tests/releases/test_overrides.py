import pytest

from labmodels.errors import Usage
from labmodels.releases.content import LAB
from labmodels.releases.overrides import from_arguments, from_environ, parse_value
from tests.labs import GPT4
from tests.releases.acting import KEY, deploy, live_value, planned, store_of

CONFIGS = ("gpt-4", "local_llm", "fallback")
TOP = ("kind", "name", "releases", "model_integration", "environments")


@pytest.mark.parametrize(
    ("setting", "config", "path", "value"),
    [
        ("gpt-4.parameters.temperature=0.2", "gpt-4", ("parameters", "temperature"), 0.2),
        ("releases.keep=5", LAB, ("releases", "keep"), 5),
        ("gpt-4.parameters.stop=[a, b]", "gpt-4", ("parameters", "stop"), ["a", "b"]),
        ("gpt-4.prices=null", "gpt-4", ("prices",), None),
        ("gpt-4.description=a=b", "gpt-4", ("description",), "a=b"),
        ("gpt-4.owner=", "gpt-4", ("owner",), None),
        ('gpt-4.owner=""', "gpt-4", ("owner",), ""),
    ],
)
def test_a_setting_names_a_config_or_a_key_of_the_lab_and_a_yaml_value(setting, config, path, value):
    (found,) = from_arguments([setting], CONFIGS, TOP)
    assert (found.layer, found.config, found.path, found.value) == ("--set", config, path, value)
    assert found.key == setting.partition("=")[0]


@pytest.mark.parametrize("setting", ["gpt-4.parameters.temperature", "=1", "gpt-4..x=1", ".x=1", ""])
def test_what_is_no_setting_is_refused_with_an_example(setting):
    with pytest.raises(Usage, match="is not KEY=VALUE"):
        from_arguments([setting], CONFIGS, TOP)


def test_a_setting_of_nothing_known_says_what_was_meant():
    with pytest.raises(Usage, match="sets a key of gpt4") as caught:
        from_arguments(["gpt4.parameters.temperature=1"], CONFIGS, TOP)
    assert caught.value.hint == "did you mean gpt-4?"


@pytest.mark.parametrize(
    "setting", ["gpt-4.name=other", "gpt-4.kind=fallback", "gpt-4.environments.dev.owner=me", "kind=lab", "environments={}"]
)
def test_what_says_which_file_it_is_cannot_be_set(setting):
    with pytest.raises(Usage, match="which says what a file is"):
        from_arguments([setting], CONFIGS, TOP)


def test_the_name_of_the_lab_can_be_set():
    assert from_arguments(["name=mine"], CONFIGS, TOP)[0].value == "mine"


@pytest.mark.parametrize("text", ["sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F", "Bearer abcdefgh12345678ijklmnop"])
def test_what_looks_like_a_secret_is_refused_and_not_repeated(text):
    with pytest.raises(Usage) as caught:
        from_arguments([f"gpt-4.credentials.api_key={text}"], CONFIGS, TOP)
    assert text not in str(caught.value) + caught.value.hint
    with pytest.raises(Usage) as caught:
        from_environ({"LABMODELS__GPT_4__CREDENTIALS__API_KEY": text}, CONFIGS, TOP)
    assert text not in str(caught.value) + caught.value.hint


def test_variables_find_names_in_any_case_and_come_in_the_order_of_their_names():
    found = from_environ(
        {"LABMODELS__RELEASES__KEEP": "7", "LABMODELS__GPT_4__PARAMETERS__SEED": "1", "LABMODELS_ENV": "dev", "PATH": "/bin"}, CONFIGS, TOP
    )
    assert [(one.layer, one.config, one.path, one.value) for one in found] == [
        ("LABMODELS__GPT_4__PARAMETERS__SEED", "gpt-4", ("parameters", "seed"), 1),
        ("LABMODELS__RELEASES__KEEP", LAB, ("releases", "keep"), 7),
    ]


@pytest.mark.parametrize("variable", ["LABMODELS__", "LABMODELS__GPT_4__", "LABMODELS__NOWHERE__X", "LABMODELS__GPT_4"])
def test_a_variable_of_nothing_known_is_refused_by_its_name(variable):
    with pytest.raises(Usage, match=variable):
        from_environ({variable: "1"}, CONFIGS, TOP)


def test_a_value_is_read_by_yaml_1_2():
    assert [parse_value(text) for text in ("010", "on", "1e3", "0x10", "~", '"1"', "[1, {a: b}]")] == [
        10, "on", 1000.0, 16, None, "1", [1, {"a": "b"}],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[1", '"a', "{a: !delete}", "{a: 1, a: 2}"])
def test_a_value_that_is_no_yaml_is_refused(text):
    with pytest.raises(Usage, match="is not a YAML value"):
        parse_value(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gpt-4.parametres.temperature=1", "--set gpt-4.parametres.temperature makes gpt-4 invalid: unknown key parametres"),
        (f"{KEY}=9", f"--set {KEY} makes gpt-4 invalid: parameters.temperature is 9"),
        ("gpt-4.parameters=5", "--set gpt-4.parameters does not fit gpt-4"),
        ("model_integration.primary_models=x", "does not fit labmodels.yaml"),
        ("gpt-4.output_checks.0.name=x", "does not fit gpt-4"),
    ],
)
def test_an_override_that_does_not_fit_is_named_with_its_key(lab, setting, message):
    with pytest.raises(Usage, match=message.replace(".", r"\.")):
        planned(lab, settings=(setting,))


def test_a_later_setting_wins_and_a_setting_wins_over_a_variable(lab):
    environ = {"LABMODELS__GPT_4__PARAMETERS__TEMPERATURE": "0.1", "LABMODELS__GPT_4__PARAMETERS__SEED": "5"}
    deploy(lab, settings=("gpt-4.parameters={temperature: 0.2, top_p: 0.5}", f"{KEY}=0.3"), environ=environ)
    assert [live_value(lab, f"gpt-4.parameters.{key}") for key in ("temperature", "top_p", "seed")] == [0.3, 0.5, 5]
    layers = {override.key: override.layer for override in store_of(lab).live().content.overrides}
    assert layers[KEY] == "--set" and layers["gpt-4.parameters.seed"] == "LABMODELS__GPT_4__PARAMETERS__SEED"


def test_what_a_later_setting_hides_has_no_part_in_the_digest(lab):
    deploy(lab, settings=("gpt-4.prices=null",))
    assert planned(lab, settings=("gpt-4.prices.cache_read=$1 / 1M tokens", "gpt-4.prices=null")).is_empty
    assert not planned(lab, settings=("gpt-4.prices=null", "gpt-4.prices={input: $1 / 1M tokens, output: $1 / 1M tokens}")).is_empty


def test_what_was_set_stays_until_its_file_is_deployed_again(lab):
    deploy(lab, settings=(f"{KEY}=0.9", "claude.parameters.temperature=0.8"))
    deploy(lab, GPT4)
    assert (live_value(lab), live_value(lab, "claude.parameters.temperature")) == (0.2, 0.8)
    deploy(lab)
    assert live_value(lab, "claude.parameters.temperature") != 0.8


@pytest.mark.parametrize(
    "setting",
    [
        "model_integration.primary_models.language=gpt4",
        "model_integration.primary_models={language: gpt4}",
        "model_integration.fallback_strategy.fallback_order=[claude, gpt4]",
    ],
)
def test_a_model_that_no_config_has_is_refused_with_the_nearest(lab, setting):
    with pytest.raises(Usage, match="no config is called gpt4") as caught:
        planned(lab, settings=(setting,))
    assert caught.value.hint == "did you mean gpt-4?"


def test_a_model_that_is_built_in_or_declared_may_be_named(lab):
    settings = ("model_integration.primary_models.language=local_llm", "model_integration.primary_models.summarization=basic_nlp")
    plan = planned(lab, settings=(*settings, "model_integration.fallback_strategy.failure_threshold=5"))
    assert plan.flat["model_integration.primary_models.language"] == "local_llm"
