"""The lines of a hit that speak most of the query, where they stand, and which of their letters were asked for. Pure; no colour."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from labmodels.embeddings.stored import StoredChunk
from labmodels.words import terms, with_pairs

MOST_LINES = 3
LONGEST_LINE = 160
_BEFORE = 40  # letters of a long line that are shown before what was asked for

_WORD = re.compile(r"[^\W_]+(?:[+#]+)?")
_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])|[^\W_]+?(?=[A-Z]|$)|[^\W_]+")


@dataclass(frozen=True, slots=True)
class SnippetLine:
    """A line of a source as it is shown: its number, its text, and the spans in it that were asked for."""

    number: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()


def snippet(chunk: StoredChunk, stems: Set[str]) -> tuple[SnippetLine, ...]:
    """Return at most three consecutive lines of a chunk that hold the most of `stems`, the first such; its first lines where none does."""
    lines = chunk.text.splitlines() or [""]
    spoken = [_spoken(line) & stems for line in lines]
    starts = [at for at, line in enumerate(lines) if line.strip()] or [0]
    start = max(starts, key=lambda at: (_worth(spoken[at : at + MOST_LINES]), -at))
    shown = [at for at in range(start, min(start + MOST_LINES, len(lines)))]
    while len(shown) > 1 and not lines[shown[-1]].strip():
        shown.pop()
    return tuple(_line(min(chunk.line + at, chunk.end_line), lines[at], stems) for at in shown)


def _worth(spoken: list[frozenset[str]]) -> tuple[int, int]:
    """Return how many different stems some lines hold, then how many the first of them, at which the hit is opened."""
    return len(frozenset().union(*spoken)), len(spoken[0])


def _spoken(line: str) -> frozenset[str]:
    return frozenset(with_pairs(terms(line)))


def _line(number: int, text: str, stems: Set[str]) -> SnippetLine:
    marks = _marks(text, stems)
    if len(text) <= LONGEST_LINE:
        return SnippetLine(number, text.rstrip(), marks)
    start = max(0, (marks[0][0] if marks else 0) - _BEFORE)
    start = min(start, len(text) - LONGEST_LINE)
    end = start + LONGEST_LINE
    before, after = "..." if start else "", "..." if end < len(text) else ""
    moved = len(before) - start
    kept = ((max(a, start) + moved, min(b, end) + moved) for a, b in marks if a < end and b > start)
    return SnippetLine(number, before + text[start:end] + after, tuple(kept))


def _marks(text: str, stems: Set[str]) -> tuple[tuple[int, int], ...]:
    """Return the spans of the words, or of the parts of an identifier, whose stem is among `stems`."""
    marks: list[tuple[int, int]] = []
    for word in _WORD.finditer(text):
        if _is_asked(word[0], stems):
            marks.append(word.span())
            continue
        parts = [part.span() for part in _PART.finditer(text, *word.span())]
        if len(parts) > 1:
            marks += [span for span in parts if _is_asked(text[slice(*span)], stems)]
    return tuple(marks)


def _is_asked(word: str, stems: Set[str]) -> bool:
    found = terms(word)
    return bool(found) and (all(stem in stems for stem in found) or "".join(found) in stems)
