"""What a document is cut into: chunks, and the outline of sections that they are cut along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Kind = Literal["paragraph", "list", "code", "table", "configuration", "operation", "log", "metric"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: lines `line` to `end_line` (from 1, inclusive) under the headings, scopes or keys of `trail`, outermost first.

    `text` is the lines word for word, except where nobody reads those: HTML without its tags, a log's template with samples, a metric's
    help and labels. `symbols` are the names that it defines; `occurrences` counts the lines of a template or the series of a metric, and
    is no part of what is embedded: a log that grows by known lines changes no vector.
    """

    path: str
    line: int
    end_line: int
    text: str
    kind: Kind
    trail: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    occurrences: int = 1

    @property
    def embedded(self) -> str:
        """What is embedded and indexed: the trail as a line of its own, then the text."""
        return under(self.trail, self.text)

    @property
    def hash(self) -> str:
        """SHA-256 of `embedded`. The path is no part of it: equal text is embedded once, with many places."""
        return sha256(self.embedded.encode("utf-8", "surrogatepass")).hexdigest()


def under(trail: Sequence[str], text: str) -> str:
    """Return `text` below the line that says where it belongs."""
    return f"{' > '.join(trail)}\n{text}" if trail else text


@dataclass(frozen=True, slots=True)
class Section:
    """Lines `first` to `last` (from 1, inclusive) that belong together, and what they may be cut into when they do not fit one chunk.

    Its parts stand in order inside it and do not overlap; lines between them are its own. `symbols` are all names defined in it, those
    of its parts included. Both are asked for only when they are needed: most sections fit, or are cut before their symbols matter.
    """

    first: int
    last: int
    kind: Kind
    title: str = ""  # what it adds to the trail of its parts
    is_apart: bool = False  # a chunk of its own: a function, an operation
    is_open: bool = False  # its parts are chunks of their own even when the whole would fit one
    parts: Callable[[], Iterable[Section]] = tuple
    symbols: Callable[[], Iterable[str]] = tuple


def defining(*names: str) -> Callable[[], Iterable[str]]:
    """Return what a section gives as its symbols when they are known at once."""
    return lambda: names


@dataclass(frozen=True, slots=True)
class Outline:
    """A document's lines, the sections that they form, and where each line stands in the file when that is not its own number."""

    lines: Sequence[str]
    root: Section
    numbers: Sequence[int] | None = None
