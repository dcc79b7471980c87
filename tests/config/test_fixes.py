"""Applying edits to a text."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.diagnostics import Edit, Span
from labmodels.config.fixes import apply
from labmodels.config.reader import parse

HERE = Path("x.yaml")


def edit(line, start, end, text):
    return Edit(Span(HERE, line, start, line, end), text)


def test_an_edit_replaces_exactly_its_span():
    assert apply("a: on\nb: no\n", [edit(1, 4, 6, "true"), edit(2, 4, 6, "false")]) == "a: true\nb: false\n"


def test_edits_may_come_in_any_order_and_twice():
    edits = [edit(2, 4, 6, "false"), edit(1, 4, 6, "true"), edit(1, 4, 6, "true")]
    assert apply("a: on\nb: no\n", edits) == "a: true\nb: false\n"


def test_of_edits_that_overlap_the_first_is_made():
    assert apply("abcdef", [edit(1, 1, 4, "x"), edit(1, 3, 6, "y")]) == "xdef"


def test_an_empty_span_inserts():
    assert apply("# c\nname: x\n", [edit(2, 1, 1, "kind: fallback\n")]) == "# c\nkind: fallback\nname: x\n"


def test_a_span_beyond_the_text_appends():
    assert apply("a: 1", [edit(9, 1, 1, "\n")]) == "a: 1\n"


@given(st.lists(st.tuples(st.sampled_from(["é", "x", "😀", "\t"]), st.sampled_from(["\n", "\r\n", "\r"])), min_size=1, max_size=6))
def test_lines_are_counted_as_the_reader_counts_them(lines):
    text = "".join(f"k{number}: '{mark.strip()}'  # {mark}{end}" for number, (mark, end) in enumerate(lines))
    source = parse(HERE, text)
    edits = [Edit(source.places[(key,)].value, f'"{key}"') for key in source.data]
    assert parse(HERE, apply(text, edits)).data == {key: key for key in source.data}
