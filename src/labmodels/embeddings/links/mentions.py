"""Finds the passages that name what a passage names, or that it names: candidates by full text, each verified by its own signs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from labmodels.embeddings.links.link import Mention
from labmodels.embeddings.links.signs import SignKind, defined, line_of, signs
from labmodels.embeddings.search.query import quoted
from labmodels.embeddings.stored import IndexReader, StoredChunk

MOST_FILES = 8
"""A name that more other files hold tells nothing: it is a word of the lab, not what a passage is about."""

_DEFINED = 2.0  # how much more it says that a name is defined than that it is used
_MOST_SIGNS = 60
_CANDIDATES = 50  # by name and domain; a name with more of them is in too many files


@dataclass(slots=True)
class Mentioned:
    """A passage with what it has in common with another; `weight` grows with the names' number and their rarity."""

    chunk: StoredChunk
    mentions: list[Mention] = field(default_factory=list)
    weight: float = 0.0


def mentions(reader: IndexReader, here: Sequence[StoredChunk], domains: Sequence[str]) -> list[Mentioned]:
    """Return the passages of other files that share a distinctive name with `here`, those with the most and rarest names first.

    A file that `here` names is among them with its beginning, however many others name it.
    """
    found: dict[tuple[str, int], Mentioned] = {}

    def add(chunk: StoredChunk, mention: Mention, weight: float) -> None:
        shared = found.setdefault((chunk.path, chunk.line), Mentioned(chunk))
        if mention not in shared.mentions:  # the file may be in several domains
            shared.mentions.append(mention)
            shared.weight += weight

    signs_of = _Signs()
    for name, kind in _asked(here, signs_of).items():
        if kind == "path" and name != here[0].path:
            for chunk in (chunk for domain in domains for chunk in reader.at(domain, name, 1)):
                add(chunk, Mention(kind, name, "is", chunk.line), 1.0)
        sharing = [one for one in _candidates(reader, name, kind, domains) if one.path != here[0].path and name in signs_of(one)]
        files = {one.path for one in sharing}
        if len(files) <= MOST_FILES:
            for chunk in sharing:
                is_defined = name in defined(chunk)
                mention = Mention(kind, name, "defines" if is_defined else "mentions", line_of(chunk, name))
                add(chunk, mention, (_DEFINED if is_defined else 1.0) / len(files))
    return sorted(found.values(), key=lambda one: (-one.weight, one.chunk.path, one.chunk.line))


class _Signs:
    """The signs of each chunk that is looked at, read once."""

    def __init__(self) -> None:
        self._read: dict[int, dict[str, SignKind]] = {}

    def __call__(self, chunk: StoredChunk) -> dict[str, SignKind]:
        if chunk.id not in self._read:
            self._read[chunk.id] = signs(chunk)
        return self._read[chunk.id]


def _asked(here: Sequence[StoredChunk], signs_of: Callable[[StoredChunk], dict[str, SignKind]]) -> dict[str, SignKind]:
    """Return what is looked for: the file itself, and what its passage names."""
    asked: dict[str, SignKind] = {here[0].path: "path"}
    for chunk in here:
        for name, kind in signs_of(chunk).items():
            asked.setdefault(name, kind)
    return dict(list(asked.items())[:_MOST_SIGNS])


def _candidates(reader: IndexReader, name: str, kind: SignKind, domains: Sequence[str]) -> Iterator[StoredChunk]:
    """Yield the chunks that hold the words of a name; a path may be spelt from another folder."""
    spelt = posixpath.basename(name) if kind == "path" else name.removeprefix("HTTP ")
    ids = [id_ for domain in domains for id_, _ in reader.lexical(domain, quoted(spelt), _CANDIDATES)]
    chunks = reader.chunks(ids)
    yield from (chunks[id_] for id_ in ids if id_ in chunks)
