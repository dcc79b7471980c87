"""The exported schemas agree with the models they are made from."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from labmodels.config.json_schema import export, export_all
from labmodels.config.schema import KINDS
from labmodels.errors import Usage

REPOSITORY = Path(__file__).resolve().parents[2]
OVERLAY = {
    "parameters": {
        "temperature": 0.2,
        "top_p": 1,
        "max_output_tokens": 2048,
        "seed": 7,
        "stop": ["END"],
        "extra": {"reasoning_effort": "none"},
    },
    "timeouts": {"connect": "5 seconds", "first_token": "30 s", "between_tokens": "500 ms", "total": "2 min", "least_tokens_per_second": 2},
    "retries": {"attempts": 2, "backoff": "500 ms", "max_backoff": "1m 30s"},
    "rate_limits": {"requests_per_minute": 500, "tokens_per_minute": None},
    "budgets": {"request": "$0.10", "day": "20 USD", "month": None},
    "output_checks": [{"name": "is-json", "pattern": None, "json_schema": {"type": "object"}, "min_chars": 1, "max_chars": 100}],
}
PRICES = {"input": "$2.50 / 1M tokens", "output": "10 USD per 1K tokens", "cache_read": None, "cache_write": "$0.1 / 1m token"}
COMMON = {"description": "For tests.", "owner": "ops"}
DOCUMENTS = {
    "lab": {
        "kind": "lab",
        "name": "a lab",
        **COMMON,
        "default_environment": "dev",
        "default_profile": "balanced",
        "releases": {"keep": 20},
        "ledger": {"store_prompts": False},
        "model_integration": {
            "primary_models": {
                "language": "gpt-4",
                "code_analysis": "custom/code_reviewer",
                "embeddings": "text_embeddings/knowledge_base",
            },
            "fallback_strategy": {
                "enabled": True,
                "fallback_order": ["claude", "custom/x", "basic_nlp"],
                "failure_threshold": 3,
                "cooldown": "30 s",
            },
            "performance_monitoring": {
                "enabled": False,
                "metrics": ["latency", "accuracy"],
                "alert_thresholds": {"latency": "5 seconds", "accuracy": "85%", "cost_per_request": "$0.10"},
            },
        },
    },
    "language_model": {
        "kind": "language_model",
        "name": "gpt-4",
        **COMMON,
        "provider": "llama_cpp",
        "model": "gpt-6-luna",
        "base_url": None,
        "credentials": {"api_key": "env:OPENAI_API_KEY"},
        "local": False,
        "region": "eu",
        "weights": {"gguf": "models/tiny.gguf", "threads": 2, "gpu_layers": 0},
        "context_tokens": 200000,
        "max_output_tokens": None,
        "capabilities": {"tools": True, "json_schema": True, "streaming": True, "vision": False},
        "prices": PRICES,
        "tuning_model": None,
        **OVERLAY,
    },
    "fallback": {
        "kind": "fallback",
        "name": "fallback_config",
        **COMMON,
        "decisions": {"rate_limited": "retry", "refusal": "fail"},
        "may_drop": ["vision"],
        "after_output": "restart",
        "chains": {"code_analysis": {"candidates": ["claude", "chain:documentation"], "may_drop": [], "order": "measured"}},
    },
    "specialized_model": {
        "kind": "specialized_model",
        "name": "reviewer",
        **COMMON,
        "domain": "code_analysis",
        "task": "code_analysis",
        "system_prompt": "Review.",
        "requires": {
            "tools": True,
            "json_schema": False,
            "streaming": False,
            "vision": False,
            "context_tokens": 8000,
            "local_only": False,
            "regions": ["eu"],
        },
        "profile": None,
        "retrieve": {"domains": ["code"], "passages": 5},
        "rate_limits": OVERLAY["rate_limits"],
        "budgets": OVERLAY["budgets"],
        "split": {"name": "trial", "control": "gpt-4", "candidate": "custom/x", "share": "10%"},
        "cache": {"keep": "1h"},
        "overlay": OVERLAY,
    },
    "embedding_model": {
        "kind": "embedding_model",
        "name": "text_embeddings",
        **COMMON,
        "provider": "openai",
        "model": "small",
        "base_url": "env:EMBEDDINGS_URL",
        "credentials": {"api_key": "keyring:labmodels/openai"},
        "dimensions": 384,
        "max_tokens": 512,
        "modalities": ["text", "image"],
        "normalize": True,
        "pooling": "mean",
        "prompts": {"query": "query: ", "document": ""},
        "batch_size": 64,
        "precision": "auto",
        "rate_limits": {"requests_per_minute": 1},
        "prices": PRICES,
        "domains": {
            "documentation": {
                "group": "text",
                "sources": ["docs/**"],
                "exclude": [],
                "chunker": "markdown",
                "max_chunk_tokens": 200,
                "description": "",
            }
        },
    },
    "semantic_search": {
        "kind": "semantic_search",
        "name": "search",
        **COMMON,
        "mode": "hybrid",
        "results": 10,
        "fusion": {"lexical": 0.3, "dense": 0.7},
        "domain_weights": {"code": {"lexical": 0.5, "dense": 0.5}},
        "reranker": "models/reranker",
        "synonyms": {"rollback": ["revert"]},
    },
    "performance_profile": {
        "kind": "performance_profile",
        "name": "high_accuracy",
        **COMMON,
        "weights": {"cost": 0.25, "latency": 0.25, "quality": 0.5},
        "demand": {"requests_per_minute": 60, "tokens_per_minute": 1000},
        "overlay": OVERLAY,
    },
}
SCHEMAS = {kind: export(kind) for kind in KINDS}
VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}

kinds = st.sampled_from(sorted(KINDS))
texts = st.sampled_from([
    "", "a", "gpt-4", "custom/x", "custom/custom/x", "a/b", "A b", "chain:x", "retry", "latency", "text", "dev", "hybrid",
    "https://x", "https://u:p@x", "env:X", "env:X-Y", "file:/run/key", "keyring:a/b", "sk-abc",
    "5 seconds", "5 SECONDS", "5", "5 parsecs", "0 s", "0.0 min", "1h 30m", "85%", "100%", "100.01%", "101 %", "099 %",
    "$0.10", "1 usd", "1 USD", "$-1", "$1 / 1M tokens", "1 usd PER 1k Token", "$1/1G tokens",
])  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 5000), st.sampled_from([0.5, 1.5, -0.5, 2.01]), texts)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=4)


def paths(node, path=()):
    """Yield the path of every value of a document below its top."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in below:
        yield (*path, key)
        yield from paths(value, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def model_refuses(kind, document):
    """Whether the model refuses for a reason that a schema can state."""
    try:
        KINDS[kind].model.model_validate(document)
    except ValidationError as error:
        return {detail["type"] for detail in error.errors(include_url=False)} - {"contradiction"}
    return set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_with_every_key_is_valid_in_both(kind):
    assert VALIDATORS[kind].is_valid(DOCUMENTS[kind])
    KINDS[kind].model.model_validate(DOCUMENTS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_this_test_use_every_key_of_their_schema(kind):
    assert set(SCHEMAS[kind]["properties"]) - {"environments"} == set(DOCUMENTS[kind])


@given(st.data(), kinds)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_document_is_refused_by_the_schema_exactly_when_the_model_refuses_it(data, kind):
    document = copy.deepcopy(DOCUMENTS[kind])
    path = data.draw(st.sampled_from([path for path in paths(document) if path != ("kind",)]))
    parent = at(document, path[:-1])
    match data.draw(st.sampled_from(["set", "remove", "add"])):
        case "set":
            parent[path[-1]] = data.draw(values)
        case "remove":
            del parent[path[-1]]
        case "add" if isinstance(parent, dict):
            parent[data.draw(texts)] = data.draw(values)
        case "add":
            parent.append(data.draw(values))
    refused = model_refuses(kind, document)
    assert VALIDATORS[kind].is_valid(document) == (not refused), (document, refused)


@given(st.data(), kinds)
@settings(max_examples=150, deadline=None)
def test_any_part_of_a_document_is_a_valid_overlay_of_an_environment(data, kind):
    def part_of(node):
        if not isinstance(node, dict):
            return node
        kept = data.draw(st.lists(st.sampled_from(sorted(node)), unique=True)) if node else []
        return {key: part_of(node[key]) for key in kept}

    overlay = part_of({key: value for key, value in DOCUMENTS[kind].items() if key not in ("kind", "name")})
    document = {**DOCUMENTS[kind], "environments": {"production": overlay}}
    assert [error.message for error in VALIDATORS[kind].iter_errors(document)] == []


@pytest.mark.parametrize(
    ("environments", "is_valid"),
    [
        ({"dev": {}, "test": {}, "production": {}}, True),
        ({"staging": {}}, False),
        ({"dev": {"prices": {"cache_read": "$1 / 1M tokens"}}}, True),
        ({"dev": {"prices": None}}, True),
        ({"dev": {"context_tokens": None}}, False),
        ({"dev": {"parameters": {"temprature": 0.2}}}, False),
        ({"dev": {"parameters": {"temperature": 3}}}, False),
        ({"dev": {"timeouts": {"total": 60}}}, False),
        ({"dev": {"name": "other"}}, False),
        ({"dev": {"kind": "language_model"}}, False),
        ({"dev": {"environments": {}}}, False),
        ({"dev": {"output_checks": [{"max_chars": 10}]}}, False),
    ],
)
def test_an_overlay_leaves_keys_out_but_takes_no_other_ones_and_no_other_types(environments, is_valid):
    document = {**DOCUMENTS["language_model"], "environments": environments}
    assert VALIDATORS["language_model"].is_valid(document) is is_valid


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_says_its_kind_and_labmodels_yaml_need_not(kind):
    document = {key: value for key, value in DOCUMENTS[kind].items() if key != "kind"}
    assert VALIDATORS[kind].is_valid(document) is (kind == "lab")
    assert not VALIDATORS[kind].is_valid({**document, "kind": "other"})


@pytest.mark.parametrize("word", ["yes", "on", "true"])
def test_a_flag_is_true_or_false_in_the_schema(word):
    document = {**DOCUMENTS["language_model"], "local": word}
    assert not VALIDATORS["language_model"].is_valid(document)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_by_its_own_dialect_and_says_what_it_is(kind):
    schema = SCHEMAS[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:labmodels:schema:{kind}"
    assert schema["title"] == f"labmodels {kind.replace('_', ' ')}"
    assert schema["description"]


def test_a_default_is_written_as_an_operator_would_write_it():
    definitions = SCHEMAS["language_model"]["$defs"]
    assert definitions["Timeouts"]["properties"]["total"]["default"] == "2 min"
    assert definitions["Retries"]["properties"]["backoff"]["default"] == "500 ms"


def test_a_schema_has_no_mark_that_only_this_program_understands():
    assert "x-overlay-of" not in json.dumps(SCHEMAS)


def test_an_unknown_kind_is_a_usage_error_that_lists_the_kinds():
    with pytest.raises(Usage, match="unknown kind model") as caught:
        export("model")
    assert "language_model" in caught.value.hint


def test_the_schemas_in_the_repository_are_those_of_the_models():
    written = {path.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / "schemas").iterdir()}
    assert written == export_all()


def test_the_script_writes_removes_and_checks_the_files_of_its_repository(tmp_path):
    script = tmp_path / "scripts" / "export_schemas.py"
    script.parent.mkdir()
    shutil.copy(REPOSITORY / "scripts" / "export_schemas.py", script)

    def run(*arguments):
        return subprocess.run([sys.executable, script, *arguments], capture_output=True, check=False, text=True, timeout=60)

    assert run("--check").returncode == 1
    assert run().returncode == 0
    folder = tmp_path / "schemas"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == export_all()
    assert run("--check").returncode == 0
    (folder / "old.schema.json").write_text("{}")
    (folder / "lab.schema.json").write_text("{}")
    checked = run("--check")
    assert (checked.returncode, checked.stderr.count("differs from the models")) == (1, 2)
    assert run().stdout == "schemas/lab.schema.json written\nschemas/old.schema.json removed\n"
    assert run("--fix").returncode == 2
