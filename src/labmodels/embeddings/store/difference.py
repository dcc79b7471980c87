"""Decides what an update has to look at: pure, over what a build holds and what the scan has found. Reads and changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labmodels.embeddings.documents import Found, Skipped
    from labmodels.embeddings.store.rows import Source

MOST_VANISHING = 0.3


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be done with each source, by path: together every path that was held or found, once."""

    same: tuple[str, ...]  # stat says that nothing has changed
    suspects: tuple[Found, ...]  # new, or not as they were: to be read
    gone: tuple[str, ...]  # held, and no longer there
    kept: tuple[str, ...]  # held, and nothing is known of them now

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to look at."""
        return not (self.suspects or self.gone)


def difference(held: Mapping[str, Source], found: Iterable[Found], failures: Collection[Skipped]) -> Difference:
    """Compare what is held with what was found. A failure ending in a slash says that nothing is known of what is below it."""
    now = {file.path: file for file in found}
    same, suspects = [], []
    for path, file in now.items():
        before = held.get(path)
        is_same = before is not None and before.sha256 and before[1:4] == (file.size_bytes, file.mtime_ns, file.inode)
        if is_same:
            same.append(path)
        else:
            suspects.append(file)
    unknown = {failure.path for failure in failures}
    folders = tuple(path for path in unknown if not path or path.endswith("/"))
    gone: list[str] = []
    kept: list[str] = []
    for path in held:
        if path not in now:
            (kept if path in unknown or path.startswith(folders) else gone).append(path)
    return Difference(tuple(same), tuple(suspects), tuple(gone), tuple(kept))


def vanished(shown: Mapping[str, Source], found: Iterable[Found]) -> list[str]:
    """Return which of the sources that are shown now have no file any more, under their name or under another one."""
    now = list(found)
    paths = {file.path for file in now}
    moved = {(file.inode, file.size_bytes) for file in now if file.path not in shown}
    return [path for path, source in shown.items() if path not in paths and (source.inode, source.size) not in moved]


def is_mass_vanishing(shown_count: int, vanished_count: int) -> bool:
    """Whether so much is gone that it is rather a mount than a deletion."""
    return vanished_count > MOST_VANISHING * shown_count
