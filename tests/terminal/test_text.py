"""What may reach a terminal, and how wide it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.terminal.text import cells, counted, cut, elide, one_line, visible


@given(st.text())
def test_a_visible_text_has_no_control_but_line_breaks_and_tabs_and_as_many_characters(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\n", "\t"}


@given(st.text())
def test_ordinary_text_stays_as_it_is(text):
    printable = "".join(character for character in text if character.isprintable() and ord(character) < 0xFFF0)
    assert visible(printable) == printable


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("a\uff42", 3)])
def test_wide_characters_take_two_cells_and_combining_ones_none(text, width):
    assert cells(text) == width


@given(st.text(alphabet="ab日本\u0301"), st.integers(3, 12))
def test_an_elided_text_fits_and_begins_like_the_text(text, width):
    shown = elide(text, width)
    assert cells(shown) <= width
    assert shown == text or (shown.endswith("...") and text.startswith(shown.removesuffix("...")) and cells(text) > width)


@given(st.text(alphabet="ab日"), st.integers(0, 9))
def test_a_cut_text_is_the_longest_start_that_fits(text, width):
    start = cut(text, width)
    assert text.startswith(start)
    assert cells(start) <= width
    assert start == text or cells(text[: len(start) + 1]) > width


def test_a_text_of_several_lines_becomes_one():
    assert one_line(" a\n  b\tc\x1b ") == "a b c\ufffd"


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1234, "1,234 files")])
def test_counts_agree_with_their_noun(count, text):
    assert counted(count, "file") == text
