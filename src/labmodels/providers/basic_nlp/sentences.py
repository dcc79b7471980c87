"""Cuts prose into the sentences that can be quoted by themselves. Headings, tables and code are no sentences and are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labmodels.providers.basic_nlp.quoting import Material
from labmodels.providers.protocol import Source
from labmodels.words import terms

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[\"')\]]*\s+(?=[A-Z0-9`\"'(\[*])|(?<=[。！？])")  # noqa: RUF001
FENCE = re.compile(r"[ \t]{0,12}(```|~~~)")
_NO_PROSE = re.compile(r"[ \t]{0,12}(?:#{1,6} |\||=+[ \t]*$|-{2,}[ \t]*$|> ?\|)")
_ITEM = re.compile(r"[ \t]{0,40}(?:[-*+]|\d{1,4}[.)])[ \t]+(?=\S)")
_FEWEST_WORDS, _MOST_WORDS, _LONGEST = 4, 80, 800
_LEAST_LETTERS = 0.75  # of the characters, spaces included: commands, tables and dumps have fewer


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the material and its terms."""

    source: Source
    terms: tuple[str, ...]


def sentences(material: Material) -> list[Sentence]:
    """Return the sentences of a text in reading order."""
    found = []
    for begin, end in _blocks(material.text):
        for first, last in _cuts(material.text, begin, end):
            text = material.text[first:last]
            if _is_sentence(text) and (source := material.quote(first, last)):
                found.append(Sentence(source, tuple(terms(text))))
    return found


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the begin and end of every paragraph and list item: lines of prose that belong together."""
    begin = end = position = 0
    fence = ""
    for line in text.split("\n"):
        here, position = position, position + len(line) + 1
        mark = FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        is_prose = bool(line.strip()) and not mark and not fence and not _NO_PROSE.match(line)
        item = _ITEM.match(line)
        if (not is_prose or item) and end > begin:
            yield begin, end
            begin = end = position
        if is_prose:
            begin = here + (item.end() if item else 0) if end <= begin else begin
            end = here + len(line)
        else:
            begin = end = position
    if end > begin:
        yield begin, end


def _cuts(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    for cut in SENTENCE_END.finditer(text, begin, end):
        yield begin, cut.start()
        begin = cut.end()
    yield begin, end


def _is_sentence(text: str) -> bool:
    """Whether a text reads like a sentence: some words, mostly letters, and an end in sight."""
    if len(text) > _LONGEST or not _FEWEST_WORDS <= len(text.split()) <= _MOST_WORDS:
        return False
    return sum(c.isalpha() or c == " " for c in text) >= _LEAST_LETTERS * len(text)
