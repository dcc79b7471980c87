"""A snippet is lines of the source, at their numbers, with what was asked for marked letter by letter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.search.query import parsed
from labmodels.embeddings.search.snippets import LONGEST_LINE, MOST_LINES, snippet
from tests.embeddings.indexed import chunk

lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=200),
    min_size=1,
    max_size=8,
)


def marked(line):
    return [line.text[start:end] for start, end in line.marks]


def test_the_lines_that_speak_most_of_the_query_are_shown_at_their_numbers():
    text = "First.\n\nRotate the keys.\nOf a provider.\nRotate.\nLast."
    shown = snippet(chunk("a.md", text, line=10), parsed("rotate provider keys").stems)
    assert [(line.number, line.text) for line in shown] == [(12, "Rotate the keys."), (13, "Of a provider."), (14, "Rotate.")]
    assert [marked(line) for line in shown] == [["Rotate", "keys"], ["provider"], ["Rotate"]]


def test_other_forms_and_parts_of_identifiers_are_marked():
    (line,) = snippet(chunk("a.py", "rotatedKeys = rotateKey(KEY_ROTATION, HTTPKey, monkey)"), parsed("rotate key").stems)
    assert marked(line) == ["rotatedKeys", "rotateKey", "KEY", "Key"]


def test_two_words_mark_their_compound():
    (line,) = snippet(chunk("a.md", "A rollback follows."), parsed("roll back").stems)
    assert marked(line) == ["rollback"]


def test_a_passage_that_holds_no_word_shows_its_beginning():
    shown = snippet(chunk("a.md", "\nOne.\nTwo.\nThree.\nFour."), parsed("nothing").stems)
    assert [line.number for line in shown] == [2, 3, 4] and not any(line.marks for line in shown)


def test_a_long_line_is_cut_around_what_was_asked_for():
    (line,) = snippet(chunk("a.md", "x " * 200 + "key" + " y" * 200), parsed("key").stems)
    assert line.text.startswith("...") and line.text.endswith("...") and marked(line) == ["key"]


def test_a_template_of_fewer_lines_than_its_text_points_into_its_lines():
    one = chunk("a.log", "GET <*>\nsample 1\nsample key 2", line=7)
    shown = snippet(type(one)(1, "logs", "a.log", 7, 8, one.text, "log", (), (), "h"), parsed("key").stems)
    assert {line.number for line in shown} <= {7, 8}


@given(lines, st.text(max_size=30))
def test_every_line_is_a_piece_of_the_line_that_it_names(texts, asked):
    shown = snippet(chunk("a.md", "\n".join(texts), line=5), parsed(asked).stems)
    assert 1 <= len(shown) <= MOST_LINES
    for line in shown:
        piece = line.text.removeprefix("...").removesuffix("...") if len(texts[line.number - 5]) > LONGEST_LINE else line.text
        assert piece in texts[line.number - 5] and len(line.text) <= LONGEST_LINE + 6
        assert all(0 <= start < end <= len(line.text) for start, end in line.marks)
        assert list(line.marks) == sorted(line.marks)
