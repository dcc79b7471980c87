"""Markdown, plain text and reStructuredText are cut below their headings; no section shares a chunk with its neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.chunking.markdown import passages
from labmodels.embeddings.documents import Document
from tests.embeddings.chunking.cutting import assert_whole, cut

ROOT = Path(__file__).parents[3]
FORMS = (
    "", "", "# h", "## h2", "text that goes on", "- item", "  more", "```", "~~~", "| a |", "===", "---", "    code", "1. one", "NAME",
    "   sub", ".. note::", ".. function:: f(x)", "   x", "literal::", "Title", "=====", "-----", "+---+", "\x0c", "a\x85b", "word " * 60,
)  # fmt: skip
LINES = st.lists(st.sampled_from(FORMS), max_size=50)


@given(LINES, st.sampled_from(["a.md", "a.rst", "a.txt", "a"]), st.integers(16, 60))
def test_every_line_is_in_one_chunk(lines, path, most):
    text = "\n".join(lines)
    found = cut(path, text, most=most)
    assert_whole(found, text, most)
    assert found == cut(path, text, most=most)


@given(LINES)
def test_passages_stand_in_order_do_not_overlap_and_hold_their_lines(lines):
    end = 0
    for passage in passages(Document("d.md", "\n".join(lines))):
        assert end < passage.line <= passage.end_line <= len(lines)
        held = lines[passage.line - 1 : passage.end_line]
        assert [line.strip() for line in passage.text.split("\n")] == [line.strip() for line in held]
        end = passage.end_line


def test_passages_know_their_kind_their_lines_and_their_headings():
    text = "# A\n\nOne.\nTwo.\n\n## B ##\n- x\n- y\n\n```sh\n# not a heading\nrun\n```\n| a | b |\n\nC\n===\n\n    indented\n"
    found = [(one.kind, one.line, one.end_line, one.trail) for one in passages(Document("d.md", text))]
    assert found == [
        ("paragraph", 3, 4, ("A",)),
        ("list", 7, 8, ("A", "B")),
        ("code", 11, 12, ("A", "B")),
        ("table", 14, 14, ("A", "B")),
        ("code", 19, 19, ("C",)),
    ]


def test_a_fence_that_never_closes_ends_with_the_document():
    (code,) = passages(Document("d.md", "```\na\nb"))
    assert (code.text, code.line, code.end_line) == ("a\nb", 2, 3)


def test_a_line_above_everything_is_no_underline():
    assert [one.trail for path in ("a.md", "a.txt", "a.rst") for one in cut(path, "-----\ntext\n\nmore")] == [()] * 3


def test_a_markdown_section_is_a_chunk_with_its_heading_and_what_is_below_it():
    text = "# Guide\n\nIntro.\n\n## Roll back\n\n1. Look.\n\n   ```sh\n   run\n   ```\n\n## Rotate\n\n- New key.\n"
    assert [(one.line, one.end_line, one.kind, one.trail) for one in cut("g.md", text, "markdown")] == [
        (1, 3, "paragraph", ("Guide",)),
        (5, 11, "paragraph", ("Guide", "Roll back")),
        (13, 15, "list", ("Guide", "Rotate")),
    ]


def test_a_section_that_does_not_fit_keeps_its_paragraphs_whole_and_its_heading_above_the_first():
    text = "# Long\n\n" + "\n\n".join(f"Paragraph {k} has a few words of its own." for k in range(9))
    found = cut("g.md", text, "markdown", 40)
    assert found[0].text.startswith("# Long\n\nParagraph 0") and len(found) == 3
    assert all(one.trail == ("Long",) and one.text.endswith("own.") for one in found)


def test_a_manual_page_is_cut_at_its_sections():
    text = "LS(1)\n\nNAME\n       ls - list\n\nOPTIONS\n       -a     all\n\n   Exit status:\n       0      fine\n"
    assert [(one.line, one.trail) for one in cut("ls.txt", text)] == [
        (1, ()),
        (3, ("NAME",)),
        (6, ("OPTIONS",)),
        (9, ("OPTIONS", "Exit status:")),
    ]


def test_underlined_lines_of_plain_text_are_headings():
    assert [one.trail for one in cut("a.txt", "Top\n===\n\nText.\n\nBelow\n-----\n\nMore.\n")] == [("Top",), ("Top", "Below")]


def test_rest_titles_nest_in_the_order_of_their_adornments():
    text = "****\nBook\n****\n\nA.\n\nOne\n~~~\n\nB.\n\nDeep\n====\n\nC.\n\nTwo\n~~~\n\nD.\n"
    assert [one.trail for one in cut("b.rst", text)] == [("Book",), ("Book", "One"), ("Book", "One", "Deep"), ("Book", "Two")]


def test_rest_directives_name_what_they_document_and_keep_code_together():
    text = "Title\n=====\n\n.. py:function:: load(path)\n\n   Loads.\n\n.. code-block:: python\n\n   x = 1\n\n   y = 2\n\nDone.\n"
    (only,) = cut("a.rst", text)
    assert only.symbols == ("load",)
    code = next(one for one in cut("a.rst", text, most=16) if "x = 1" in one.text)
    assert code.text.endswith("y = 2") and code.kind == "code"


def test_the_documents_of_this_repository_are_cut_without_loss():
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = file.read_text(encoding="utf-8")
        assert_whole(cut(file.name, text, "markdown"), text, 200)


@pytest.mark.parametrize("text", ["", "\n\n", " \t\n"])
@pytest.mark.parametrize("chunker", ["markdown", "text", "code", "configuration", "openapi", "logs", "metrics"])
@pytest.mark.parametrize("path", ["a", "a.md", "a.py", "a.yaml", "a.json", "a.html"])
def test_nothing_is_cut_into_nothing(path, chunker, text):
    assert cut(path, text, chunker) == []
