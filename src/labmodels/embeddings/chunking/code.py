"""Code along its syntax tree: a function or class is a chunk with its scope as trail; statements between them are grouped.

A language is one line of `GRAMMARS`. What has no grammar, or whose grammar is not installed, is cut by lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from itertools import chain, pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from labmodels.embeddings.chunking.chunk import Outline, Section, defining

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


Scope = tuple[str, ...] | None  # the classes around a node; None inside a function, whose names are its own affair


class Grammar(NamedTuple):
    """Where a language's grammar comes from, and which of its nodes define a name."""

    module: str
    functions: frozenset[str]
    classes: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()  # stand around a definition, as decorators do
    assignments: frozenset[str] = frozenset()


_PYTHON = Grammar(
    "tree_sitter_python",
    functions=frozenset({"function_definition"}),
    classes=frozenset({"class_definition"}),
    wrappers=frozenset({"decorated_definition"}),
    assignments=frozenset({"assignment"}),
)
_SHELL = Grammar("tree_sitter_bash", functions=frozenset({"function_definition"}), assignments=frozenset({"variable_assignment"}))
GRAMMARS: Mapping[str, Grammar] = {".py": _PYTHON, ".pyi": _PYTHON, ".sh": _SHELL, ".bash": _SHELL}

_DEEPEST = 40  # nodes that open on one line; what is nested deeper is not looked into
_NAMELESS = frozenset({"__init__", "__main__", "index", "mod"})  # called after their folder


def outline(path: str, lines: Sequence[str], suffix: str) -> Outline:
    """Return the outline of a source file in the language of `suffix`, which may differ from the path's."""
    grammar = GRAMMARS.get(suffix)
    parser = _parser(grammar.module) if grammar else None
    if grammar is None or parser is None:
        return Outline(lines, by_lines(path, lines))
    tree = parser.parse("\n".join(lines).encode("utf-8", "replace"))
    code = _Code(grammar)
    root = Section(
        1, len(lines), "code", module(path), is_open=True,
        parts=lambda: code.parts(tree.root_node, ()), symbols=lambda: code.names(tree.root_node, ()),
    )  # fmt: skip
    return Outline(lines, root)


def module(path: str) -> str:
    """Return what a source file is called in a trail: its name without suffix, or its folder's when it has none of its own."""
    file = PurePosixPath(path)
    return file.parent.name if file.stem in _NAMELESS and file.parent.name else file.stem


def missing() -> list[str]:
    """Return the grammars that are not installed."""
    return sorted({grammar.module for grammar in GRAMMARS.values() if _parser(grammar.module) is None})


@lru_cache(maxsize=32)
def _parser(name: str) -> Parser | None:
    """Return the parser of a grammar; None when it or tree-sitter is not installed, or they do not fit each other."""
    try:
        from tree_sitter import Language, Parser

        return Parser(Language(import_module(name).language()))
    except (ImportError, ValueError):
        return None


