"""Cuts text for tests, and checks what every cut keeps: its bound, its places, and that nothing is lost or said twice."""

from __future__ import annotations

import re

from labmodels.config.schema.embedding_model import Chunker, EmbeddingDomain
from labmodels.embeddings.chunking.chunk import Chunk
from labmodels.embeddings.chunking.chunker import chunks
from labmodels.embeddings.documents import Document

_TOKEN = re.compile(r"\w{1,6}|[^\w\s]")


def count(text: str) -> int:
    """Count tokens about as the usual tokenizers do: pieces of words, and each mark."""
    return len(_TOKEN.findall(text))


def domain(chunker: Chunker, most: int = 200) -> EmbeddingDomain:
    return EmbeddingDomain(group="text", sources=["**"], chunker=chunker, max_chunk_tokens=most)


def cut(path: str, text: str, chunker: Chunker = "text", most: int = 200) -> list[Chunk]:
    return list(chunks(Document(path, text), domain(chunker, most), count))


def squeezed(text: str) -> str:
    return "".join(text.split())


def assert_bounded(found: list[Chunk], most: int) -> None:
    for chunk in found:
        assert count(chunk.embedded) <= most, chunk
        assert chunk.text.strip() and 1 <= chunk.line <= chunk.end_line


def assert_whole(found: list[Chunk], text: str, most: int) -> None:
    """The chunks hold every line that is not blank once, in order, word for word, where they say."""
    assert_bounded(found, most)
    assert squeezed("".join(chunk.text for chunk in found)) == squeezed(text)
    lines, end = text.split("\n"), 0
    for chunk in found:
        is_part_of_a_line = chunk.line == chunk.end_line and chunk.text != lines[chunk.line - 1]
        assert chunk.text == "\n".join(lines[chunk.line - 1 : chunk.end_line]) or (
            is_part_of_a_line and chunk.text in lines[chunk.line - 1]
        )
        assert chunk.line > end or (is_part_of_a_line and chunk.line >= end), chunk
        end = chunk.end_line
