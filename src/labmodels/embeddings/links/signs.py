"""What a passage names so that no other thing is meant: symbols, paths, hosts, metrics, error codes, configuration keys. Pure.

Precision before recall: a plain word counts only where it is written as code, in backticks or called.
"""

from __future__ import annotations

import errno
import posixpath
import re
from collections.abc import Iterator
from typing import Literal

from labmodels.embeddings.stored import StoredChunk

SignKind = Literal["path", "host", "error code", "metric", "config key", "symbol"]

_LEAST_LENGTH = 4

_EXTENSIONS = "cfg|conf|css|csv|env|gguf|html?|ini|ipynb|jsonl?|js|lock|log|mako|md|prom|py|rst|service|sh|sql|timer|toml|ts|txt|xml|ya?ml"
_PATH = re.compile(rf"(?<![\w/.@-])(?:\.{{1,2}}/)*(?:[\w.-]+/)*[\w-][\w.-]*\.(?:{_EXTENSIONS})(?![\w/-])(?::(\d+))?", re.ASCII)
_LINKED = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
_URL_HOST = re.compile(r"\b[a-z][a-z0-9+]*://(?:[^\s/@]*@)?([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])", re.ASCII)
_HOST = re.compile(
    r"(?<![\w./@-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|corp|dev|example|internal|io|lab|lan|local|net|org))(?![\w-])"
)
_ADDRESS = re.compile(r"(?<![\w.])((?:\d{1,3}\.){3}\d{1,3})(?!\w|\.\w)", re.ASCII)
_NUMBERED_HOST = re.compile(r"(?<![\w./-])([a-z]{2}[a-z0-9]*(?:-[a-z0-9]+)*-\d{2})(?![\w-]|\.\w)", re.ASCII)
_CODE = re.compile(r"(?<![\w-])([A-Z]{2,6}-?\d{3,5})(?![\w-])", re.ASCII)
_HTTP = re.compile(r"\b(?:HTTP(?:/[\d.]+)?|[Ss]tatus(?: code)?:?) ([1-5]\d\d)\b", re.ASCII)
_ERRNO = frozenset(errno.errorcode.values())
_CAPITALS = re.compile(r"(?<!\w)([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_?)(?!\w)", re.ASCII)
_METRIC = re.compile(
    r"(?<![\w.])([a-z][a-z0-9]*(?:_[a-z0-9]+)+_(?:total|seconds|bytes|ratio|count|sum|bucket|info|percent|celsius|created)"
    r"|[a-z_]+(?::[a-z0-9_]+){1,3})(?![\w.(:])",
    re.ASCII,
)
_KEY = re.compile(r"(?<![\w./@-])([a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)+)(?![\w/(-])", re.ASCII)
_IDENTIFIER = re.compile(
    r"(?<![\w.-])(_{0,2}[A-Za-z][a-z0-9]*(?:_[A-Za-z0-9]+)+"  # with an underscore
    r"|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-z][a-z0-9]+(?:[A-Z][a-z0-9]*)+)(?!\w|\.\w)",  # or with humps
    re.ASCII,
)
_CALLED = re.compile(r"(?<![\w.])([A-Za-z_]\w{3,})\(", re.ASCII)
_TICKED = re.compile(r"`([A-Za-z_][\w.:-]*\w)(?:\(\))?`", re.ASCII)


def signs(chunk: StoredChunk) -> dict[str, SignKind]:
    """Return what a chunk names, with what sort of thing it is; symbols that it defines are among them."""
    found: dict[str, SignKind] = {}
    dotted: SignKind = "symbol" if chunk.kind == "code" else "config key"
    for kind, name in (*_read(chunk.text, chunk.path, dotted), *_defined(chunk)):
        if len(name) >= _LEAST_LENGTH:
            found.setdefault(name, kind)
    return found


def defined(chunk: StoredChunk) -> frozenset[str]:
    """Return the names that a chunk defines; the last part of a dotted one is one, too, where it is no plain word."""
    return frozenset(name for _, name in _defined(chunk))


def line_of(chunk: StoredChunk, name: str) -> int:
    """Return the first line of a chunk that holds `name`; the chunk's first where it is spelt otherwise there."""
    short = posixpath.basename(name) or name
    for wanted in (name, short, name.removeprefix("HTTP ")):
        for at, line in enumerate(chunk.text.splitlines()):
            if wanted in line:
                return min(chunk.line + at, chunk.end_line)
    return chunk.line


def _defined(chunk: StoredChunk) -> Iterator[tuple[SignKind, str]]:
    for symbol in chunk.symbols:
        kind: SignKind = "metric" if chunk.kind == "metric" else "config key" if chunk.kind == "configuration" else "symbol"
        if "." in symbol or kind == "metric" or chunk.kind in ("code", "operation"):
            yield kind, symbol
        last = symbol.rpartition(".")[2]
        if _IDENTIFIER.fullmatch(last):
            yield kind, last


def _read(text: str, path: str, dotted: SignKind) -> Iterator[tuple[SignKind, str]]:
    """Yield what a text names, the surest reading of a name first."""
    yield from (("path", name) for name in _paths(text, path))
    yield from (("host", name) for pattern in (_URL_HOST, _HOST, _ADDRESS, _NUMBERED_HOST) for name in pattern.findall(text))
    yield from (("error code", name) for name in _CODE.findall(text))
    yield from (("error code", f"HTTP {number}") for number in _HTTP.findall(text))
    for name in _CAPITALS.findall(text):
        if name in _ERRNO:
            yield "error code", name
        elif "_" in name.strip("_"):
            yield "symbol", name
    yield from (("metric", name) for name in _METRIC.findall(text))
    yield from ((dotted, name) for name in _KEY.findall(text))
    yield from (("symbol", name) for pattern in (_IDENTIFIER, _CALLED, _TICKED) for name in pattern.findall(text))


def _paths(text: str, path: str) -> Iterator[str]:
    """Yield the paths below the lab's root that a text names; those of a Markdown link are relative to the file that holds it."""
    folder = posixpath.dirname(path)
    linked = dict.fromkeys(_LINKED.findall(text))
    for target in linked:
        resolved = posixpath.normpath(posixpath.join(folder, target))
        if not resolved.startswith("../") and "." in posixpath.basename(resolved):
            yield resolved
    for match in _PATH.finditer(text):
        name = match[0].rpartition(":")[0] if match[1] else match[0]
        if name not in linked:
            yield posixpath.normpath(name)
