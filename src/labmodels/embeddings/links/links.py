"""What else speaks of a passage: first what names the same, then what is near in meaning, each with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labmodels.embeddings.links.link import Link
from labmodels.embeddings.links.mentions import mentions
from labmodels.embeddings.links.neighbours import neighbours
from labmodels.embeddings.stored import IndexReader, StoredChunk
from labmodels.errors import Usage

MOST_LINKS = 20


def links(reader: IndexReader, path: str, line: int, domains: Sequence[str]) -> tuple[StoredChunk, tuple[Link, ...]]:
    """Return the passage at a line of a file and its links, the best founded first. Raises Usage where nothing is indexed."""
    here = sorted((one for domain in domains for one in reader.at(domain, path, line)), key=lambda one: (one.end_line - one.line, one.id))
    if not here:
        raise Usage(f"{path}:{line} is in no index", hint="labmodels update-embeddings --all --incremental")
    found: dict[tuple[str, int], Link] = {}
    for shared in mentions(reader, here, domains):
        found[shared.chunk.path, shared.chunk.line] = Link(shared.chunk, tuple(shared.mentions))
    for chunk, nearness in neighbours(reader, here[0], domains):
        key = (chunk.path, chunk.line)
        link = found.get(key, Link(chunk))
        if link.nearness is None:
            found[key] = replace(link, nearness=nearness)
    return here[0], tuple(found.values())[:MOST_LINKS]
