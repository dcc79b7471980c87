"""`labmodels schema`: the kinds, and for each the schema that the shipped files name."""

from __future__ import annotations

import json

import pytest

from labmodels.cli.app import run
from labmodels.config.schema import KINDS
from tests.labs import REPOSITORY


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_it_prints_the_schema_that_is_shipped(kind, more, capsys):
    assert run(["schema", kind, *more]) == 0
    shown, told = capsys.readouterr()
    assert told == ""
    assert json.loads(shown) == json.loads((REPOSITORY / "schemas" / f"{kind}.schema.json").read_text())


def test_without_a_kind_it_lists_them(capsys):
    assert run(["schema"]) == 0
    assert capsys.readouterr().out.split() == list(KINDS)
    assert run(["schema", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "kinds": list(KINDS)}


@pytest.mark.parametrize(("kind", "hint"), [("langauge_model", "did you mean language_model?"), ("x", "one of lab, language_model, ")])
def test_an_unknown_kind_is_answered_with_the_nearest_one(kind, hint, capsys):
    assert run(["schema", kind]) == 2
    shown, told = capsys.readouterr()
    assert shown == "" and told.startswith(f"error: no kind is called {kind}\n  hint: {hint}")
