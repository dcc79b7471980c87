"""reStructuredText: titles by their adornment, directives and literal blocks with what is indented below them, lists and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labmodels.embeddings.chunking.chunk import Kind
from labmodels.embeddings.chunking.prose import Block, Scanner

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*")
_DIRECTIVE = re.compile(r"\s*\.\.\s+(?:([\w:-]+?)::(?:\s+(.*))?$|[^\s])")
_ITEM = re.compile(r"\s*([-*+•]|\d{1,4}[.)]|#\.)\s+\S")
_TABLE = re.compile(r"\s*(\+[-=+]+\+|={2,}(?:\s+={2,})+)\s*")
_CODE = frozenset({"code", "code-block", "sourcecode", "literalinclude", "doctest", "testcode", "productionlist", "parsed-literal", "math"})
_DEFINES = re.compile(r"(?:\w+:)?(?:function|class|method|attribute|data|exception|module|option|envvar|decorator|setting|confval)")


def blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks and headings in order; they cover every line that is not blank."""
    scanner = Scanner(lines)
    styles: list[str] = []  # of the titles, in the order in which they first occur: that is what makes their level
    number = 0
    while number < len(lines):
        number += 1
        line = lines[number - 1]
        if not line.strip():
            scanner.close(number)
        elif length := _title(lines, number) if not scanner.starts_at else 0:
            style = line[0] * 2 if length == 3 else lines[number][0]
            styles += [] if style in styles else [style]
            title = lines[number if length == 3 else number - 1].strip()
            scanner.heading(number, number + length - 1, styles.index(style) + 1, title)
            number += length - 1
        elif directive := _DIRECTIVE.match(line):
            scanner.close(number)
            number = _directive(scanner, number, directive[1] or "", directive[2] or "")
        else:
            _add(scanner, number, line)
    scanner.close(len(lines) + 1)
    return scanner.blocks


def _title(lines: Sequence[str], number: int) -> int:
    """Return how many lines the title at `number` has: 2, 3 with an overline, 0 for no title."""
    here, below, further = (lines[at - 1] if at <= len(lines) else "" for at in (number, number + 1, number + 2))
    if _is_adornment(here) and below.strip() and _is_adornment(further) and further[0] == here[0] and not _TABLE.fullmatch(here):
        return 3
    is_long_enough = len(below.rstrip()) >= min(len(here.rstrip()), 3)
    return 2 if here[0] not in " \t" and not _is_adornment(here) and _is_adornment(below) and is_long_enough else 0


def _is_adornment(line: str) -> bool:
    return len(line.rstrip()) > 1 and bool(_ADORNMENT.fullmatch(line))


def _directive(scanner: Scanner, first: int, name: str, argument: str) -> int:
    """Add the block of a directive or comment; return its last line. What documents a name is open text below a line that names it."""
    if _DEFINES.fullmatch(name):
        scanner.blocks.append(Block(first, first, symbols=(re.split(r"[(\s]", argument, maxsplit=1)[0],) if argument else ()))
        return first
    last = _indented_until(scanner.lines, first)
    kind: Kind = "code" if name in _CODE else "table" if name.endswith("table") else "paragraph"
    scanner.blocks.append(Block(first, last, kind))
    return last


def _indented_until(lines: Sequence[str], number: int) -> int:
    """Return the last line of what is indented deeper than line `number`."""
    margin, last = _indent(lines[number - 1]), number
    for at in range(number + 1, len(lines) + 1):
        line = lines[at - 1]
        if line.strip():
            if _indent(line) <= margin:
                break
            last = at
    return last


def _add(scanner: Scanner, number: int, line: str) -> None:
    kind: Kind = "list" if _ITEM.match(line) else "table" if _TABLE.fullmatch(line) else "paragraph"
    is_literal = not scanner.starts_at and scanner.blocks and _indent(line) and _opens_literal(scanner.lines, scanner.blocks[-1])
    if is_literal or (not scanner.starts_at and line.lstrip().startswith(">>>")):
        kind = "code"
    if scanner.starts_at and kind == "list" and scanner.kind == "paragraph":
        scanner.close(number)
    scanner.add(number, kind)


def _opens_literal(lines: Sequence[str], block: Block) -> bool:
    return block.kind != "code" and lines[block.last - 1].rstrip().endswith("::")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
