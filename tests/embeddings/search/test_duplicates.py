"""A passage is one hit, however often and wherever its text stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.search.duplicates import distinct
from tests.embeddings.indexed import chunk

TEXT = "Make a second key in the console of the provider and put it where the first one is read from today"


def places(found):
    return [(f"{one.path}:{one.line}", [f"{other.path}:{other.line}" for other in others]) for one, others in found]


def test_equal_text_is_one_hit_with_all_of_its_places():
    found = distinct([chunk("a.md", TEXT), chunk("b.md", "Other."), chunk("c.md", TEXT, line=4)], 10)
    assert places(found) == [("a.md:1", ["c.md:4"]), ("b.md:1", [])]


def test_a_copy_with_another_date_is_no_hit_of_its_own():
    copy = chunk("old/a.md", TEXT.replace("today", "yesterday"))
    assert places(distinct([chunk("a.md", TEXT), copy], 10)) == [("a.md:1", ["old/a.md:1"])]


def test_texts_that_share_half_of_their_words_are_two_hits():
    half = chunk("b.md", TEXT[:50] + "but never the one that everybody uses for all of the work")
    assert len(distinct([chunk("a.md", TEXT), half], 10)) == 2
    assert len(distinct([chunk("a.md", "x"), chunk("b.md", "y"), chunk("c.md", "--"), chunk("d.md", "++")], 10)) == 4


def test_a_text_without_words_is_known_by_its_signs():
    assert places(distinct([chunk("a.md", "---"), chunk("b.md", "---")], 10)) == [("a.md:1", ["b.md:1"])]


def test_two_texts_are_one_when_four_fifths_of_their_word_triples_are():
    numbered = [f"word{n}" for n in range(40)]  # 38 triples, of which one word in the middle changes three
    text, near = " ".join(numbered), " ".join([*numbered[:20], "other", *numbered[21:]])
    far = " ".join(word if n % 12 else "other" for n, word in enumerate(numbered))  # 11 of 38 changed: .55 in common
    assert places(distinct([chunk("a.md", text), chunk("b.md", near), chunk("c.md", far)], 10)) == [("a.md:1", ["b.md:1"]), ("c.md:1", [])]


def test_a_file_that_two_domains_hold_is_one_hit_and_no_other_place():
    other_cut = chunk("a.md", f"# Keys\n{TEXT}", line=1, domain="procedures")
    assert places(distinct([chunk("a.md", TEXT, line=2), other_cut], 10)) == [("a.md:2", [])]


def test_a_later_twin_is_named_even_when_the_hits_are_complete():
    assert places(distinct([chunk("a.md", TEXT), chunk("b.md", "Other."), chunk("c.md", TEXT)], 1)) == [("a.md:1", ["c.md:1"])]


texts = st.sampled_from([TEXT, TEXT + "!", "Other.", ""])
places_and_texts = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), texts), max_size=12, unique_by=lambda one: one[:2])


@given(places_and_texts, st.integers(1, 5))
def test_hits_are_the_first_of_their_kind_in_order_and_no_chunk_stands_twice(given_chunks, count):
    chunks = [chunk(f"{path}.md", text, line=line) for path, line, text in given_chunks]
    found = distinct(chunks, count)
    firsts = [one for one, _ in found]
    assert len(found) <= count and (not chunks or firsts[0] is chunks[0])
    assert [chunks.index(one) for one in firsts] == sorted(chunks.index(one) for one in firsts)
    shown = [(one.path, one.line) for one, others in found for one in (one, *others)]
    assert len(shown) == len(set(shown))
