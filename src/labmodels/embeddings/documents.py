"""Finds a domain's documents below the lab's root and reads them. How they are cut is `chunking`'s, which passages answer `lexical`'s.

`scan` looks at names and sizes only; `read` gives the text. The order is that of the paths, so that the same tree always gives the same
documents. What is no document is passed over with a reason: a link that leads out of the root or in a circle, a binary, what is too large
for its chunker. Text is UTF-8, UTF-16 with its mark, what the file itself declares, else Windows-1252 when it holds no control character.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labmodels.errors import StorageFault

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import Chunker, EmbeddingDomain

LARGEST_BYTES = 4 * 1024 * 1024  # of what is read as a whole
LARGEST_DESCRIPTION_BYTES = 32 * 1024 * 1024  # of an OpenAPI file: the large interfaces are generated
STREAMED = frozenset({"logs", "metrics"})  # read line by line, whatever their size
LONGEST_LINE_BYTES = 64 * 1024  # of a streamed line; the rest of it is not looked at
_PASSED_OVER = frozenset({".git", ".labmodels", ".venv", "node_modules", "__pycache__"})
_BLOCK_BYTES = 1024 * 1024


class Found(NamedTuple):
    """A file that a domain covers, as the scan saw it. The path is below the root, with forward slashes."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


class Skipped(NamedTuple):
    """A file or folder that gives no document. A failure may end by itself, and says nothing about what was there before."""

    path: str
    reason: str
    is_failure: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a domain and its text; lines end with \\n alone."""

    path: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def lines(self) -> Iterator[str]:
        """Yield the lines, as editors and grep count them."""
        yield from self.text.split("\n")


@dataclass(frozen=True, slots=True)
class StreamedDocument:
    """A log or metrics file that is too large to hold: its first `size_bytes` bytes, read anew each time. It may grow meanwhile."""

    path: str
    file: Path
    size_bytes: int

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes. Raises StorageFault when the file cannot be read or was changed meanwhile."""
        hashed = sha256()
        for block in self._blocks():
            hashed.update(block)
        return hashed.hexdigest()

    def lines(self) -> Iterator[str]:
        """Yield the lines; bytes that are not UTF-8 are replaced. Raises StorageFault as `digest` does."""
        rest = b""
        for block in self._blocks():
            *whole, rest = (rest + block).split(b"\n")
            yield from (_line(line) for line in whole)
            rest = rest[: LONGEST_LINE_BYTES + 1]
        if rest:
            yield _line(rest)

    def _blocks(self) -> Iterator[bytes]:
        left = self.size_bytes
        try:
            with _opened(self.file) as descriptor:
                before = os.fstat(descriptor)
                while left and (block := os.read(descriptor, min(left, _BLOCK_BYTES))):
                    left -= len(block)
                    yield block
                after = os.fstat(descriptor)
        except OSError as error:
            raise StorageFault.of(error, f"read {self.path}") from error
        if left or (after.st_size == before.st_size and after.st_mtime_ns != before.st_mtime_ns):
            raise StorageFault(f"{self.path} was changed while it was read", hint="run it again when nothing rewrites the file")


def scan(root: Path, domain: EmbeddingDomain) -> Iterator[Found | Skipped]:
    """Yield the files that a domain covers in the order of their paths, without reading any.

    A folder that cannot be listed is a failure with its path ending in a slash: nothing is known of what is below it.
    """
    wanted = [_pattern(glob) for glob in domain.sources]
    unwanted = [_pattern(glob) for glob in domain.exclude]
    parts = [tuple(glob.split("/")) for glob in domain.sources]
    met: list[Found | Skipped] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(root / folder))
        except OSError as error:
            met.append(Skipped(folder, f"cannot be listed: {error.strerror}", is_failure=True))
            continue
        for entry in entries:
            path = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _PASSED_OVER and any(_may_hold(path, glob) for glob in parts):
                    folders.append(path + "/")
            elif any(p.fullmatch(path) for p in wanted) and not any(p.fullmatch(path) for p in unwanted):
                met.append(_met(root, path, entry, domain.chunker))
    yield from sorted(met, key=lambda one: one.path)


def read(root: Path, found: Found, chunker: Chunker) -> Document | StreamedDocument | Skipped:
    """Read a file that the scan found. One that changes meanwhile is read once more, and then reported."""
    file = root / found.path
    for _ in range(2):
        try:
            with _opened(file) as descriptor:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    return Skipped(found.path, "is not a regular file")
                if chunker in STREAMED and before.st_size > LARGEST_BYTES:
                    head = os.read(descriptor, 8192)
                    return Skipped(found.path, "is binary") if b"\0" in head else StreamedDocument(found.path, file, before.st_size)
                data = _content(descriptor, largest_bytes(chunker))
                after = os.fstat(descriptor)
        except OSError as error:  # gone since it was listed, or unreadable
            return Skipped(found.path, f"cannot be read: {error.strerror}", is_failure=True)
        if data is None:
            return _too_large(found.path, before.st_size, chunker)
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(data) == after.st_size:
            text = data.decode("utf-8", "replace") if chunker == "logs" and b"\0" not in data else decode(data)
            if text is None:
                return Skipped(found.path, "is binary" if b"\0" in data else "is no text in a known encoding")
            return Document(found.path, text.removeprefix("\ufeff").replace("\r\n", "\n"))
    return Skipped(found.path, "changed while it was read, twice", is_failure=True)


