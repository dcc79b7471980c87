"""Code is cut along its syntax tree, whatever its state; without a grammar, at the blocks that its lines show."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.chunking import code
from labmodels.embeddings.chunking.chunker import identity, missing
from tests.embeddings.chunking.cutting import assert_whole, cut, domain

ROOT = Path(__file__).parents[3]
MODULE = '''\
"""What it is."""
import os

LIMIT = 3

# Why it is so.
@cached
@other(
    1,
)
def first(a, b):
    """Say it."""
    local = 1
    return a

class Thing(Base):
    """A thing."""
    size: int = 0

    # Above the method.
    def grow(self):
        return self.size + 1
'''


def test_functions_and_classes_are_chunks_with_their_decorators_and_comments():
    found = cut("src/things.py", MODULE, "code")
    assert [(one.line, one.end_line, one.trail, one.symbols) for one in found] == [
        (1, 4, ("things",), ("LIMIT",)),
        (6, 14, ("things",), ("first",)),
        (16, 22, ("things",), ("Thing", "Thing.size", "Thing.grow")),
    ]


def test_a_class_that_does_not_fit_is_cut_at_its_methods_below_its_name():
    methods = "".join(f"    def method_{k}(self):\n        return {k} + {k} + {k}\n\n" for k in range(4))
    found = cut("pkg/__init__.py", f'class Big:\n    """Much of it, and then more than that."""\n\n{methods}', "code", 24)
    assert [one.trail for one in found] == [("pkg", "Big")] * 5
    assert [one.symbols for one in found] == [("Big",), *((f"Big.method_{k}",) for k in range(4))]


def test_a_function_that_does_not_fit_is_cut_at_its_statements_and_its_first_piece_has_its_name():
    body = "".join(f"    if x == {k}:\n        call({k})\n        other({k})\n" for k in range(9))
    found = cut("m.py", f"def long(x):\n{body}", "code", 40)
    assert found[0].text.startswith("def long(x):\n    if x == 0:") and found[0].symbols == ("long",)
    assert all(one.trail == ("m", "long") for one in found) and all(one.symbols == () for one in found[1:])
    assert all(one.text.lstrip().startswith("if x") for one in found[1:])


def test_shell_functions_keep_the_comments_above_them():
    text = (
        '#!/usr/bin/env bash\nset -e\nROOT=/x\n\n# Says it.\nsay() {\n  echo "$1"\n}\n\n'
        "function stop {\n  exit 1\n}\nsay hello\ncat <<EOF\nstop() {\nEOF\n"
    )
    found = cut("bin/tool", text, "code")
    assert [(one.line, one.end_line, one.symbols) for one in found] == [
        (1, 3, ("ROOT",)),
        (5, 8, ("say",)),
        (10, 12, ("stop",)),
        (13, 16, ()),
    ]
    assert found[0].trail == ("tool",)


def test_other_languages_are_cut_at_the_blocks_of_their_lines():
    text = "package main\n\n// Adds.\nfunc Add(a int) int {\n\tx := 1\n\n\treturn x\n}\n\ntype Thing struct {\n\ta int\n}\n"
    assert [(one.line, one.end_line, one.symbols) for one in cut("a.go", text, "code")] == [
        (1, 1, ("main",)),
        (3, 8, ("Add",)),
        (10, 12, ("Thing",)),
    ]
    (rules,) = cut("Makefile", "all: a\n\tdo it\n\nclean:\n\trm x\n", "code")
    assert rules.symbols == ("all", "clean")


def test_what_does_not_parse_is_cut_all_the_same():
    text = "def broken(:\n    return (\n\nclass Fine:\n    def method(self):\n        pass\n)))\n"
    assert_whole(cut("a.py", text, "code"), text, 200)


LINES = (
    "def f(a):", "class A:", "@x", "# note", "", "    x = 1", "    def g(self):", "        return (", ")", "x = [", "]", "if a:", "\tq",
    '"""', "'", "}", "f() {", "cat <<E", "E", "done", "\x0c", "async def h(): pass", "else:", "x = " + "(" * 400, "word " * 60,
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=40), st.sampled_from(["a.py", "a.sh", "a.go", "Makefile"]), st.integers(16, 60))
def test_every_line_is_in_one_chunk(lines, path, most):
    text = "\n".join(lines)
    found = cut(path, text, "code", most)
    assert_whole(found, text, most)
    assert found == cut(path, text, "code", most)


def test_thousands_of_nested_brackets_are_no_trouble():
    for text in ("x = " + "[\n" * 3000 + "]\n" * 3000, "x = " + "(" * 5000, "if a:\n" * 2000):
        assert_whole(cut("a.py", text, "code"), text.rstrip("\n"), 200)


def library() -> list[Path]:
    return sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))


@pytest.mark.parametrize("chosen", range(4))
def test_the_standard_library_is_cut_without_loss(chosen):
    for file in library()[chosen::4]:
        text = file.read_text(encoding="utf-8")
        assert_whole(cut(file.name, text, "code"), text, 200)


def test_the_scripts_of_this_repository_are_cut_without_loss():
    for file in [ROOT / "Makefile", *ROOT.glob("scripts/*"), *ROOT.glob("src/labmodels/embeddings/**/*.py")]:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            assert_whole(cut(file.name, text, "code"), text, 200)


def test_a_grammar_that_is_not_installed_leaves_the_lines_and_says_so(monkeypatch):
    assert missing(domain("code")) is None
    monkeypatch.setitem(code.GRAMMARS, ".zig", code.Grammar("tree_sitter_of_nobody", functions=frozenset({"function"})))
    assert missing(domain("code")) == ("tree_sitter_of_nobody cannot be loaded: code is cut by lines; pip install 'labmodels[embeddings]'")
    (only,) = cut("a.zig", "pub fn add() void {\n}\n", "code")
    assert only.symbols == ("add",)
    assert missing(domain("markdown")) is None


def test_the_identity_of_a_cut_names_what_decides_it():
    assert identity(domain("code")).startswith("code, 200, cut 1, tree-sitter ")
    assert len({identity(domain(chunker, most)) for chunker in ("code", "markdown", "logs") for most in (100, 200)}) == 6
