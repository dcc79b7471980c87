"""Documents are found by globs inside the root, in one order, without being read; what is none is passed over with a reason."""

from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.embedding_model import Chunker, EmbeddingDomain
from labmodels.embeddings.documents import (
    LARGEST_BYTES,
    LONGEST_LINE_BYTES,
    Document,
    Found,
    Skipped,
    StreamedDocument,
    decode,
    documents,
    largest_bytes,
    matches,
    read,
    scan,
)
from labmodels.errors import StorageFault


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


def everything(root: Path, *sources: str, chunker: Chunker = "text") -> list[Document | StreamedDocument | Skipped]:
    domain = EmbeddingDomain(group="text", sources=list(sources), chunker=chunker)
    return [read(root, one, chunker) if isinstance(one, Found) else one for one in scan(root, domain)]


def reasons(root: Path, *sources: str, chunker: Chunker = "text") -> dict[str, str]:
    return {one.path: one.reason for one in everything(root, *sources, chunker=chunker) if isinstance(one, Skipped)}


def test_what_is_no_document_of_the_root_is_passed_over_with_its_reason(tree, tmp_path):
    (tmp_path / "outside.md").write_text("not ours")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/f.md").write_text("not ours")
    (tree / "docs/link.md").symlink_to(tmp_path / "outside.md")
    (tree / "docs/folder").symlink_to(tmp_path / "elsewhere")
    (tree / "docs/inside.md").symlink_to(tree / "README.md")
    (tree / "docs/circle.md").symlink_to(tree / "docs/circle.md")
    (tree / "docs/nothing.md").symlink_to(tree / "docs/gone.md")
    (tree / "docs/binary.md").write_bytes(b"a\0b")
    (tree / "docs/packed.md").write_bytes(b"\x1f\x8b\x08\x01\xff\xfe\x03")
    (tree / "docs/large.md").write_bytes(b"x" * (LARGEST_BYTES + 1))
    os.mkfifo(tree / "docs/pipe.md")
    assert found(tree, "docs/*.md") == ["docs/a.md", "docs/inside.md"]
    assert reasons(tree, "docs/*.md") == {
        "docs/link.md": "leads out of the root",
        "docs/circle.md": "links in a circle",
        "docs/nothing.md": "leads to nothing",
        "docs/binary.md": "is binary",
        "docs/packed.md": "is no text in a known encoding",
        "docs/large.md": "is 4,194,305 bytes; the chunker text takes at most 4,194,304",
        "docs/pipe.md": "is not a regular file",
    }
    (tree / "linked").symlink_to(tmp_path / "elsewhere")
    assert found(tree, "linked/*.md") == []
    (tree / "docs/round").symlink_to(tree / "docs")
    assert found(tree, "docs/**/*.md")[:2] == ["docs/a.md", "docs/deep/b.md"]


def test_the_scan_reads_no_file_and_says_what_changed(tree):
    domain = EmbeddingDomain(group="text", sources=["docs/a.md"])
    (before,) = scan(tree, domain)
    status = (tree / "docs/a.md").stat()
    assert before == Found("docs/a.md", status.st_size, status.st_mtime_ns, status.st_ino)
    (tree / "docs/a.md").chmod(0)
    assert list(scan(tree, domain)) == [before]


LISTED: list[str] | None = None  # the folders that were listed since a test has asked for it


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.scandir" and LISTED is not None:
        LISTED.append(str(arguments[0]))


sys.addaudithook(_hear)


