"""Whatever the outline says, chunks keep their bound and hold every line once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.chunking.chunk import Chunk, Outline, Section
from labmodels.embeddings.chunking.packing import Bound, pack
from tests.embeddings.chunking.cutting import assert_bounded, assert_whole, count

LINES = st.lists(st.one_of(st.just(""), st.text("ab .{}\t", max_size=12), st.text("abc. é漢", min_size=100, max_size=400)), max_size=40)


def sections(depth: int = 3) -> st.SearchStrategy[Section]:
    """Sections with any lines: outside of those around them, before their neighbours, overlapping."""
    parts = st.lists(sections(depth - 1), max_size=4) if depth else st.just([])
    return st.builds(
        lambda first, last, title, is_apart, is_open, inside: Section(
            first, last, "code", title, is_apart, is_open, parts=lambda: inside, symbols=lambda: [title] if title else []
        ),
        st.integers(-3, 45), st.integers(-3, 45), st.sampled_from(["", "a", "long title " * 40]), st.booleans(), st.booleans(), parts,
    )  # fmt: skip


@given(LINES, sections(), st.integers(16, 60))
def test_no_line_is_lost_or_said_twice_whatever_the_sections(lines, root, most):
    found = list(pack("a", Outline(lines, root), Bound(most, count)))
    assert_whole(found, "\n".join(lines), most)
    assert found == list(pack("a", Outline(lines, root), Bound(most, count)))


@given(st.text("a bc.\n", max_size=3000), st.integers(16, 40))
def test_the_bound_holds_whatever_counts_the_tokens(text, most):
    lines = text.split("\n")
    found = list(pack("a", Outline(lines, Section(1, len(lines), "paragraph", "t")), Bound(most, len)))
    assert all(len(chunk.embedded) <= most for chunk in found)


def block(first: int, last: int, **more: object) -> Section:
    return Section(first, last, "paragraph", **more)  # type: ignore[arg-type]


def packed(lines: list[str], *parts: Section, most: int = 16, **more: object) -> list[Chunk]:
    root = Section(1, len(lines), "paragraph", "Title", parts=lambda: parts, **more)  # type: ignore[arg-type]
    return list(pack("a", Outline(lines, root), Bound(most, count)))


def test_what_fits_is_one_chunk_without_its_own_title_in_the_trail():
    (only,) = packed(["one", "two"], block(1, 1), block(2, 2))
    assert (only.text, only.trail) == ("one\ntwo", ())


def test_an_open_section_gives_its_title_to_its_parts_even_when_it_fits():
    (only,) = packed(["one", "two"], block(1, 1), block(2, 2), is_open=True)
    assert only.trail == ("Title",)
    assert [chunk.text for chunk in packed(["one", "two"], block(1, 1, is_apart=True), block(2, 2), is_open=True)] == ["one", "two"]


def test_neighbours_are_merged_up_to_the_bound_and_never_beyond():
    lines = [f"l{k} a b" for k in range(10)]
    found = packed(lines, *(block(k, k) for k in range(1, 11)))
    assert [(chunk.line, chunk.end_line) for chunk in found] == [(1, 5), (6, 10)]


def test_a_heading_goes_with_what_follows_and_a_bracket_with_what_precedes():
    lines = ["head {", *(f"w{k} x y z" for k in range(8)), "}"]
    found = packed(lines, block(2, 9, is_apart=True))
    assert found[0].text.startswith("head {\nw0") and found[-1].text.endswith("\n}")


def test_long_text_is_cut_at_the_emptiest_boundary():
    paragraphs = [*["aa bb cc"] * 3, "", *["dd ee ff"] * 4]
    assert [(chunk.line, chunk.end_line) for chunk in packed(paragraphs, most=16)] == [(1, 3), (5, 8)]
    (first, *_) = packed(["one two. " * 4 + "three four five six seven eight nine ten eleven twelve thirteen"], most=16)
    assert first.text == "one two. one two. one two. one two."


def test_the_symbols_of_a_section_that_is_cut_are_named_once():
    inside = [block(k, k, symbols=lambda k=k: [f"A.f{k}"], is_apart=True) for k in (2, 3)]
    lines = ["class A", "f two a b c d e f g h", "f three a b c d e f g h"]
    found = packed(lines, *inside, symbols=lambda: ["A", "A.f2", "A.f3"])
    assert [chunk.symbols for chunk in found] == [("A", "A.f2"), ("A.f3",)]


def test_a_trail_takes_at_most_half_of_the_bound_and_keeps_its_innermost():
    bound = Bound(20, count)
    assert bound.trail(("a " * 30, "b", " c\n d ")) == ("b", "c d")
    assert count(bound.trail(("word " * 300,))[0]) <= 10


def test_nesting_without_end_is_cut_by_lines():
    lines = [f"{' ' * k}k{k} some more words" for k in range(300)]
    section = block(300, 300)
    for k in range(299, 0, -1):
        section = block(k, 300, title=f"k{k}", parts=lambda inner=section: (inner,))
    found = list(pack("a", Outline(lines, section), Bound(32, count)))
    assert_whole(found, "\n".join(lines), 32)


def test_one_line_of_megabytes_is_cut_too():
    found = list(pack("a", Outline(["x" * 2_000_000], block(1, 1)), Bound(200, count)))
    assert_bounded(found, 200)
    assert sum(len(chunk.text) for chunk in found) == 2_000_000


def test_equal_text_has_one_hash_wherever_it_stands():
    here, there = Chunk("a", 1, 1, "t", "code", ("x",)), Chunk("b", 9, 9, "t", "code", ("x",), ("s",), 5)
    assert here.embedded == "x\nt" and here.hash == there.hash != Chunk("a", 1, 1, "t", "code").hash
