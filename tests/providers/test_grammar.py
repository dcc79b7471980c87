"""Whatever a model writes under the grammar of a schema is valid for it; random weights write nearly everything that it admits."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmodels.config.schema.language_model import LanguageModel, LocalWeights, Parameters
from labmodels.providers.grammar import Inexpressible, grammar_of
from labmodels.providers.llama_cpp import LlamaCpp
from labmodels.providers.protocol import Message, ProviderFault, Request
from labmodels.training.gguf import tiny_model


@pytest.fixture(scope="module")
def babbler(tmp_path_factory) -> LlamaCpp:
    path = tmp_path_factory.mktemp("grammar") / "tiny.gguf"
    tiny_model(path, seed=3)
    weights = LocalWeights(gguf=str(path), threads=1)
    return LlamaCpp(LanguageModel(name="m", provider="llama_cpp", model="tiny", context_tokens=2048, weights=weights))


def written(babbler: LlamaCpp, schema: object, seed: int, tokens: int = 400) -> str | None:
    """Return a complete text under the schema's grammar; None when the limit cut it."""
    sampled = Parameters(temperature=1.5, top_p=1.0, seed=seed, max_output_tokens=tokens, extra={"top_k": 0, "min_p": 0})
    answer = babbler.complete(Request((Message("user", "x"),), parameters=sampled, json_schema=schema))
    return answer.text if answer.finish == "stop" else None


SMALL = st.integers(0, 3)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
LEAVES = st.one_of(
    st.sampled_from(["null", "boolean", "integer", "number"]).map(lambda kind: {"type": kind}),
    st.tuples(SMALL, SMALL).map(lambda both: {"type": "string", "minLength": min(both), "maxLength": max(both)}),
    st.tuples(st.integers(-50, 50), SMALL).map(lambda pair: {"type": "integer", "minimum": pair[0], "maximum": sum(pair)}),
    st.just({"type": "integer", "minimum": 0, "title": "n", "default": 1}),
    st.just({"type": ["boolean", "null"]}),
    st.lists(st.one_of(NAMES, st.booleans(), st.integers(), st.none()), min_size=1, max_size=3).map(lambda values: {"enum": values}),
    st.one_of(NAMES, st.just({"a": ["\n", 1.5]})).map(lambda value: {"const": value}),
)


def composed(inner: st.SearchStrategy) -> st.SearchStrategy:
    bounds = st.tuples(SMALL, SMALL)
    properties = st.dictionaries(NAMES, inner, max_size=3)
    return st.one_of(
        st.tuples(inner, bounds).map(lambda it: {"type": "array", "items": it[0], "minItems": min(it[1]), "maxItems": max(it[1])}),
        st.lists(inner, min_size=1, max_size=2).map(lambda schemas: {"anyOf": schemas}),
        properties.flatmap(
            lambda found: st.sets(st.sampled_from(sorted(found) or [""])).map(
                lambda required: {
                    "type": "object",
                    "properties": found,
                    "required": sorted(required & set(found)),
                    "additionalProperties": False,
                }
            )
        ),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=st.recursive(LEAVES, composed, max_leaves=5), seed=st.integers(0, 1000))
def test_what_is_complete_parses_and_is_valid(babbler, schema, seed):
    text = written(babbler, schema, seed)
    if text is not None:
        jsonschema.validate(json.loads(text), schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "array"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"], "$defs": {"a": {"enum": ["x", "y"]}}},
        {  # the same name for a property and a definition that differ, and one that contains itself
            "type": "object",
            "properties": {"item": {"type": "boolean"}, "next": {"anyOf": [{"$ref": "#/$defs/item"}, {"type": "null"}]}},
            "required": ["item", "next"],
            "$defs": {"item": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/item"}, {"type": "null"}]}}}},
        },
        {"allOf": [{"type": "string", "maxLength": 3}]},
        {"oneOf": [{"const": 'a"\\\n'}, {"type": "null"}]},
    ],
)
def test_answers_of_random_weights_are_valid(babbler, schema):
    texts = [text for seed in range(40) if (text := written(babbler, schema, seed)) is not None]
    assert len(texts) > 10
    for text in texts:
        jsonschema.validate(json.loads(text), schema)


def test_every_choice_of_optional_members_can_be_written(babbler):
    members = {name: {"const": 1} for name in "abc"}
    schema = {"type": "object", "properties": members, "required": ["b"]}
    texts = [text for seed in range(60) if (text := written(babbler, schema, seed)) is not None]
    assert {"".join(json.loads(text)) for text in texts} == {"b", "ab", "bc", "abc"}
    schema = {"type": "object", "properties": {name: {"const": 1} for name in "ab"}}
    texts = [text for seed in range(150) if (text := written(babbler, schema, seed)) is not None]
    assert {"".join(json.loads(text)) for text in texts} == {"", "a", "b", "ab"}


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "pattern": "^a"}, "pattern"),
        ({"type": "number", "minimum": 0}, "minimum"),
        ({"type": "integer", "minimum": 3}, "from 3 to None"),
        ({"type": "integer", "minimum": 0, "maximum": 10**9}, "from 0 to 1000000000"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "properties": {"a": {}}, "minProperties": 1}, "minProperties"),
        ({"type": "object", "required": ["a"]}, "required a"),
        ({"not": {"type": "null"}}, "not"),
        ({"anyOf": [{"type": "null"}], "minLength": 3}, "minLength"),
        ({"allOf": [{"type": "null"}, {"type": "string"}]}, "allOf"),
        ({"$ref": "https://127.0.0.1/schema"}, "not in the schema"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "#"}, "straight to itself"),
        ({"anyOf": [{"type": "null"}, {"$ref": "#"}]}, "straight to itself"),
        ({"type": "string", "maxLength": 100_000}, "100000"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "from 3 to 2"),
        ({"enum": []}, "empty enum"),
        ({"const": "\ud800"}, "surrogate"),
        ({"const": float("nan")}, "no JSON Schema"),
        ({"type": "text"}, "type 'text'"),
        ({"properties": 7}, "no JSON Schema"),
        ({"type": "array", "items": False}, "nothing satisfies"),
    ],
)
def test_what_cannot_be_promised_is_refused_by_name(babbler, schema, named):
    with pytest.raises(Inexpressible, match=named):
        grammar_of(schema)
    with pytest.raises(ProviderFault, match=named) as caught:
        babbler.complete(Request((Message("user", "x"),), json_schema=schema))
    assert caught.value.error_class == "check_failed"


def test_a_schema_nested_without_end_is_refused():
    schema: dict = {"type": "null"}
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(Inexpressible):
        grammar_of(schema)
