"""Which releases are kept: the newest few, the live one, the last good one before it. Decides; the deployment deletes."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def to_delete(numbers: Iterable[int], keep: int, protected: Collection[int]) -> list[int]:
    """Return the numbers to delete so that the newest `keep` and the `protected` ones stay, oldest first."""
    newest = sorted(numbers, reverse=True)
    return sorted(number for number in newest[keep:] if number not in protected)
