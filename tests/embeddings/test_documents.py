"""Documents are found by globs inside the root, in one order; passages cover their lines and know their headings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.embedding_model import EmbeddingDomain
from labmodels.embeddings.chunking.markdown import passages
from labmodels.embeddings.documents import LARGEST_BYTES, Document, documents


def found(root: Path, *sources: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [document.path for document in documents(root, EmbeddingDomain(group="text", sources=list(sources), exclude=list(exclude)))]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    for path in (
        "README.md",
        "docs/a.md",
        "docs/deep/b.md",
        "docs/deep/er/c.md",
        "docs/notes.txt",
        "docs/.git/x.md",
        ".labmodels/y.md",
        "docs/node_modules/z.md",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"text of {path}")
    return root


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["docs/*.md"], ["docs/a.md"]),
        (["docs/**/*.md"], ["docs/a.md", "docs/deep/b.md", "docs/deep/er/c.md"]),
        (["**/*.md"], ["README.md", "docs/a.md", "docs/deep/b.md", "docs/deep/er/c.md"]),
        (["docs/**"], ["docs/a.md", "docs/deep/b.md", "docs/deep/er/c.md", "docs/notes.txt"]),
        (["docs/deep/?.md", "docs/deep/**/[c-d].md", "README.md"], ["README.md", "docs/deep/b.md", "docs/deep/er/c.md"]),
        (["docs/**/[!b].md"], ["docs/a.md", "docs/deep/er/c.md"]),
        (["nowhere/*.md", "../**/*.md", "docs/../../*.md"], []),
    ],
)
def test_globs_find_their_files_once_and_in_order(tree, globs, expected):
    assert found(tree, *globs) == expected
    assert found(tree, *reversed(globs), *globs) == expected


def test_what_is_excluded_is_left_out(tree):
    assert found(tree, "docs/**/*.md", exclude=("docs/deep/**",)) == ["docs/a.md"]


def test_what_leads_out_of_the_root_or_is_no_text_is_passed_over(tree, tmp_path):
    (tmp_path / "outside.md").write_text("not ours")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/f.md").write_text("not ours")
    (tree / "docs/link.md").symlink_to(tmp_path / "outside.md")
    (tree / "docs/folder").symlink_to(tmp_path / "elsewhere")
    (tree / "docs/inside.md").symlink_to(tree / "README.md")
    (tree / "docs/circle.md").symlink_to(tree / "docs/circle.md")
    (tree / "docs/binary.md").write_bytes(b"a\0b")
    (tree / "docs/latin.md").write_bytes("é".encode("latin-1"))
    (tree / "docs/large.md").write_bytes(b"x" * (LARGEST_BYTES + 1))
    os.mkfifo(tree / "docs/pipe.md")
    assert found(tree, "docs/*.md") == ["docs/a.md", "docs/inside.md"]
    (tree / "linked").symlink_to(tmp_path / "elsewhere")
    assert found(tree, "linked/*.md") == []


def test_a_byte_order_mark_is_no_part_of_the_text(tree):
    (tree / "docs/a.md").write_bytes(b"\xef\xbb\xbf# Title\n\nText")
    (document,) = documents(tree, EmbeddingDomain(group="text", sources=["docs/a.md"]))
    assert passages(document)[0].trail == ("Title",)


def test_passages_know_their_kind_their_lines_and_their_headings():
    text = "# A\n\nOne.\nTwo.\n\n## B ##\n- x\n- y\n\n```sh\n# not a heading\nrun\n```\n| a | b |\n\nC\n===\n\n    indented\n"
    cut = [(one.kind, one.line, one.end_line, one.trail) for one in passages(Document("d.md", text))]
    assert cut == [
        ("paragraph", 3, 4, ("A",)),
        ("list", 7, 8, ("A", "B")),
        ("code", 11, 12, ("A", "B")),
        ("table", 14, 14, ("A", "B")),
        ("code", 19, 19, ("C",)),
    ]


def test_a_fence_that_never_closes_ends_with_the_document():
    (code,) = passages(Document("d.md", "```\na\nb"))
    assert (code.text, code.line, code.end_line) == ("a\nb", 2, 3)


@given(
    st.lists(
        st.sampled_from(["", "# h", "## h2", "text", "- item", "  more", "```", "| a |", "===", "---", "    code", "1. one"]), max_size=40
    )
)
def test_passages_stand_in_order_do_not_overlap_and_hold_their_lines(lines):
    end = 0
    for passage in passages(Document("d.md", "\n".join(lines))):
        assert end < passage.line <= passage.end_line <= len(lines)
        held = lines[passage.line - 1 : passage.end_line]
        assert [line.strip() for line in passage.text.split("\n")] == [line.strip() for line in held]
        end = passage.end_line