@pytest.mark.parametrize(
    ("globs", "folders"),
    [
        (["*.md"], [""]),
        (["docs/*.md"], ["", "docs"]),
        (["docs/deep/*.md", "README.md"], ["", "docs", "docs/deep"]),
        (["d*/**/c.md"], ["", "docs", "docs/deep", "docs/deep/er"]),
        (["docs/**"], ["", "docs", "docs/deep", "docs/deep/er"]),
        (["other/**/*.md", "/etc/*", "../*/*"], [""]),
    ],
)
def test_folders_that_no_glob_leads_into_are_not_listed(tree, globs, folders, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "LISTED", listed := [])
    found(tree, *globs)
    assert sorted(os.path.relpath(folder, tree) for folder in listed) == [folder or "." for folder in folders]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_a_failure(tree):
    (tree / "docs/deep").chmod(0)
    assert reasons(tree, "docs/**/*.md") == {"docs/deep/": "cannot be listed: Permission denied"}


def test_a_root_that_is_not_there_is_a_failure(tmp_path):
    (missing,) = scan(tmp_path / "nowhere", EmbeddingDomain(group="text", sources=["*.md"]))
    assert missing == Skipped("", "cannot be listed: No such file or directory", is_failure=True)


def test_an_empty_root_has_no_documents(tmp_path):
    assert everything(tmp_path, "**") == []


def test_names_may_hold_anything_but_broken_text(tree):
    (tree / "docs/two\nlines.md").write_text("x")
    (tree / "docs/sp ace é.md").write_text("x")
    (tree / os.fsdecode(b"docs/\xff.md")).write_text("x")
    assert found(tree, "docs/*.md") == ["docs/a.md", "docs/sp ace é.md", "docs/two\nlines.md"]
    assert reasons(tree, "docs/*.md") == {"docs/\\udcff.md": "its name is not UTF-8"}


def test_a_file_that_is_gone_when_it_is_read_is_a_failure(tree):
    (one,) = scan(tree, EmbeddingDomain(group="text", sources=["docs/a.md"]))
    (tree / "docs/a.md").unlink()
    assert read(tree, one, "text") == Skipped("docs/a.md", "cannot be read: No such file or directory", is_failure=True)


def test_a_file_whose_size_is_not_what_is_read_is_reported_as_changed():
    status = Found("self/status", 0, 0, 0)  # the kernel makes it up while it is read: its size is 0
    assert read(Path("/proc"), status, "text") == Skipped("self/status", "changed while it was read, twice", is_failure=True)


def test_a_file_that_grew_beyond_the_bound_since_the_scan_is_passed_over(tree):
    (one,) = scan(tree, EmbeddingDomain(group="text", sources=["docs/a.md"]))
    (tree / "docs/a.md").write_bytes(b"x" * (LARGEST_BYTES + 1))
    assert isinstance(read(tree, one, "text"), Skipped)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbf# Title", "# Title"),
        ("é 漢".encode(), "é 漢"),
        ("é\n".encode("utf-16"), "é\n"),
        (b"\xe9\x92", "é\u2019"),
        (b"# -*- coding: koi8-r -*-\n\xd1\xc4", "# -*- coding: koi8-r -*-\n\u044f\u0434"),
        ('<meta charset="iso-8859-2">ł'.encode("iso-8859-2"), '<meta charset="iso-8859-2">ł'),
        (b"# coding: no-such\n\xe9", "# coding: no-such\né"),
        (b"# coding: hex\nff\xe9", "# coding: hex\nffé"),
        (b"a\0b", None),
        (b"\xe9\x01", None),
        (b"\x81", None),
        (b"\xff\xfea", None),
    ],
)
def test_text_is_decoded_as_it_says_or_as_windows_wrote_it(data, text):
    assert decode(data) == text


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"coding: ", b"charset=", b"coding: zlib\n", b"coding: utf-7\n", b"coding: unicode_escape\n\\", b"\xff\xfe"]),
)
def test_decoding_never_fails(data, front):
    text = decode(front + data)
    assert text is None or "\0" not in text or front == b"\xff\xfe" or data[:2] in (b"\xff\xfe", b"\xfe\xff")


