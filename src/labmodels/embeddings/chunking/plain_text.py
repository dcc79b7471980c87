"""Plain text: paragraphs, and the headings that text can have: underlined, or unindented above what is indented, as in manual pages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labmodels.embeddings.chunking.prose import Block, Scanner

_UNDERLINE = re.compile(r"([=~*#^-])\1{2,}\s*")
_ITEM = re.compile(r"\s*([-*+•]|\d{1,4}[.)])\s+\S")
_LONGEST_HEADING = 70


def blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks and headings of a text in order; they cover every line that is not blank."""
    scanner = Scanner(lines)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            scanner.close(number)
        elif 0 < scanner.starts_at == number - 1 and _UNDERLINE.fullmatch(line):
            scanner.heading(number - 1, number, 2 if line[0] in "-~^" else 1, lines[number - 2].strip())
        elif not scanner.starts_at and _is_heading(lines, number):
            scanner.heading(number, number, 3 if line[0] == " " else 1, line.strip())
        else:
            is_item = bool(_ITEM.match(line))
            if is_item and scanner.starts_at and scanner.kind != "list":
                scanner.close(number)
            scanner.add(number, "list" if is_item else "paragraph")
    scanner.close(len(lines) + 1)
    return scanner.blocks


def _is_heading(lines: Sequence[str], number: int) -> bool:
    """Whether the line opens what follows: short, at the margin of 0 or 3, no sentence, and the next line is indented further."""
    line = lines[number - 1].rstrip()
    following = lines[number] if number < len(lines) else ""
    margin = _indent(line)
    if margin not in (0, 3) or len(line) > _LONGEST_HEADING or line[-1] in (".,;" if margin else ".,;:") or not line.strip()[0].isupper():
        return False
    return bool(following.strip()) and _indent(following) > margin + 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
