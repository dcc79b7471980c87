"""Who is asked for a domain, in which order, and what is lost on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.config import chains
from labmodels.config.schema import KINDS

LAB, FALLBACK, MODEL, SPECIALIZED = (KINDS[kind].model for kind in ("lab", "fallback", "language_model", "specialized_model"))


def integration(primaries=None, order=(), enabled=True):
    block = {"primary_models": primaries or {"language": "first"}, "fallback_strategy": {"fallback_order": list(order), "enabled": enabled}}
    return LAB.model_validate({"model_integration": block}).model_integration


def fallback(**lists):
    return FALLBACK.model_validate({"name": "f", "chains": {name: {"candidates": list(links)} for name, links in lists.items()}})


def model(name, context=100, **capabilities):
    return MODEL.model_validate({"name": name, "provider": "openai", "model": "x", "context_tokens": context, "capabilities": capabilities})


def test_a_route_is_the_primary_and_then_the_order():
    assert chains.route(None, integration(order=["a", "b"]), None).candidates == ("first", "a", "b")
    assert chains.route("anything", integration(order=["a"]), None).candidates == ("first", "a")


def test_a_domain_has_its_own_primary_and_its_own_chain_which_wins_over_the_order():
    own = integration({"language": "first", "code": "coder"}, order=["z"])
    table = fallback(code=["a", "b"])
    assert chains.route("code", own, table).candidates == ("coder", "a", "b")
    assert chains.route("prose", own, table).candidates == ("first", "z")


def test_the_default_chain_holds_for_every_domain_without_one():
    table = fallback(default=["d"], code=["a"])
    assert chains.route("prose", integration(order=["z"]), table).candidates == ("first", "d")
    assert chains.route(None, integration(order=["z"]), table).candidates == ("first", "d")


def test_embeddings_is_no_primary_of_requests():
    assert chains.primary("embeddings", integration({"language": "first", "embeddings": "e/x"})) == "first"


def test_without_fallbacks_only_the_primary_is_asked():
    assert chains.route("code", integration(order=["a"], enabled=False), fallback(code=["b"])).candidates == ("first",)


def test_the_primary_is_not_asked_again():
    assert chains.route(None, integration(order=["a", "first", "b"]), None) == chains.Route(("first", "a", "b"))


def test_a_link_goes_on_with_another_chain_and_what_follows_comes_after_it():
    table = fallback(code=["a", "chain:prose", "z"], prose=["b", "a", "c"])
    assert chains.route("code", integration(), table) == chains.Route(("first", "a", "b", "c", "z"))


def test_a_link_back_is_a_cycle_and_the_rest_is_still_asked():
    table = fallback(code=["a", "chain:prose", "z"], prose=["chain:code", "b"])
    found = chains.route("code", integration(), table)
    assert found.candidates == ("first", "a", "b", "z")
    assert found.cycles == ("code -> prose -> code",)


def test_a_repetition_in_one_list_is_named():
    assert chains.route(None, integration(order=["a", "b", "a"]), None).repeated == ("a",)


NAMES = st.sampled_from(["p", "q", "r"])
LINKS = st.lists(NAMES | NAMES.map("chain:{}".format) | st.sampled_from(["m1", "m2", "m3"]), min_size=1, max_size=4)


@given(st.dictionaries(NAMES, LINKS, min_size=1), NAMES)
def test_every_route_ends_and_asks_each_model_once(lists, domain):
    found = chains.route(domain, integration(), fallback(**lists))
    assert found.candidates[0] == "first"
    assert len(set(found.candidates)) == len(found.candidates)
    assert not any(name.startswith("chain:") for name in found.candidates)


def test_domains_are_those_with_a_primary_a_chain_or_a_specialised_model():
    own = integration({"language": "first", "code": "coder", "embeddings": "e/x"})
    assert chains.domains(own, fallback(default=["a"], prose=["a"]), {"tables": None}) == ("code", "prose", "tables")


def test_a_loss_is_what_the_upper_model_can_and_the_lower_cannot():
    strong, weak = model("strong", 200, tools=True, vision=True), model("weak", 100, tools=True, json_schema=True)
    assert chains.losses(weak, strong) == ["vision", "context_tokens"]
    assert chains.losses(strong, weak) == ["json_schema"]
    assert chains.losses(strong, strong) == []


def test_a_shortfall_is_what_a_domain_requires_and_the_model_cannot():
    requires = SPECIALIZED.model_validate(
        {"name": "s", "domain": "d", "task": "translation", "requires": {"tools": True, "vision": True, "context_tokens": 101}}
    ).requires
    assert chains.shortfalls(model("m", 100, tools=True), requires) == ["vision", "context_tokens"]
    assert chains.shortfalls(model("m", 101, tools=True, vision=True), requires) == []


def test_built_in_and_announced_models_need_no_config():
    assert chains.is_known_name("basic_nlp")
    assert chains.is_known_name("custom/code_reviewer")
    assert not chains.is_known_name("custom/other")
    assert not chains.is_known_name("gpt-4")
