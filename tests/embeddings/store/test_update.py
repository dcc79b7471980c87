"""An update looks at what has changed, embeds what it never saw, and shows all of it at once or nothing."""

from __future__ import annotations

import os
import sqlite3
import time

import numpy as np
import pytest

from labmodels.embeddings.encoding.protocol import BadVector
from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.truth import LOCK_NAME
from labmodels.embeddings.store.update import NotShown, Vanished, Wish, preview
from labmodels.errors import Busy
from labmodels.lab import locked
from tests.embeddings.store.indexing import DOMAIN, HashedWords, Library

AN_HOUR_AGO = time.time() - 3600


@pytest.fixture
def library(tmp_path) -> Library:
    library = Library(tmp_path)
    for number in range(10):
        library.write(f"{number}.md", f"# Page {number}\n\nthe only one about subject{number}\n")
        os.utime(library.root / f"{number}.md", (AN_HOUR_AGO, AN_HOUR_AGO))
    return library


def test_what_is_in_the_documents_is_found_where_it_stands(library):
    outcome = library.update()
    assert (outcome.generation, outcome.is_new, outcome.added, outcome.chunks, outcome.embedded) == (1, True, 10, 10, 10)
    assert library.found("subject7", 1) == ["7.md:1"]
    with StoreReader(library.index) as reader:
        [(identity, score)] = reader.lexical(DOMAIN, '"subject3"', 5)
        chunk = reader.chunks([identity])[identity]
        live = reader.live(DOMAIN)
    assert (chunk.path, chunk.line, chunk.end_line, chunk.trail) == ("3.md", 1, 3, ("Page 3",)) and score > 0
    assert (live.generation, live.space, live.dimensions, live.chunk_count) == (1, library.encoder.fingerprint, 256, 10)


def test_nothing_is_done_where_nothing_has_changed(library):
    library.update()
    library.encoder.embedded.clear()
    before = (library.index / "index.db").read_bytes()
    outcome = library.update()
    assert (outcome.generation, outcome.is_new, outcome.same, library.encoder.embedded) == (1, False, 10, [])
    assert (library.index / "index.db").read_bytes() == before


def test_a_file_with_another_time_and_the_same_text_is_read_and_not_cut(library):
    library.update()
    os.utime(library.root / "3.md", (AN_HOUR_AGO + 5, AN_HOUR_AGO + 5))
    outcome = library.update()
    assert (outcome.is_new, outcome.same, outcome.chunks) == (False, 10, 0)


