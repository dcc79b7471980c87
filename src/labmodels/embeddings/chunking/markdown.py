"""Markdown: headings, paragraphs, lists, tables and fenced code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labmodels.embeddings.chunking.chunk import Chunk, Kind
from labmodels.embeddings.chunking.prose import Block, Scanner, quotable
from labmodels.embeddings.documents import Document

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_UNDERLINE = re.compile(r"(=+|-+)\s*")
_FENCE = re.compile(r"\s*(```+|~~~+)")
_ITEM = re.compile(r"\s*([-*+]|\d{1,4}[.)])\s+\S")


def blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks and headings of Markdown in order; they cover every line that is not blank."""
    scanner = Scanner(lines)
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if fence := _FENCE.match(line):
            scanner.close(number)
            number = _fenced(scanner, number, fence[1])
        elif heading := _HEADING.fullmatch(line):
            scanner.close(number)
            scanner.heading(number, number, len(heading[1]), heading[2])
        elif _is_underline(scanner, number, line):
            scanner.heading(number - 1, number, 1 if line[0] == "=" else 2, lines[number - 2].strip())
        elif not line.strip():
            scanner.close(number)
        else:
            _add(scanner, number, line)
    scanner.close(len(lines) + 1)
    return scanner.blocks


def passages(document: Document) -> list[Chunk]:
    """Cut Markdown into its blocks, one kind each, for quoting: without headings and fences, never merged."""
    lines = document.text.split("\n")
    return list(quotable(document.path, lines, blocks(lines)))


def _fenced(scanner: Scanner, first: int, fence: str) -> int:
    """Add the fenced block that opens at line `first`; return the line that closes it."""
    number = first
    while number < len(scanner.lines) and not scanner.lines[number].strip().startswith(fence):
        number += 1
    last = min(number + 1, len(scanner.lines))
    scanner.blocks.append(Block(first, last, "code", fences=(1, last - number)))
    return last


def _is_underline(scanner: Scanner, number: int, line: str) -> bool:
    is_single = 0 < scanner.starts_at == number - 1 and scanner.kind == "paragraph"
    return is_single and len(line) > 2 and bool(_UNDERLINE.fullmatch(line))


def _add(scanner: Scanner, number: int, line: str) -> None:
    kind: Kind = "list" if _ITEM.match(line) else "table" if line.lstrip().startswith("|") else "paragraph"
    if not scanner.starts_at and line.startswith(("    ", "\t")) and kind == "paragraph":
        kind = "code"
    if scanner.starts_at and kind in ("list", "table") and kind != scanner.kind:  # a list begins right below its sentence
        scanner.close(number)
    scanner.add(number, kind)
