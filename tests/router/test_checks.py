"""An answer is held against the checks of its config and the schema of its request."""

from __future__ import annotations

import pytest

from labmodels.config.schema.language_model import OutputCheck
from labmodels.errors import Usage
from labmodels.router.checks import failed_check

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("text", "check", "expected"),
    [
        ("short", OutputCheck(name="c", min_chars=6), "c: 5 characters, fewer than 6"),
        ("longer", OutputCheck(name="c", min_chars=6, max_chars=6), None),
        ("too long", OutputCheck(name="c", max_chars=7), "c: 8 characters, more than 7"),
        ("a verdict: yes", OutputCheck(name="c", pattern=r"verdict: (yes|no)"), None),
        ("maybe", OutputCheck(name="c", pattern=r"verdict: (yes|no)"), "c: the pattern does not occur"),
        ('{"n": 1}', OutputCheck(name="c", json_schema=SCHEMA), None),
        ('{"n": "one"}', OutputCheck(name="c", json_schema=SCHEMA), "c: its schema is not met at $.n (type)"),
        ("{}", OutputCheck(name="c", json_schema=SCHEMA), "c: its schema is not met at $ (required)"),
        ("no json", OutputCheck(name="c", json_schema=SCHEMA), "c: the answer is no JSON"),
    ],
)
def test_a_check_is_met_or_named(text, check, expected):
    assert failed_check(text, [OutputCheck(name="first", min_chars=0), check], None) == expected


def test_the_schema_of_the_request_is_checked_too():
    assert failed_check('{"n": 1}', [], SCHEMA) is None
    assert failed_check("{}", [], SCHEMA) == "the schema of the request is not met at $ (required)"


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:9/elsewhere.json"}])
def test_a_schema_that_cannot_be_used_is_a_usage_error_and_fetches_nothing(schema):
    with pytest.raises(Usage, match="no JSON Schema that can be used"):
        failed_check("{}", [], schema)
