"""Words that mean the same thing meet, and a query and a text are cut alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.words import terms, with_pairs


@pytest.mark.parametrize(
    "alike",
    [
        ("deploy", "deploys", "deployed", "deploying"),
        ("plan", "plans", "planned", "planning"),
        ("release", "releases", "released", "releasing"),
        ("rotate", "rotates", "rotated", "rotating"),
        ("query", "queries"),
        ("switch", "switches", "switching"),
    ],
)
def test_the_forms_of_a_word_are_one_term(alike):
    assert len({tuple(terms(word)) for word in alike}) == 1


def test_identifiers_are_split_and_neighbours_also_joined():
    assert terms("switchProfile") == terms("switch_profile") == terms("switch profile")
    assert "rollback" in with_pairs(terms("how do I roll back?"))
    assert terms("C++") == ["c++"]


def test_other_alphabets_have_terms_too():
    assert terms("откат релиза") and terms("リリース")


@given(st.text(max_size=200))
def test_any_text_has_terms_that_are_not_empty(text):
    assert all(terms(text))


@given(st.text(alphabet="abcdeings +#.-_", max_size=60))
def test_terms_do_not_depend_on_case(text):
    assert terms(text) == terms(text.upper()) == terms(text.title())
