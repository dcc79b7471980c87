"""Key-level changes between two states of a configuration, one line a key. What changed, and what is secret, others decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labmodels.terminal.colour import PLAIN, Paint
from labmodels.terminal.text import visible

_LONGEST = 60


class KeyChange(NamedTuple):
    """One changed key ("gpt-4.parameters.temperature") with its values as text; None is a key that was or is not there."""

    key: str
    before: str | None
    after: str | None


def render_changes(changes: Sequence[KeyChange], paint: Paint = PLAIN) -> str:
    """Return "~ key: old -> new", "+ key: new" and "- key: old" lines, in the order given, without a final newline."""
    return "\n".join(_line(change, paint) for change in changes)


def _line(change: KeyChange, paint: Paint) -> str:
    before, after = change.before, change.after
    if before is None:
        return paint(f"+ {visible(change.key)}: {_shown(after or '')}", "added")
    if after is None:
        return paint(f"- {visible(change.key)}: {_shown(before)}", "removed")
    start = _first_difference(before, after)
    is_escaped = _needs_escapes(before) or _needs_escapes(after)  # both or none, else two different texts could look equal
    old, new = _shown(before, start, is_escaped), _shown(after, start, is_escaped)
    return f"{paint('~', 'warning')} {visible(change.key)}: {paint(old, 'removed')} -> {paint(new, 'added')}"


def _first_difference(before: str, after: str) -> int:
    return next((index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), min(len(before), len(after)))


def _needs_escapes(text: str) -> bool:
    return "\n" in text or "\t" in text


def _shown(text: str, around: int = 0, is_escaped: bool | None = None) -> str:
    """Return `text` on one line; a long one is cut to the part that holds position `around`, where two values begin to differ."""
    start = max(0, around - _LONGEST // 2) if len(text) > _LONGEST else 0
    part = text[start : start + _LONGEST]
    if is_escaped or (is_escaped is None and _needs_escapes(text)):
        part = part.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f"{'...' if start else ''}{visible(part)}{'...' if start + _LONGEST < len(text) else ''}"