def test_lines_are_counted_as_editors_count_them(tree):
    (tree / "docs/a.md").write_bytes(b"one\r\ntwo\x0c\xe2\x80\xa8still two\n")
    (document,) = everything(tree, "docs/a.md")
    assert list(document.lines()) == ["one", "two\x0c\u2028still two", ""]


def test_equal_text_has_one_digest(tree):
    (tree / "docs/b.md").write_text("text of docs/a.md")
    one, other = everything(tree, "docs/[ab].md")
    assert one.digest == other.digest != Document("a", "").digest


def large_log(tree: Path) -> StreamedDocument:
    line = b"a line of some length\n"
    (tree / "big.log").write_bytes(line * (LARGEST_BYTES // len(line) + 2))
    (document,) = everything(tree, "*.log", chunker="logs")
    assert isinstance(document, StreamedDocument)
    return document


def test_a_large_log_is_streamed_up_to_where_it_ended(tree):
    document = large_log(tree)
    lines, digest = list(document.lines()), document.digest
    with (tree / "big.log").open("ab") as log:
        log.write(b"one more\n")
    assert list(document.lines()) == lines and document.digest == digest
    assert set(lines) == {"a line of some length"} and largest_bytes("logs") is None


def test_a_log_that_is_cut_or_rewritten_while_it_is_read_says_so(tree):
    document = large_log(tree)
    lines = document.lines()
    next(lines)
    os.truncate(tree / "big.log", 0)
    with pytest.raises(StorageFault, match=r"big.log was changed while it was read"):
        list(lines)
    (tree / "big.log").unlink()
    with pytest.raises(StorageFault, match=r"cannot read big.log"):
        _ = document.digest


def test_a_log_with_broken_bytes_is_read_and_a_packed_one_is_not(tree):
    (tree / "a.log").write_bytes(b"fine \xff line\n")
    (tree / "b.log").write_bytes(b"\x1f\x8b\0\0")
    (tree / "c.log").write_bytes(b"\x1f\x8b\0\0" * (LARGEST_BYTES // 4 + 1))
    assert reasons(tree, "*.log", chunker="logs") == {"b.log": "is binary", "c.log": "is binary"}
    assert next(one for one in everything(tree, "a.log", chunker="logs")).text == "fine \ufffd line\n"


def test_a_line_without_end_is_cut_and_counted_once(tree):
    (tree / "a.log").write_bytes(b"first\n" + b"x" * (LARGEST_BYTES + 5) + b"\nlast")
    (document,) = everything(tree, "a.log", chunker="logs")
    first, long, last = document.lines()
    assert (first, len(long), last) == ("first", LONGEST_LINE_BYTES, "last")


def test_a_line_of_a_hundred_megabytes_takes_little_memory(tree):
    (tree / "a.log").touch()
    os.truncate(tree / "a.log", 100_000_000)
    tracemalloc.start()
    (line,) = StreamedDocument("a.log", tree / "a.log", 100_000_000).lines()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(line) == LONGEST_LINE_BYTES and peak < 8_000_000


def test_fifty_thousand_files_are_found_in_order(tmp_path):
    for folder in range(50):
        (tmp_path / f"f{folder:02d}").mkdir()
        for name in range(1000):
            (tmp_path / f"f{folder:02d}/{name:03d}.md").touch()
    paths = [one.path for one in scan(tmp_path, EmbeddingDomain(group="text", sources=["**/*.md"], exclude=["**/*5.md"]))]
    assert len(paths) == 45_000 and paths == sorted(paths)


@given(st.text("[]!^-za\\\\*?/.&~|", max_size=12))
def test_any_text_is_a_glob(glob):
    assert matches("a.md", [glob]) in (True, False)


def test_a_class_that_is_none_stands_for_itself():
    assert matches("[z-a].md", ["[z-a].md"]) and not matches("a.md", ["[z-a].md"])
    assert matches("!.md", ["[!].md"]) and matches("b.md", ["[!a].md"]) and matches("^.md", ["[^a].md"])
