import pytest

from labmodels.releases.candidate import Request, Tree, build
from labmodels.releases.content import LAB, Content, Override
from labmodels.releases.effective import Choice, Effective, check


@pytest.fixture
def content(lab):
    return build(Tree(lab), Request("dev"), None, {})


def with_override(content, config, value, *path):
    return Content(content.lab, content.configs, (*content.overrides, Override("--set", config, path, value)), content.sources)


def tokens(content, domain, choice):
    return Effective(content).language_model("gpt-4", domain, choice).parameters.max_output_tokens


def test_the_layers_lie_in_their_order_and_a_switch_goes_over_the_domain(content):
    plain = Choice("high_accuracy", "", is_switch=False)
    own = Effective(content)
    of_profile = content.values("high_accuracy")["overlay"]["parameters"]["max_output_tokens"]
    assert own.language_model("gpt-4", None, Choice(None, "", is_switch=False)).parameters.max_output_tokens == 2048
    assert tokens(content, None, plain) == of_profile != 2048
    assert tokens(content, "summarization", plain) == 2048
    assert tokens(content, "summarization", plain._replace(is_switch=True)) == of_profile
    changed = with_override(content, "gpt-4", 99, "parameters", "max_output_tokens")
    for is_switch in (True, False):
        assert tokens(changed, "summarization", plain._replace(is_switch=is_switch)) == 99, "what is set by hand goes over all"


def test_the_released_starter_lab_is_sound_in_every_environment(lab):
    tree = Tree(lab)
    for environment in ("dev", "test", "production"):
        assert check(build(tree, Request(environment), None, {})) == []


def test_what_cannot_be_used_is_found_with_the_combination_in_which(content):
    assert check(with_override(content, LAB, 0, "releases", "keep"))[0].startswith("labmodels.yaml: releases.keep: ")
    assert check(with_override(content, "gpt-4", 9, "parameters", "temperature"))[0].startswith("gpt-4: parameters.temperature: ")
    assert check(with_override(content, "gpt-4", 5, "parameters"))[0].startswith("gpt-4: a scalar is laid over the map")
    problems = check(with_override(content, "balanced", 900000, "overlay", "parameters", "max_output_tokens"))
    assert problems[0].startswith("claude under balanced for any domain: parameters.max_output_tokens is 900000")


def test_only_language_models_can_be_asked(content):
    effective = Effective(content)
    for name in ("balanced", "nobody", "code_analysis"):
        assert effective.language_model(name, None, Choice(None, "", is_switch=False)) is None


def test_domains_find_their_profile_their_index_and_their_task(content):
    effective = Effective(content)
    assert effective.default_profile("code_analysis") == Choice("balanced", "profile of domain code_analysis", is_switch=False)
    assert effective.default_profile("nothing") == Choice("fast_response", "default profile", is_switch=False)
    assert effective.specialized("summarization").domain == "summarization" and effective.specialized(None) is None
    assert effective.index("knowledge_base") is not None and effective.index("nothing") is None
