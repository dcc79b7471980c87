"""Tells which files below a folder have changed, as they do. What is done about it is the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labmodels.errors import MissingExtra

_IGNORED = (".labmodels", "embeddings", "models", ".git", ".venv", "node_modules", "__pycache__")
_GATHERED_MS = 300  # an editor writes a file in several steps, a checkout many files
_LONGEST_WAIT_MS = 500


def changes(root: Path) -> Iterator[set[str] | None]:
    """Yield the paths below `root` that have changed, those of about a third of a second together. Raises MissingExtra.

    The first is None, once the watch stands: anything may have changed before.
    """
    try:
        from watchfiles import DefaultFilter, watch
    except ImportError:
        raise MissingExtra("watchfiles", "embeddings") from None
    heard = DefaultFilter(ignore_dirs=[*_IGNORED], ignore_entity_patterns=[], ignore_paths=[])
    stands = False
    for batch in watch(
        root,
        watch_filter=heard,
        debounce=_GATHERED_MS,
        rust_timeout=_LONGEST_WAIT_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        if not stands:
            stands = True
            yield None
        elif batch:
            yield {Path(path).relative_to(root).as_posix() for _, path in batch}
