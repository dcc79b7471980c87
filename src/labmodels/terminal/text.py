"""What of a text may reach a terminal, and how many cells it takes there. Knows nothing of what the text says."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences, line breaks of other kinds and changes of writing direction would let a configuration paint over
# the report about it; lone surrogates and non-characters cannot be encoded at all (UTF-8, XML).
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def visible(text: str) -> str:
    """Return `text` with what would steer a terminal replaced, one character for one, so that columns stay true."""
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return `text` made visible on one line."""
    return " ".join(visible(text).split())


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return the longest start of `text` that takes at most `width` cells."""
    used = 0
    for index, character in enumerate(text):
        used += cells(character)
        if used > width:
            return text[:index]
    return text


def elide(text: str, width: int) -> str:
    """Return `text` when it fits into `width` cells, else its start and "..."."""
    return text if cells(text) <= width else cut(text, max(width - 3, 0)) + "..."


def wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` cells, broken between words, or inside a word that is longer than a line."""
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while cells(line) > width:
            piece = cut(line, width) or line[0]
            lines.append(piece)
            line = line[len(piece) :]
    return [*lines, line]


def counted(count: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
