"""Finds the passages that name what a passage names, or that it names: candidates by full text, each verified by its own signs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from labmodels.embeddings.links.link import LinkReader, Mention
from labmodels.embeddings.links.signs import SignKind, defined, line_of, signs
from labmodels.embeddings.search.query import quoted
from labmodels.embeddings.stored import StoredChunk

MOST_FILES = 8
"""A name that more other files hold tells nothing: it is a word of the lab, not what a passage is about."""

_MOST_SIGNS = 60
_CANDIDATES = 50  # by name and domain; a name with more of them is in too many files


@dataclass(slots=True)
class Mentioned:
    """A passage with what it has in common with another; `weight` grows with the names' number and their rarity."""

    chunk: StoredChunk
    mentions: list[Mention] = field(default_factory=list)
    weight: float = 0.0


def mentions(reader: LinkReader, here: Sequence[StoredChunk], domains: Sequence[str]) -> list[Mentioned]:
    """Return the passages of other files that share a distinctive name with `here`, those with the most and rarest names first."""
    found: dict[tuple[str, int], Mentioned] = {}
    verified = _Verified()
    for name, kind in _asked(here).items():
        others = [
            one for one in _candidates(reader, name, kind, domains) if one.path != here[0].path and _shares(one, name, kind, verified)
        ]
        files = {one.path for one in others}
        if not 0 < len(files) <= MOST_FILES:
            continue
        for one in {(one.path, one.line): one for one in reversed(others)}.values():
            shared = found.setdefault((one.path, one.line), Mentioned(one))
            shared.mentions.append(_mention(one, name, kind))
            shared.weight += 1 / len(files)
    return sorted(found.values(), key=lambda one: (-one.weight, one.chunk.path, one.chunk.line))


class _Verified:
    """The signs of each chunk that was looked at, read once."""

    def __init__(self) -> None:
        self._signs: dict[int, dict[str, SignKind]] = {}

    def of(self, chunk: StoredChunk) -> dict[str, SignKind]:
        if chunk.id not in self._signs:
            self._signs[chunk.id] = signs(chunk)
        return self._signs[chunk.id]


def _asked(here: Sequence[StoredChunk]) -> dict[str, SignKind]:
    """Return what is looked for: the file itself, and what its passage names."""
    asked: dict[str, SignKind] = {here[0].path: "path"}
    for chunk in here:
        for name, kind in signs(chunk).items():
            asked.setdefault(name, kind)
    return dict(list(asked.items())[:_MOST_SIGNS])


def _candidates(reader: LinkReader, name: str, kind: SignKind, domains: Sequence[str]) -> Iterable[StoredChunk]:
    """Yield the chunks that may share a name, and the beginning of the file that a path names."""
    spelt = posixpath.basename(name) if kind == "path" else name.removeprefix("HTTP ")
    ids = [id_ for domain in domains for id_, _ in reader.lexical(domain, quoted(spelt), _CANDIDATES)]
    chunks = reader.chunks(ids)
    yield from (chunks[id_] for id_ in ids if id_ in chunks)
    if kind == "path":
        yield from reader.at(name, 1)


def _shares(chunk: StoredChunk, name: str, kind: SignKind, verified: _Verified) -> bool:
    return name in verified.of(chunk) or (kind == "path" and chunk.path == name)


def _mention(chunk: StoredChunk, name: str, kind: SignKind) -> Mention:
    if kind == "path" and chunk.path == name:
        return Mention(kind, name, "is", chunk.line)
    return Mention(kind, name, "defines" if name in defined(chunk) else "mentions", line_of(chunk, name))