def documents(root: Path, domain: EmbeddingDomain, only: Collection[str] | None = None) -> Iterator[Document]:
    """Yield the documents of a domain that are read as a whole, in the order of their paths; `only`: no others than these paths."""
    for found in scan(root, domain):
        if only is not None and found.path not in only:
            continue
        if isinstance(found, Found) and isinstance(document := read(root, found, domain.chunker), Document):
            yield document


def matches(path: str, globs: Sequence[str]) -> bool:
    """Whether a path below the root matches one of `globs`."""
    return any(_pattern(glob).fullmatch(path) for glob in globs)


def largest_bytes(chunker: Chunker) -> int | None:
    """Return how large a file of this chunker may be; None when it is streamed."""
    return None if chunker in STREAMED else LARGEST_DESCRIPTION_BYTES if chunker == "openapi" else LARGEST_BYTES


_DECLARED = re.compile(rb"(?:coding[:=]\s*|charset=[\"']?|encoding=[\"'])([-\w.]+)")
_ESCAPES = frozenset({"unicode-escape", "raw-unicode-escape"})  # of source text, and never meant by a file that declares one
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")  # none of these: tab, line feed, form feed, return, escape


def decode(data: bytes) -> str | None:
    """Return the text of a file; None when it is no text, or not in an encoding that can be told."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded(data, "utf-16")
    if b"\0" in data:
        return None
    text = _decoded(data, "utf-8-sig")
    if text is None and (declared := _DECLARED.search(data[:1024])):
        text = _decoded(data, declared[1].decode("ascii", "replace"))
    if text is None:
        text = _decoded(data, "cp1252")
        text = None if text is None or _CONTROL.search(text) else text
    return text


def _decoded(data: bytes, encoding: str) -> str | None:
    """Return the text that the bytes are in an encoding; None when they are none, or it is none of text, such as zlib."""
    try:
        if codecs.lookup(encoding).name in _ESCAPES:
            return None
        text = data.decode(encoding)
        text.encode()  # utf-7 can give halves of characters
    except (UnicodeError, LookupError, ValueError):
        return None
    return text


def _met(root: Path, path: str, entry: os.DirEntry[str], chunker: Chunker) -> Found | Skipped:
    """Return what is known of a directory entry that a domain covers."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Skipped(path.encode("utf-8", "backslashreplace").decode(), "its name is not UTF-8")
    try:
        if entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(root.resolve()):
            return Skipped(path, "leads out of the root")
        status = entry.stat()
    except FileNotFoundError:
        return Skipped(path, "leads to nothing")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        is_circle = isinstance(error, RuntimeError) or "symbolic links" in str(error)
        return Skipped(path, "links in a circle" if is_circle else f"cannot be read: {error}", is_failure=not is_circle)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "is not a regular file")
    largest = largest_bytes(chunker)
    if largest is not None and status.st_size > largest:
        return _too_large(path, status.st_size, chunker)
    return Found(path, status.st_size, status.st_mtime_ns, status.st_ino)


def _too_large(path: str, size_bytes: int, chunker: Chunker) -> Skipped:
    return Skipped(path, f"is {size_bytes:,} bytes; the chunker {chunker} takes at most {largest_bytes(chunker):,}")


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    """A descriptor to read from; a FIFO does not block."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _content(descriptor: int, largest: int | None) -> bytes | None:
    """Return all bytes of a file; None when they are more than `largest`."""
    blocks, size = [], 0
    while block := os.read(descriptor, _BLOCK_BYTES):
        blocks.append(block)
        size += len(block)
        if largest is not None and size > largest:
            return None
    return b"".join(blocks)


def _line(line: bytes) -> str:
    return line[:LONGEST_LINE_BYTES].removesuffix(b"\r").decode("utf-8", "replace")


def _may_hold(folder: str, glob: Sequence[str]) -> bool:
    """Whether a file below `folder` can match a glob, given by its parts."""
    names = folder.split("/")
    for name, part in zip(names, glob[:-1], strict=False):
        if "**" in part:
            return True
        if not _pattern(part).fullmatch(name):
            return False
    return len(names) < len(glob) or "**" in glob[-1]


@lru_cache(maxsize=1024)
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
            parts.append(_class(piece))
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)


def _class(piece: str) -> str:
    """Return the expression of a glob's [abc] or [!abc]; what is none, such as [z-a], stands for itself."""
    is_negated = piece[1] == "!" and len(piece) > len("[!]")
    inner = re.sub(r"([\\\[^&|~]|--)", lambda found: re.escape(found[0]), piece[1 + is_negated : -1])
    expression = f"[{'^' if is_negated else ''}{inner}]"
    try:
        re.compile(expression)
    except re.error:
        return re.escape(piece)
    return expression
