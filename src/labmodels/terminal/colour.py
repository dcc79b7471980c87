"""What a stream can show: colour, by role, and how wide its lines are. What is coloured or cut is the callers' business."""

from __future__ import annotations

import os
from typing import TextIO

_ROLES = {
    "error": "1;31", "warning": "1;33", "info": "1;36", "note": "1;34", "help": "1;36", "frame": "1;34",
    "strong": "1", "faint": "2", "added": "32", "removed": "31", "good": "32", "bad": "31", "match": "1;31",
}  # fmt: skip


class Paint:
    """Wraps text in the escape codes of a role ("error", "added", ...), or leaves it as it is when not `is_enabled`.

    `width` is that of the stream in cells; None where lines are not cut, as in a file or a pipe.
    """

    def __init__(self, is_enabled: bool, width: int | None = None) -> None:
        self.is_enabled = is_enabled
        self.width = width

    @classmethod
    def of(cls, stream: TextIO) -> Paint:
        """Return the paint for a stream: none unless it is a terminal, NO_COLOR is unset or empty, and TERM is not dumb."""
        is_enabled = is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(is_enabled, terminal_width(stream))

    def __call__(self, text: str, role: str) -> str:
        """Return `text` in the colour of `role`."""
        return f"\x1b[{_ROLES[role]}m{text}\x1b[0m" if self.is_enabled and text else text


PLAIN = Paint(is_enabled=False)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is open and leads to a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def terminal_width(stream: TextIO) -> int | None:
    """Return the columns of the terminal behind a stream, or COLUMNS; None for a pipe or a file, where lines stay whole for grep."""
    if not is_terminal(stream):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
