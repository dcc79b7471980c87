"""Tells which files below a folder have changed, as they do. What is done about it is the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labmodels.errors import MissingExtra

_IGNORED = (".labmodels", "embeddings", "models", ".git", ".venv", "node_modules", "__pycache__")
_GATHERED_MS = 300  # an editor writes a file in several steps, a checkout many files


def changes(root: Path) -> Iterator[set[str]]:
    """Yield the paths below `root` that have changed, those of about a third of a second together. Raises MissingExtra."""
    try:
        from watchfiles import DefaultFilter, watch
    except ImportError:
        raise MissingExtra("watchfiles", "embeddings") from None
    heard = DefaultFilter(ignore_dirs=_IGNORED, ignore_entity_patterns=(), ignore_paths=())
    for batch in watch(root, watch_filter=heard, debounce=_GATHERED_MS, raise_interrupt=True):
        yield {Path(path).relative_to(root).as_posix() for _, path in batch}
