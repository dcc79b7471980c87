"""Picks how a document is cut: by the domain's chunker, and within prose, code and configuration by the file's name and first line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from labmodels.embeddings.chunking import code, configuration, html, logs, markdown, metrics, openapi, plain_text, restructured_text
from labmodels.embeddings.chunking.chunk import Chunk, Outline
from labmodels.embeddings.chunking.packing import Bound, Count, pack
from labmodels.embeddings.chunking.prose import Scan, tree
from labmodels.embeddings.documents import Document, StreamedDocument

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import Chunker, EmbeddingDomain

CUT = 1  # counted up when a document is cut otherwise than before: the index is then built anew

_PROSE: dict[str, Scan] = {
    ".md": markdown.blocks,
    ".markdown": markdown.blocks,
    ".rst": restructured_text.blocks,
    ".txt": plain_text.blocks,
    ".text": plain_text.blocks,
}
_HTML = frozenset({".html", ".htm", ".xhtml"})
_CONFIGURATION = frozenset(
    {".yaml", ".yml", ".json", ".jsonc", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties", ".service", ".timer"}
)
_CODE = frozenset(  # in languages without a grammar
    re.findall(
        r"\S+", ".c .cc .cpp .cs .css .go .h .hpp .java .jl .js .jsx .kt .lua .mk .pl .php .r .rb .rs .scala .sql .swift .tf .ts .tsx .zig"
    )
)
_INTERPRETERS = {"python": ".py", "sh": ".sh", "bash": ".sh", "dash": ".sh", "ksh": ".sh", "zsh": ".sh"}

_SHEBANG = re.compile(r"#!\s*\S*?(?:env\s+(?:-\S+\s+)*)?([a-z]+)[\d.]*(?:\s|$)")
_PACKAGES: dict[str, tuple[str, ...]] = {"code": ("tree-sitter", "tree-sitter-python", "tree-sitter-bash"), "logs": ("drain3",)}


def chunks(document: Document | StreamedDocument, domain: EmbeddingDomain, count: Count) -> Iterator[Chunk]:
    """Yield the chunks of a document, each of at most `max_chunk_tokens` as `count` counts them, its trail included.

    Prose, code and configuration come in the order of their lines, which together hold every line that is not blank once. Logs and
    metrics are read line by line: StorageFault when a streamed file cannot be read or is changed meanwhile.
    """
    bound = Bound(domain.max_chunk_tokens, count)
    if domain.chunker == "logs":
        yield from logs.chunks(document.path, document.lines(), bound)
    elif isinstance(document, StreamedDocument) or (domain.chunker == "metrics" and _is_exposition(document)):
        yield from metrics.exposition(document.path, document.lines(), bound)
    elif document.text.strip():
        yield from pack(document.path, _outline(document, domain.chunker), bound)


def missing(domain: EmbeddingDomain) -> str | None:
    """Return what is not installed and what that does to a domain's chunks; None when nothing is missing."""
    if domain.chunker == "code" and (grammars := code.missing()):
        return f"{', '.join(grammars)} cannot be loaded: code is cut by lines; pip install 'labmodels[embeddings]'"
    if domain.chunker == "logs" and find_spec("drain3") is None:
        return "drain3 is not installed: templates are lines that are equal once masked; pip install 'labmodels[embeddings]'"
    return None


def identity(domain: EmbeddingDomain) -> str:
    """Return what decides how a domain's documents are cut, for its fingerprint: chunker, bound, and the versions that take part."""
    parts = [domain.chunker, str(domain.max_chunk_tokens), f"cut {CUT}"]
    return ", ".join((*parts, *(f"{package} {_version(package)}" for package in _PACKAGES.get(domain.chunker, ()))))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _is_exposition(document: Document) -> bool:
    is_other = PurePosixPath(document.path).suffix in (".md", ".markdown", ".yaml", ".yml", ".json")
    return not is_other and metrics.is_exposition(document.lines())


def _outline(document: Document, chunker: Chunker) -> Outline:
    path, lines = document.path, document.text.split("\n")
    if chunker == "openapi":
        return openapi.outline(path, lines)
    if chunker == "metrics":
        return metrics.outline(path, lines)
    suffix = _suffix(path, lines)
    if suffix in _HTML:
        return html.outline(document.text)
    if suffix in _PROSE:
        return _prose(lines, _PROSE[suffix])
    if suffix in code.GRAMMARS or suffix in _CODE:
        return code.outline(path, lines, suffix)
    if suffix in _CONFIGURATION or chunker == "configuration":
        return configuration.outline(path, lines)
    if chunker == "code":
        return code.outline(path, lines, suffix)
    return _prose(lines, markdown.blocks if chunker == "markdown" else plain_text.blocks)


def _prose(lines: Sequence[str], scan: Scan) -> Outline:
    return Outline(lines, tree(scan(lines), 1, len(lines)))


def _suffix(path: str, lines: Sequence[str]) -> str:
    """Return what tells the form: the suffix of the name, else what its first line says it is run with."""
    name = PurePosixPath(path).name.lower()
    if name.startswith(".env"):
        return ".env"
    suffix = PurePosixPath(name).suffix
    if not suffix and (shebang := _SHEBANG.match(lines[0])):
        return _INTERPRETERS.get(shebang[1], "")
    return suffix
