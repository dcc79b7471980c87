"""Applies the safe edits that findings carry. Pure: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labmodels.config.diagnostics import Edit

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as one


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with the edits made; of edits that overlap, the first in the text is made."""
    starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column - 1 if line <= len(starts) else len(text)

    pieces: list[str] = []
    position = 0
    spans = sorted((offset(e.span.line, e.span.column), offset(e.span.end_line, e.span.end_column), e.replacement) for e in edits)
    for begin, end, replacement in spans:
        if begin >= position:
            pieces += [text[position:begin], replacement]
            position = end
    return "".join([*pieces, text[position:]])
