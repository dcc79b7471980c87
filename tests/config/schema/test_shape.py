"""What the schema says of a path."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from labmodels.config.layers import leaves
from labmodels.config.schema import KINDS
from labmodels.config.schema.shape import accepts, allowed_keys, default_at, merge_keys, type_at

LANGUAGE = KINDS["language_model"].model
PROFILE = KINDS["performance_profile"].model
LAB = KINDS["lab"].model
REQUIRED = {
    "lab": {"model_integration": {"primary_models": {"language": "m"}}},
    "language_model": {"name": "m", "provider": "openai", "model": "x", "context_tokens": 1},
    "fallback": {"name": "m"},
    "specialized_model": {"name": "m", "domain": "d", "task": "translation"},
    "embedding_model": {"name": "m", "provider": "openai", "model": "x", "dimensions": 1, "max_tokens": 1},
    "semantic_search": {"name": "m"},
    "performance_profile": {"name": "m", "weights": {"cost": 0.5, "latency": 0.25, "quality": 0.25}},
}


@pytest.mark.parametrize(
    ("model", "path", "kinds", "expected"),
    [
        (LANGUAGE, ("local",), (bool,), True),
        (LANGUAGE, ("capabilities", "tools"), (bool,), True),
        (LANGUAGE, ("environments", "dev", "capabilities", "tools"), (bool,), True),
        (LANGUAGE, ("owner",), (bool, int, float), False),
        (LANGUAGE, ("parameters", "temperature"), (int, float), True),
        (LANGUAGE, ("parameters", "stop", 0), (str,), True),
        (LANGUAGE, ("parameters", "stop", 0), (int, float), False),
        (LANGUAGE, ("parameters", "extra", "x"), (int, float), False),
        (LANGUAGE, ("output_checks", 0, "min_chars"), (int,), True),
        (LANGUAGE, ("no", "such", "path"), (int,), False),
        (PROFILE, ("overlay", "retries", "attempts"), (int,), True),
        (PROFILE, ("environments", "test", "overlay", "retries", "attempts"), (int,), True),
        (LAB, ("model_integration", "primary_models", "language"), (str,), True),
        (LAB, ("model_integration", "fallback_strategy", "enabled"), (bool,), True),
    ],
)
def test_the_type_at_a_path_says_what_can_stand_there(model, path, kinds, expected):
    assert accepts(type_at(model, path), *kinds) is expected


def test_the_keys_of_a_block_are_allowed_at_its_path_and_in_an_overlay():
    assert allowed_keys(LANGUAGE, ("prices",)) == ["input", "output", "cache_read", "cache_write"]
    assert allowed_keys(LANGUAGE, ("environments", "dev", "prices")) == ["input", "output", "cache_read", "cache_write"]
    assert allowed_keys(LANGUAGE, ("parameters", "extra")) == []
    assert "kind" in allowed_keys(LANGUAGE, ())
    assert type_at(LANGUAGE, ("parameters", "extra", "x")) is Any


def test_output_checks_merge_by_name_and_nothing_else_does():
    assert merge_keys(LANGUAGE) == {("output_checks",): "name"}
    assert merge_keys(PROFILE) == {("overlay", "output_checks"): "name"}
    assert merge_keys(LAB) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_is_told_as_a_configuration_would_write_it(kind):
    model = KINDS[kind].model
    dumped = model.model_validate(REQUIRED[kind]).model_dump(mode="json", exclude={"environments"})
    given = dict(leaves(REQUIRED[kind]))
    for path, value in leaves(dumped):
        if path not in given:
            assert default_at(model, path) == value, path


def test_what_is_required_has_no_default():
    assert default_at(LANGUAGE, ("name",)) is ...
    assert default_at(LANGUAGE, ("no_such_key",)) is ...
    assert default_at(LANGUAGE, ()) is ...
    assert default_at(LANGUAGE, ("timeouts", "total")) == "2 min"


@pytest.mark.parametrize("kind", KINDS)
def test_an_overlay_cannot_change_what_a_document_is(kind):
    for key in ("kind", "name", "environments"):
        with pytest.raises(ValidationError) as caught:
            KINDS[kind].model.model_validate({**REQUIRED[kind], "environments": {"dev": {key: "x"}}})
        assert [error["type"] for error in caught.value.errors()] == ["identity"]


def test_an_overlay_may_give_one_limit_that_only_fits_the_models_below():
    PROFILE.model_validate({**REQUIRED["performance_profile"], "overlay": {"timeouts": {"total": "3 s"}}})
    with pytest.raises(ValidationError):
        LANGUAGE.model_validate({**REQUIRED["language_model"], "timeouts": {"total": "3 s"}})