class _Code:
    """Makes sections of the nodes of one language."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def parts(self, node: Node, scope: Scope, depth: int = 0) -> Iterator[Section]:
        """Yield the sections inside a node, each below its comments. A child that opens on the node's first line gives its own parts."""
        at = _first(node) if node.parent else 0  # the last line that is taken
        comment = 0  # where the comments above the next child begin
        for child in node.named_children:
            if _last(child) <= at:
                continue
            if _first(child) <= at:
                if depth < _DEEPEST:
                    yield from self.parts(child, scope, depth + 1)
                at = _last(child)
            elif child.type == "comment":
                comment = comment if comment and _first(child) == at + 1 else _first(child)
                at = _last(child)
            else:
                first = comment if comment and _first(child) == at + 1 else _first(child)
                yield self._section(child, first, scope)
                at, comment = _last(child), 0

    def names(self, node: Node, scope: Scope, depth: int = 0) -> Iterator[str]:
        """Yield the names that a node defines, with their scope: functions, classes, methods, constants; none from inside functions."""
        if scope is None:
            return
        found = self._definition(node)
        if found is not None:
            inner = (*scope, _name(found))
            yield ".".join(inner)
            if found.type in self._grammar.classes:
                yield from self._names_inside(found, inner, depth)
        elif node.type in self._grammar.assignments:
            target = node.child_by_field_name("left") or node.child_by_field_name("name")
            if target is not None and target.type in ("identifier", "variable_name"):
                yield ".".join((*scope, _text(target)))
        elif depth < _DEEPEST and re.search("statement|clause|block|body|module|program|command$|group", node.type):
            yield from self._names_inside(node, scope, depth)

    def _names_inside(self, node: Node, scope: tuple[str, ...], depth: int) -> Iterator[str]:
        return chain.from_iterable(self.names(child, scope, depth + 1) for child in node.named_children)

    def _section(self, node: Node, first: int, scope: Scope) -> Section:
        found = self._definition(node)
        inside = node if found is None else found
        name = "" if found is None else _name(found)
        inner = scope if found is None or scope is None else None if found.type in self._grammar.functions else (*scope, name)
        return Section(
            first, _last(node), "code", name, is_apart=found is not None,
            parts=lambda: self.parts(inside, inner), symbols=lambda: self.names(node, scope),
        )  # fmt: skip

    def _definition(self, node: Node) -> Node | None:
        grammar = self._grammar
        if node.type in grammar.wrappers:
            inside = [child for child in node.named_children if child.type in grammar.functions | grammar.classes]
            return inside[-1] if inside else None
        return node if node.type in grammar.functions | grammar.classes else None


def _first(node: Node) -> int:
    return node.start_point.row + 1


def _last(node: Node) -> int:
    """Return the last line that a node has text on."""
    end = node.end_point
    return max(_first(node), end.row + (end.column > 0))


def _name(node: Node) -> str:
    name = node.child_by_field_name("name")
    return _text(name) if name is not None else "?"


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


_DEFINES = re.compile(
    r"\s{0,4}(?:(?:export|default|public|private|protected|static|final|abstract|async|pub(?:\([^)]*\))?|unsafe|extern|inline|local)\s+)*"
    r"(?:func|function|fn|def|class|struct|enum|interface|trait|impl|type|module|namespace|package|sub|CREATE\s+TABLE|resource|rule)\s+"
    r"(?:\([^)]*\)\s*)?[\"']?([A-Za-z_][\w.:]*)"
)
_TARGET = re.compile(r"([A-Za-z_][\w./-]*)\s*:(?!=)")  # of a makefile
_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%)")


def by_lines(path: str, lines: Sequence[str]) -> Section:
    """Return the sections of code in a language without grammar: what begins at the margin after a blank line begins a block."""
    is_makefile = PurePosixPath(path).name.lower() in ("makefile", "gnumakefile") or path.endswith(".mk")
    starts = [number for number in range(1, len(lines) + 1) if _begins(lines, number)]
    sections = [_block(lines, first, following - 1, is_makefile) for first, following in pairwise([*starts, len(lines) + 1])]
    return Section(1, len(lines), "code", module(path), is_open=True, parts=lambda: sections)


def _begins(lines: Sequence[str], number: int) -> bool:
    line = lines[number - 1]
    is_at_margin = bool(line.strip()) and not line[0].isspace() and line[0] not in ")]}"
    return is_at_margin and (number == 1 or not lines[number - 2].strip())


def _block(lines: Sequence[str], first: int, last: int, is_makefile: bool) -> Section:
    """Return a block; what its first line that is no comment defines is its symbol."""
    for line in lines[first - 1 : last]:
        if line.strip() and not _COMMENT.match(line):
            defined = (_TARGET if is_makefile else _DEFINES).match(line)
            if defined:
                return Section(first, last, "code", is_apart=not is_makefile, symbols=defining(defined[1]))
            break
    return Section(first, last, "code")
