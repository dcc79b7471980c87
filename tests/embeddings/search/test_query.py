"""What is typed becomes words, phrases and filters; whatever it is, FTS5 takes it, and as words."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.search.query import LONGEST, MOST_TERMS, Filters, holds_phrase, parsed, quoted

SYNONYMS = {"rollback": ["roll back", "undo"], "credential": ["api key"]}

TEXTS = ["C++ and foo-bar AND NOT or", "rollback_to(release) rollbackTo", "Roll back a release", "text: the end", "rotate a provider key"]


@pytest.fixture(scope="module")
def table():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(text, symbols, path, tokenize='porter unicode61')")
    texts = [
        "C++ and foo-bar AND NOT or",
        "rollback_to(release) rollbackTo",
        "Roll back a release",
        "text: the end",
        "rotate a provider key",
    ]
    db.executemany("INSERT INTO t (text) VALUES (?)", [(text,) for text in texts])
    return db


def found(table, text, synonyms=None):
    rows = table.execute("SELECT text FROM t WHERE t MATCH ? ORDER BY rank", (parsed(text, synonyms).expression,))
    return [row[0] for row in rows]


@given(st.one_of(st.text(), st.text("\"*^():-+ANDORNEAT{}'; \0\n", max_size=40), st.text(st.characters(codec=None), max_size=20)))
def test_nothing_that_is_typed_is_an_operator_or_an_error(table, text):
    query = parsed(text, SYNONYMS)
    if query.expression:
        table.execute("SELECT rowid FROM t WHERE t MATCH ?", (query.expression,)).fetchall()
    query.text.encode()  # no half of a character is left
    assert len(query.terms) <= MOST_TERMS


@pytest.mark.parametrize(
    "text", ["C++", "foo-bar", "AND OR NOT", "text : end", "NEAR(provider key)", "'); DROP TABLE t; --rotate", "rotate*"]
)
def test_signs_and_operators_are_found_as_the_words_they_are(table, text):
    assert found(table, text)


def test_an_identifier_is_found_by_its_parts_and_its_parts_by_the_identifier(table):
    assert found(table, "rollback_to")[0] == "rollback_to(release) rollbackTo"
    assert found(table, "rollbackTo")[0] == "rollback_to(release) rollbackTo"
    assert {"rotate", "provider", "key"} <= set(parsed("rotateProvider_key").terms)


def test_a_quoted_phrase_must_occur_and_other_words_may(table):
    assert found(table, '"provider key" release') == ["rotate a provider key"]
    assert found(table, '"key provider"') == []
    assert found(table, '"provider key')  # not closed: the words


def test_the_labs_synonyms_are_found_in_every_direction(table):
    assert "Roll back a release" in found(table, "rollback", SYNONYMS)
    assert "Roll back a release" in found(table, "undo", SYNONYMS)
    assert "api key" in parsed("which credentials are there", SYNONYMS).terms
    assert found(table, "undo") == []


def test_words_that_any_text_holds_count_only_where_there_is_no_other():
    assert parsed("how do I rotate the key").terms == ("rotate", "key", "rotatekey")
    assert parsed("how to").terms[:2] == ("how", "to")


def test_filters_are_taken_out_of_the_words_unless_they_are_quoted():
    query = parsed('path:docs/** kind:code rotate path:"my docs/*" domain:logs "see kind:code"')
    assert query.filters == Filters(("docs/**", "my docs/*"), ("code",), ("logs",))
    assert query.phrases == ("see kind:code",) and query.text == "rotate see kind:code"
    assert parsed("kind: code").filters == Filters() == parsed("unkind:code").filters


@pytest.mark.parametrize("text", ["", " \n", '""', "path:docs/**"])
def test_a_query_without_words_has_no_expression(text):
    assert (parsed(text).text, parsed(text).expression) == ("", "")


def test_of_a_huge_query_the_beginning_is_read():
    query = parsed("rotate " + "x" * 100_000)
    assert query.is_cut and query.terms[0] == "rotate" and len(query.text) <= LONGEST
    assert parsed(" ".join(f"w{n}" for n in range(200))).is_cut
    assert not parsed("rotate a key").is_cut


@given(st.text('"a \0'))
def test_a_quoted_term_is_one_string(term):
    text = quoted(term)
    assert text[0] == text[-1] == '"' and '"' not in text[1:-1].replace('""', "")


def test_a_phrase_is_held_whatever_stands_between_its_words():
    assert holds_phrase("the Provider-Key,\nnow", ["provider key"])
    assert not holds_phrase("provider keys", ["provider key"]) and not holds_phrase("key of a provider", ["provider key"])
