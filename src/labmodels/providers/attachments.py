"""Files inside a message: how they are put into its text and found again, to the character. What they hold is others' affair.

A block stands between two lines, `--- PATH` and `--- end of PATH`. As with the fences of Markdown, the dashes are more than three when
the file itself has such a line: what is between the two is the file, verbatim, whatever it holds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

_BEGIN = re.compile(r"(-{3,}) (\S.*)")


def attach(path: str, text: str) -> str:
    """Return the block that holds the file `path` (a name of one line) with the content `text`."""
    path = " ".join(path.split()) or "-"
    lines = frozenset(text.split("\n"))
    dashes = "---"
    while f"{dashes} {path}" in lines or f"{dashes} end of {path}" in lines:
        dashes += "-"
    return f"{dashes} {path}\n{text}\n{dashes} end of {path}"


def attachments(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text without its blocks, and the path and the content of each block in their order."""
    lines = text.split("\n")
    places: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if line.startswith("---"):
            places.setdefault(line, []).append(number)
    outside: list[str] = []
    blocks: list[tuple[str, str]] = []
    number = 0
    while number < len(lines):
        end = _end(lines[number], number, places)
        if end is None:
            outside.append(lines[number])
            number += 1
        else:
            blocks.append((lines[number].partition(" ")[2], "\n".join(lines[number + 1 : end])))
            number = end + 1
    return ("\n".join(outside).rstrip() if blocks else text), blocks


def _end(line: str, number: int, places: Mapping[str, Sequence[int]]) -> int | None:
    """Return where the block that begins at `line` ends; None when none does. A file never holds its own marker: the last one begins it."""
    begin = _BEGIN.fullmatch(line)
    end = _following(places.get(f"{begin[1]} end of {begin[2]}", ()), number) if begin else None
    again = _following(places[line], number) if end is not None else None
    return end if again is None or end is None or again > end else None


def _following(numbers: Sequence[int], number: int) -> int | None:
    """Return the first of the ascending `numbers` after `number`."""
    index = bisect_right(numbers, number)
    return numbers[index] if index < len(numbers) else None
