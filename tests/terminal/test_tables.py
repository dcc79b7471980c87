"""Aligned tables."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.terminal.colour import Paint
from labmodels.terminal.tables import table
from labmodels.terminal.text import cells


def narrow(width):
    return Paint(is_enabled=False, width=width)


def test_numbers_stand_right_and_text_left_and_nothing_is_a_dash():
    rows = [["gpt-4", 1200, Decimal("0.10"), True], ["日本", None, Decimal("12"), False], ["basic_nlp", 3, 0.5, ""]]
    assert table(["model", "requests", "cost", "live"], rows) == (
        "model      requests  cost  live\n"
        "gpt-4          1200  0.10  True\n"
        "日本              -    12  False\n"
        "basic_nlp         3   0.5  -"
    )  # fmt: skip


def test_a_table_without_rows_is_its_headers():
    assert table(["model", "cost"], []) == "model  cost"


def test_a_table_that_is_too_wide_wraps_its_widest_column_between_words():
    rows = [["gpt-4", "skipped: no credentials, as OPENAI_API_KEY is not set on this machine", 12], ["claude", "ok", 3]]
    assert table(["model", "state", "requests"], rows, narrow(50)) == (
        "model   state                             requests\n"
        "gpt-4   skipped: no credentials, as             12\n"
        "        OPENAI_API_KEY is not set on\n"
        "        this machine\n"
        "claude  ok                                       3"
    )


def test_a_word_longer_than_its_column_is_broken():
    assert table(["name"], [["x" * 25]], narrow(10)) == "name\n" + "x" * 10 + "\n" + "x" * 10 + "\n" + "x" * 5


def test_in_a_pipe_a_row_is_one_line():
    assert table(["text"], [["word " * 100]]).count("\n") == 1


def test_a_cell_stays_on_its_line_and_steers_nothing():
    assert table(["a"], [["one\ntwo\x1b[31m"]]) == "a\none two\ufffd[31m"


@given(
    st.lists(st.lists(st.text(alphabet="ab 日\u0301", max_size=60) | st.integers() | st.none(), min_size=3, max_size=3), max_size=4),
    st.integers(32, 100),
)
def test_a_table_fits_its_width_and_loses_nothing(rows, width):
    text = table(["one", "two", "three"], rows, narrow(width))
    assert max(cells(line) for line in text.split("\n")) <= width
    written = "".join(sorted("".join(str(cell) for row in rows for cell in row if cell is not None).replace(" ", "")))
    assert "".join(sorted(text.split("\n", 1)[1].replace(" ", "").replace("\n", "").replace("-", "") if rows else "")) == written.replace(
        "-", ""
    )


@pytest.mark.parametrize("width", [1, 5, 20])
def test_a_terminal_too_narrow_for_any_table_still_gets_one(width):
    assert "one" in table(["one", "two", "three"], [["a" * 30, "b" * 30, "c" * 30]], narrow(width)).split("\n")[0]
