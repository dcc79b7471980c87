"""Finds the passages of other domains that are near in meaning, each way: one that is merely near to everything is near to nobody."""

from __future__ import annotations

from collections.abc import Sequence

from labmodels.embeddings.links.link import Nearness
from labmodels.embeddings.stored import IndexReader, StoredChunk

DEPTH = 3  # how far down a list a neighbour may stand
LEAST_COSINE = 0.4  # below it, the nearest are only the least far
_LOOKED_AT = 20  # the passages of the same file, and their copies, stand before others


def neighbours(reader: IndexReader, here: StoredChunk, domains: Sequence[str]) -> list[tuple[StoredChunk, Nearness]]:
    """Return the passages of `domains` among whose nearest is `here`, and that are among its own nearest, the nearest first.

    Only domains of the same space are compared, and only passages of other files.
    """
    live = reader.live(here.domain)
    vector = reader.vectors([here.id]).get(here.id)
    if live is None or vector is None:
        return []
    found: list[tuple[StoredChunk, Nearness]] = []
    for domain in domains:
        index = reader.live(domain)
        if domain == here.domain or index is None or index.space != live.space:
            continue
        near = _others(reader, reader.dense(domain, vector, _LOOKED_AT), here)
        vectors = reader.vectors([chunk.id for chunk, _ in near])
        for rank, (chunk, cosine) in enumerate(near, 1):
            if cosine < LEAST_COSINE or chunk.id not in vectors:
                continue
            back = _others(reader, reader.dense(here.domain, vectors[chunk.id], _LOOKED_AT), chunk)
            rank_back = next((at for at, (one, _) in enumerate(back, 1) if one.text == here.text), None)
            if rank_back is not None:
                found.append((chunk, Nearness(cosine, rank, rank_back)))
    return sorted(found, key=lambda one: (-one[1].cosine, one[0].id))


def _others(reader: IndexReader, nearest: Sequence[tuple[int, float]], than: StoredChunk) -> list[tuple[StoredChunk, float]]:
    """Return the first few of a list that stand in another file and say something else, each text once."""
    chunks = reader.chunks([id_ for id_, _ in nearest])
    seen = {than.text}
    kept: list[tuple[StoredChunk, float]] = []
    for id_, cosine in nearest:
        chunk = chunks.get(id_)
        if chunk is None or chunk.path == than.path or chunk.text in seen:
            continue
        seen.add(chunk.text)
        kept.append((chunk, cosine))
    return kept[:DEPTH]
