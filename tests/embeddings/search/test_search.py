"""A search over real indexes: what is found, in which order, with which evidence, and what is said when a part is missing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmodels.embeddings.search.fusion import Weights
from labmodels.embeddings.search.gather import NoIndex
from labmodels.embeddings.search.query import parsed
from labmodels.embeddings.search.search import Scope, search
from labmodels.errors import MissingExtra
from tests.embeddings.indexed import Shelf, WordEncoder

FILES = {
    "docs/keys.md": "# Rotate a provider key\n\nMake a second one in the console.\n\nThen revoke the first.\n",
    "docs/releases.md": "# Releases\n\n## Roll back\n\nRun the command `labmodels rollback --env test`.\n\n## Deploy\n\nPlan first.\n",
    "docs/copy.md": "# Rotate a provider key\n\nMake a second one in the console.\n\nThen revoke the first.\n",
    "docs/errors.md": "# Errors\n\nENOSPC means that the disk is full. C++ code says foo-bar AND NOT more.\n",
    "src/keys.py": 'def rotate_key(provider):\n    """Replace the secret of a provider."""\n    return provider\n',
}
DOCS = ("documentation",)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"), WordEncoder({"credential": "key"}), FILES)


def found(shelf, text, *domains, encoder=None, **scope):
    with shelf.reader() as reader:
        return search(reader, parsed(text), Scope(domains or DOCS, **scope), lambda _: encoder or shelf.encoder)


def places(answer):
    return [hit.place for hit in answer.hits]


def test_a_hit_names_its_line_its_ranks_and_the_other_places_of_its_text(shelf):
    first = found(shelf, "rotate a provider key").hits[0]
    assert first.place == "docs/keys.md:1" and {one.path for one in first.also} == {"docs/copy.md"}
    assert first.lexical.rank <= 2 and first.dense.rank <= 2 and 0.9 < first.score <= 1
    assert [line.text[a:b] for line in first.snippet for a, b in line.marks][:3] == ["Rotate", "provider", "key"]


def test_meaning_finds_what_no_word_does_and_words_find_what_meaning_does_not(shelf):
    assert places(found(shelf, "credential", mode="dense"))[0] == "docs/copy.md:1"  # equally near: the first
    assert places(found(shelf, "credential", mode="lexical")) == []
    assert places(found(shelf, "ENOSPC", mode="lexical")) == ["docs/errors.md:3"]


def test_a_domain_is_weighed_by_its_own_weights(shelf):
    words, meaning = Weights(1, 0), Weights(0, 1)
    assert places(found(shelf, "credential", weights=meaning, domain_weights={"documentation": words})) == []
    assert places(found(shelf, "credential", weights=words, domain_weights={"documentation": meaning}))


def test_several_domains_make_one_ranking_and_a_query_is_encoded_once_for_all(shelf):
    shelf.encoder.queries.clear()
    answer = found(shelf, "rotate provider", "documentation", "source_code")
    assert {hit.chunk.domain for hit in answer.hits[:2]} == {"documentation", "source_code"}
    assert shelf.encoder.queries == ["rotate provider"]
    assert [(index.domain, index.generation) for index in answer.indexes] == [("documentation", 1), ("source_code", 1)]


def test_filters_hold_for_words_and_for_meaning(shelf):
    assert {hit.chunk.path for hit in found(shelf, "path:docs/rel* provider key console").hits} == {"docs/releases.md"}
    assert {hit.chunk.kind for hit in found(shelf, "kind:code provider", "documentation", "source_code").hits} == {"code"}
    assert places(found(shelf, "kind:nothing provider")) == []


def test_a_phrase_must_occur_in_what_meaning_finds_too(shelf):
    assert places(found(shelf, '"provider key" command')) == ["docs/keys.md:1"]
    assert places(found(shelf, '"roll back"', mode="dense"))[0] == "docs/releases.md:3"
    assert places(found(shelf, '"key provider"')) == []


def test_the_asked_number_of_hits_is_given(shelf):
    assert len(found(shelf, "the", count=2).hits) == 2


def test_vectors_of_another_encoder_are_not_compared_and_the_command_that_mends_it_is_named(shelf):
    other = WordEncoder(fingerprint="another")
    answer = found(shelf, "ENOSPC", encoder=other)
    assert places(answer) == ["docs/errors.md:3"] and answer.mode == "lexical" and answer.hits[0].score == 1
    assert "another encoder" in answer.notes[0] and "labmodels update-embeddings --domain documentation" in answer.notes[0]
    with pytest.raises(NoIndex) as caught:
        found(shelf, "ENOSPC", encoder=other, mode="dense")
    assert caught.value.hint == "labmodels update-embeddings --domain documentation --incremental"
    assert other.queries == []


def test_without_an_encoder_words_answer_alone_and_say_why(shelf):
    def no_encoder(domain):
        raise MissingExtra("openvino", "embeddings")

    with shelf.reader() as reader:
        answer = search(reader, parsed("ENOSPC"), Scope(DOCS), no_encoder)
        assert search(reader, parsed("ENOSPC"), Scope(DOCS, mode="lexical"), no_encoder).notes == ()
        with pytest.raises(MissingExtra):
            search(reader, parsed("ENOSPC"), Scope(DOCS, mode="dense"), no_encoder)
    assert places(answer) == ["docs/errors.md:3"]
    assert answer.notes == ("searched by words alone: the package openvino is not installed; pip install 'labmodels[embeddings]'",)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_an_index_that_is_missing_names_the_command_that_builds_it(tmp_path, shelf, mode):
    with pytest.raises(NoIndex) as caught:
        found(shelf, "key", "documentation", "configuration", "metrics", mode=mode)
    assert caught.value.hint == "labmodels update-embeddings --domain configuration --domain metrics --incremental"
    with pytest.raises(NoIndex):
        found(Shelf(tmp_path), "key", mode=mode)


class Interrupted(WordEncoder):
    """Goes away in the middle of a first build, as a killed process does."""

    def documents(self, texts, progress=None):
        if self.queries:
            raise KeyboardInterrupt
        self.queries.append("")
        return super().documents(texts)


def test_words_answer_while_an_index_is_being_built(tmp_path, monkeypatch):
    monkeypatch.setattr("labmodels.embeddings.store.update._BATCH_SOURCES", 1)
    shelf = Shelf(tmp_path, Interrupted())
    shelf.write("docs/a.md", "# Keys\n\nRotate them.\n")
    shelf.write("docs/b.md", "# Other\n\nNothing of that.\n")
    with pytest.raises(KeyboardInterrupt):
        shelf.update("documentation")
    answer = found(shelf, "rotate")
    assert places(answer) == ["docs/a.md:3"] and answer.mode == "lexical"
    assert "still being built" in answer.notes[0]


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x", "😀", "C++", "foo-bar", "AND OR NOT", "'; DROP TABLE chunks; --", 'text:"', "日本語", "word " * 20_000, "x" * 100_000],
)
@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_any_query_is_answered(shelf, text, mode):
    answer = found(shelf, text, mode=mode)
    assert len(answer.hits) <= 10
    assert ("the query has no words" in answer.notes) == (not text.strip())
    assert ("the query is long: only its first words were searched" in answer.notes) == (len(text) > 10_000)


@given(st.text(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_hits_are_distinct_ordered_and_real(shelf, text):
    answer = found(shelf, text, "documentation", "source_code")
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
    assert len({(hit.chunk.path, hit.chunk.line) for hit in answer.hits}) == len(answer.hits)
    for hit in answer.hits:
        lines = (shelf.root / hit.chunk.path).read_text().splitlines()
        assert hit.snippet[0].text in lines[hit.snippet[0].number - 1]


def test_a_cross_encoder_orders_the_first_hits_anew_and_what_it_read_is_shown(shelf):
    def by_length(query, texts):
        assert query == "provider key console" and texts[0].startswith("Rotate a provider key")
        return [float(len(text)) for text in texts]

    with shelf.reader() as reader:
        plain = search(reader, parsed("provider key console"), Scope(DOCS), lambda _: shelf.encoder)
        found = search(reader, parsed("provider key console"), Scope(DOCS, count=2), lambda _: shelf.encoder, by_length)
    assert len(found.hits) == 2 < len(plain.hits)
    assert [hit.reranked for hit in found.hits] == sorted((hit.reranked for hit in found.hits), reverse=True)
    assert found.hits[0].chunk == max((hit.chunk for hit in plain.hits), key=lambda one: len(" > ".join(one.trail)) + len(one.text))


def test_where_a_cross_encoder_cannot_read_the_order_stays_and_the_reason_is_told(shelf):
    def fails(query, texts):
        raise MissingExtra("openvino", "embeddings")

    with shelf.reader() as reader:
        plain = search(reader, parsed("provider key"), Scope(DOCS), lambda _: shelf.encoder)
        found = search(reader, parsed("provider key"), Scope(DOCS), lambda _: shelf.encoder, fails)
    assert found.hits == plain.hits and "the order is that of the two lists: the package openvino" in found.notes[0]