def test_a_file_that_was_written_just_now_is_looked_at_again_whatever_its_time_says(library):
    library.write("young.md", "about apples")
    library.update()
    status = (library.root / "young.md").stat()
    library.write("young.md", "about pears!")
    os.utime(library.root / "young.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert library.update().changed == 1


def test_only_texts_that_were_never_embedded_are_embedded(library):
    library.update()
    library.encoder.embedded.clear()
    library.write("copy.md", (library.root / "4.md").read_text())
    library.write("5.md", "one line more above\n\n" + (library.root / "5.md").read_text() + "\n# Other\n\nnew words\n")
    outcome = library.update()
    assert (outcome.added, outcome.changed, outcome.deleted) == (1, 1, 0)
    assert library.encoder.embedded == ["one line more above", "Other\n# Other\n\nnew words"]
    assert sorted(library.found("subject4", 2)) == ["4.md:1", "copy.md:1"]


def test_what_is_deleted_is_found_no_more_by_words_or_vectors(library):
    library.update()
    (library.root / "2.md").unlink()
    assert library.update().deleted == 1
    assert "2.md:1" not in library.found("subject2", 10)
    with StoreReader(library.index) as reader:
        assert reader.lexical(DOMAIN, '"subject2"', 5) == []


@pytest.mark.parametrize("gone", [3, 4])
def test_more_than_thirty_percent_vanishing_is_refused_unless_it_is_meant(library, gone):
    library.update()
    for number in range(gone):
        (library.root / f"{number}.md").unlink()
    if gone == 3:
        assert library.update().deleted == 3
        return
    with pytest.raises(Vanished, match="4 of 10 sources are gone"):
        library.update()
    with pytest.raises(Vanished):
        library.update(is_rebuild=True)
    assert library.found("subject0", 1) == ["0.md:1"]
    assert library.update(allows_mass_delete=True).deleted == 4


def test_files_that_were_renamed_have_not_vanished(library):
    library.update()
    for number in range(10):
        (library.root / f"{number}.md").rename(library.root / f"new-{number}.md")
    library.encoder.embedded.clear()
    outcome = library.update()
    assert (outcome.added, outcome.deleted, library.encoder.embedded) == (10, 10, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_refused(library):
    library.write("sub/a.md", "words")
    library.update()
    (library.root / "sub").chmod(0)
    try:
        with pytest.raises(Vanished, match="sub/ cannot be listed"):
            library.update()
    finally:
        (library.root / "sub").chmod(0o755)


def test_a_root_that_is_not_there_is_refused(library):
    library.update()
    library.root.rename(library.root.with_name("unmounted"))
    with pytest.raises(Vanished, match="the root cannot be listed"):
        library.update()
    assert library.found("subject7", 1) == ["7.md:1"]


class Allergic(HashedWords):
    """Gives no vector for a text with the word `poison`."""

    def documents(self, texts, progress=None):
        vectors = super().documents(texts, progress)
        for vector, text in zip(vectors, texts, strict=True):
            if "poison" in text:
                vector[0] = np.nan
        return vectors


def test_a_source_that_fails_keeps_what_is_shown_of_it_and_is_tried_again(library):
    library.encoder = Allergic()
    library.update()
    library.write("3.md", "# Page 3\n\npoison\n")
    library.write("4.md", "# Page 4\n\nsomething new\n")
    for _ in range(2):
        outcome = library.update()
        assert [failure.path for failure in outcome.failures] == ["3.md"] and outcome.is_partial
        assert library.found("subject3", 1) == ["3.md:1"] and library.found("something new", 1) == ["4.md:1"]
    library.encoder = HashedWords()
    assert library.update().failures == []
    assert library.found("poison", 1) == ["3.md:1"]


def test_a_document_that_cannot_be_cut_does_not_keep_the_others(library):
    corpus = library.corpus

    def cut(document):
        if document.path == "1.md":
            raise RecursionError("too deep")
        return corpus.cut(document)

    from dataclasses import replace

    from labmodels.embeddings.store.update import update

    outcome = update(library.index, replace(corpus, cut=cut), library.encoder, {}, Wish())
    assert [(one.path, "too deep" in one.reason) for one in outcome.failures] == [("1.md", True)]
    assert library.found("subject0", 1) == ["0.md:1"]


def test_a_new_build_that_lacks_what_is_shown_does_not_become_live(library):
    library.update()
    library.encoder = Allergic(1)
    library.write("3.md", "# Page 3\n\npoison\n")
    with pytest.raises(NotShown, match=r"lacks 1 of its sources: 3\.md"):
        library.update()
    library.encoder = HashedWords()
    assert library.found("subject3", 1) == ["3.md:1"]
    library.encoder = Allergic(1)
    assert library.update(allows_mass_delete=True).generation == 2


def test_another_model_is_another_space_and_back_again_costs_nothing(library):
    first, second = HashedWords(0), HashedWords(1, 48)
    library.encoder = first
    library.update()
    library.encoder = second
    outcome = library.update()
    assert (outcome.generation, outcome.is_new, outcome.embedded) == (2, True, 10)
    assert library.found("subject7", 1) == ["7.md:1"]
    library.encoder = first
    first.embedded.clear()
    outcome = library.update()
    assert (outcome.generation, outcome.is_new, first.embedded) == (3, True, [])
    assert library.found("subject7", 1) == ["7.md:1"]


def test_a_query_of_another_space_is_no_query(library):
    library.update()
    with StoreReader(library.index) as reader, pytest.raises(BadVector, match="48 numbers"):
        reader.dense(DOMAIN, HashedWords(0, 48).query("subject"), 3)


def test_vectors_of_a_wrong_size_are_not_kept(library):
    class Wrong(HashedWords):
        def documents(self, texts, progress=None):
            return super().documents(texts, progress)[:, :7]

    library.encoder = Wrong()
    outcome = library.update()
    assert len(outcome.failures) == 10 and "7 numbers" in outcome.failures[0].reason
    assert library.found("subject", 3) == []


def test_a_rebuild_mends_vectors_that_are_none(library):
    library.update()
    with sqlite3.connect(library.index / "index.db") as connection:
        connection.execute("UPDATE vectors SET vector = cast(zeroblob(64) || x'ff' as blob) WHERE id = 3")
        connection.execute("UPDATE vectors SET vector = cast(x'ff7f' || zeroblob(510) as blob) WHERE id = 4")  # NaN
    (library.index / "text" / f"{DOMAIN}.index").unlink()
    assert library.found("subject7", 1) == ["7.md:1"]
    library.update()
    assert library.found("subject7", 1) == ["7.md:1"]
    library.encoder.embedded.clear()
    assert library.update(is_rebuild=True).generation == 2
    assert len(library.encoder.embedded) == 2
    assert library.found("subject2", 1) == ["2.md:1"]


def test_a_second_writer_waits_and_then_is_told(library):
    library.update()
    with locked(library.index / LOCK_NAME, 1), pytest.raises(Busy):
        library.update()
    assert library.found("subject7", 1) == ["7.md:1"]


def test_a_preview_says_what_would_be_done_and_does_nothing(library):
    assert preview(library.index, library.corpus, library.encoder, Wish()).embedded == 10
    assert not library.index.exists()
    library.update()
    library.write("5.md", "altogether new")
    library.write("new.md", (library.root / "6.md").read_text())
    (library.root / "1.md").unlink()
    before = (library.index / "index.db").read_bytes()
    would = preview(library.index, library.corpus, library.encoder, Wish())
    assert (would.added, would.changed, would.deleted, would.embedded) == (1, 1, 1, 1)
    assert (library.index / "index.db").read_bytes() == before
    did = library.update()
    assert (did.added, did.changed, did.deleted, did.embedded) == (1, 1, 1, 1)


def test_an_empty_corpus_is_an_empty_index(tmp_path):
    library = Library(tmp_path)
    outcome = library.update()
    assert (outcome.generation, outcome.chunks) == (1, 0)
    assert library.found("anything") == []
    with StoreReader(library.index) as reader:
        assert reader.lexical(DOMAIN, '"anything"', 5) == [] and reader.live(DOMAIN).chunk_count == 0


def test_names_with_newlines_quotes_and_emoji_are_names(library):
    names = ["a\nb.md", 'it\'s "quoted".md', "née 🦊.md"]
    for name in names:
        library.write(name, f"unusual {len(name)}")
    assert library.update().failures == []
    with StoreReader(library.index) as reader:
        hits = reader.dense(DOMAIN, library.encoder.query("unusual"), 3)
        assert sorted(chunk.path for chunk in reader.chunks([one for one, _ in hits]).values()) == sorted(names)
