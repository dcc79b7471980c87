"""Finds a domain's documents below the lab's root and cuts them into passages that know their heading and their lines.

Which passages answer a query is `lexical`'s. A link that leads out of the root, a binary, a file that is not UTF-8 or larger than
1 MiB is passed over; the order is that of the paths, so that the same tree always gives the same passages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import EmbeddingDomain

LARGEST_BYTES = 1024 * 1024
_PASSED_OVER = frozenset({".git", ".labmodels", ".venv", "node_modules", "__pycache__"})
Kind = Literal["paragraph", "list", "code", "table"]


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a domain: its path below the root, with forward slashes, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A block of a document: lines `line` to `end_line` (from 1, inclusive) under the headings of `trail`, outermost first."""

    path: str
    line: int
    end_line: int
    text: str
    kind: Kind
    trail: tuple[str, ...] = ()


def documents(root: Path, domain: EmbeddingDomain) -> Iterator[Document]:
    """Yield the documents of a domain in the order of their paths."""
    wanted = [_pattern(glob) for glob in domain.sources]
    unwanted = [_pattern(glob) for glob in domain.exclude]
    for path in _files(root, _fixed_folders(domain.sources)):
        if any(p.fullmatch(path) for p in wanted) and not any(p.fullmatch(path) for p in unwanted):
            text = _read(root, path)
            if text is not None:
                yield Document(path, text)


def passages(document: Document) -> list[Passage]:
    """Cut a Markdown or text document at its headings, fences, lists and blank lines."""
    return list(_Cutter(document).cut())


def _fixed_folders(globs: Sequence[str]) -> list[str]:
    """Return the folders in front of the first wildcard of each glob, without those that lie inside another."""
    fronts = sorted({re.split(r"[*?\[]", glob, maxsplit=1)[0].rpartition("/")[0] for glob in globs})
    return [front for front in fronts if not any(other != front and (not other or front.startswith(other + "/")) for other in fronts)]


def _files(root: Path, folders: Sequence[str]) -> Iterator[str]:
    found: list[str] = []
    for folder in folders:
        if ".." in folder.split("/") or (root / folder).is_symlink():
            continue
        for place, names, files in os.walk(root / folder):  # follows no linked folder
            names[:] = [name for name in names if name not in _PASSED_OVER]
            below = Path(place).relative_to(root).as_posix()
            found.extend(name if below == "." else f"{below}/{name}" for name in files)
    yield from sorted(found)


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """Return the expression of a glob: ** crosses folders, * and ? do not."""
    parts: list[str] = []
    for piece in re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]/]+\])", glob):
        if piece == "**/":
            parts.append("(?:[^/]+/)*")
        elif piece == "**":
            parts.append(".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece.startswith("[") and piece.endswith("]"):
            parts.append(("[^" if piece[1] == "!" else "[") + piece.lstrip("[!").replace("\\", r"\\"))
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)


def _read(root: Path, path: str) -> str | None:
    """Return the text of a file; None for what is no document of this root."""
    file = root / path
    try:
        if file.is_symlink() and not file.resolve(strict=True).is_relative_to(root.resolve()):
            return None
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            return None
        data = file.read_bytes()
    except (OSError, RuntimeError):  # gone since it was listed, unreadable, or links in a circle
        return None
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"(=+|-+)\s*$")
_FENCE = re.compile(r"(\s*)(```+|~~~+)")
_ITEM = re.compile(r"\s*([-*+]|\d{1,4}[.)])\s+\S")


class _Cutter:
    """Reads a document line by line; knows the headings above and the block that is open."""

    def __init__(self, document: Document) -> None:
        self._path = document.path
        self._lines = document.text.splitlines()
        self._headings: list[tuple[int, str]] = []
        self._block: list[str] = []
        self._starts_at = 1
        self._kind: Kind = "paragraph"

    def cut(self) -> Iterator[Passage]:
        number = 0
        while number < len(self._lines):
            line = self._lines[number]
            number += 1
            if fence := _FENCE.match(line):
                yield from self._close()
                number = yield from self._fenced(number, fence[2], len(fence[1]))
            elif heading := _HEADING.fullmatch(line):
                yield from self._close()
                self._enter(len(heading[1]), heading[2])
            elif self._is_underlined(line):
                self._enter(1 if line[0] == "=" else 2, self._block[0].strip())
                self._block = []
            elif not line.strip():
                yield from self._close()
            else:
                yield from self._add(number, line)
        yield from self._close()

    def _fenced(self, number: int, fence: str, indent: int) -> Generator[Passage, None, int]:
        """Take a fenced block whose content starts after line `number`, without the fence's own indent; return the line that closes it."""
        first = number + 1
        while number < len(self._lines) and not self._lines[number].strip().startswith(fence):
            number += 1
        body = [line[min(indent, len(line) - len(line.lstrip())) :] for line in self._lines[first - 1 : number]]
        if any(line.strip() for line in body):
            yield Passage(self._path, first, number, "\n".join(body), "code", self._trail())
        return number + 1

    def _is_underlined(self, line: str) -> bool:
        return len(self._block) == 1 and self._kind == "paragraph" and len(line) > 2 and bool(_UNDERLINE.fullmatch(line))

    def _add(self, number: int, line: str) -> Iterator[Passage]:
        kind: Kind = "list" if _ITEM.match(line) else "table" if line.lstrip().startswith("|") else "paragraph"
        if not self._block and line.startswith(("    ", "\t")) and kind == "paragraph":
            kind = "code"
        if self._block and kind in ("list", "table") and kind != self._kind:  # a list begins right below its sentence
            yield from self._close()
        if not self._block:
            self._starts_at, self._kind = number, kind
        self._block.append(line)

    def _close(self) -> Iterator[Passage]:
        if self._block:
            yield Passage(
                self._path, self._starts_at, self._starts_at + len(self._block) - 1, "\n".join(self._block), self._kind, self._trail()
            )
        self._block = []

    def _enter(self, level: int, title: str) -> None:
        self._headings = [above for above in self._headings if above[0] < level]
        self._headings.append((level, title))

    def _trail(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._headings)
