"""A piece of a source with a gutter of line numbers and the span underlined: tabs, wide characters and long lines included."""

from __future__ import annotations

from dataclasses import dataclass

from labmodels.config.diagnostics import Edit, Span
from labmodels.terminal.colour import Paint
from labmodels.terminal.sources import Sources
from labmodels.terminal.text import cells, visible

_TAB = "    "
_LONGEST_LINE = 160
_SHORTEST_LINE = 40
_MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """How snippets are drawn: the cells that line numbers take, and the paint."""

    gutter: int
    paint: Paint

    @property
    def longest_line(self) -> int:
        """The characters of a source line that are shown: what fits beside the gutter and two ellipses, at most 160."""
        return min(_LONGEST_LINE, max(_SHORTEST_LINE, (self.paint.width or 1000) - self.gutter - 9))

    def bar(self, number: int | None = None, sign: str = "|") -> str:
        """Return the start of a line: the line number, or blanks, and the bar."""
        return self.paint(f"{'' if number is None else number:>{self.gutter}} {sign}", "frame")

    def arrow(self, place: str) -> str:
        """Return the line that says where a snippet is from."""
        return f"{' ' * self.gutter}{self.paint('-->', 'frame')} {place}"


def gutter_for(spans: list[Span]) -> int:
    """Return the cells that the line numbers of these spans and of their context take."""
    return max(len(str(span.end_line + 1)) for span in spans)


def snippet(sources: Sources, span: Span, frame: Frame, mark: str, role: str) -> list[str]:
    """Return the lines of `span` underlined with `mark`, with a line of context on both sides; nothing when there is no source."""
    total = len(sources.lines(span.path))
    if not 0 < span.line <= total:
        return []
    window = _window(sources.line(span.path, span.line), span, frame.longest_line)
    shown = [frame.bar()]
    if span.line > 1 and sources.line(span.path, span.line - 1).strip():
        shown.append(_numbered(sources, span, span.line - 1, window, frame))
    for number in _numbers(span):
        if number is None:
            shown.append(frame.bar(sign="..."))
            continue
        shown.append(_numbered(sources, span, number, window, frame))
        shown.append(f"{frame.bar()} {_underline(sources.line(span.path, number), span, number, window, mark, role, frame)}")
    if span.end_line < total and sources.line(span.path, span.end_line + 1).strip():
        shown.append(_numbered(sources, span, span.end_line + 1, window, frame))
    return [*shown, frame.bar()]


def changed_lines(sources: Sources, edits: tuple[Edit, ...], frame: Frame) -> list[str]:
    """Return the lines that `edits` (of one file, not overlapping) change: "-" as they are, "+" as they would be."""
    by_line: dict[int, list[Edit]] = {}
    for edit in sorted(edits, key=lambda edit: edit.span):
        by_line.setdefault(edit.span.line, []).append(edit)
    shown = [frame.bar()]
    for first, of_line in by_line.items():
        old = [sources.line(of_line[0].span.path, number) for number in range(first, max(edit.span.end_line for edit in of_line) + 1)]
        new = _edited(old, of_line)
        number = first
        while old and new and old[0] == new[0]:
            del old[0], new[0]
            number += 1
        while old and new and old[-1] == new[-1]:
            del old[-1], new[-1]
        for sign, role, lines in (("-", "removed", old), ("+", "added", new)):
            shown += [
                f"{frame.bar(number + index, sign)} {frame.paint(_shortened(line, frame.longest_line), role)}"
                for index, line in enumerate(lines)
            ]
    return [*shown, frame.bar()]


def _edited(lines: list[str], edits: list[Edit]) -> list[str]:
    """Return `lines` with `edits` made, the first of which is in the first line."""
    text, first = "\n".join(lines), edits[0].span.line

    def offset(line: int, column: int) -> int:
        return sum(len(earlier) + 1 for earlier in lines[: line - first]) + column - 1

    for edit in reversed(edits):
        span = edit.span
        text = text[: offset(span.line, span.column)] + edit.replacement + text[offset(span.end_line, span.end_column) :]
    return text.split("\n")


def _shortened(line: str, length: int) -> str:
    return _display(line[:length]) + ("..." if len(line) > length else "")


def _numbers(span: Span) -> list[int | None]:
    numbers: list[int | None] = list(range(span.line, span.end_line + 1))
    if span.end_line > span.line and span.end_column == 1:
        numbers.pop()  # the end is exclusive: nothing of the last line belongs to the span
    return numbers if len(numbers) <= _MOST_LINES else [*numbers[:2], None, numbers[-1]]


def _window(line: str, span: Span, length: int) -> tuple[int, int]:
    """Return which `length` characters of the lines are shown, so that the span is among them."""
    if len(line) <= length:
        return 0, length
    start = max(0, span.column - 1 - length // 3)
    return start, start + length


def _numbered(sources: Sources, span: Span, number: int, window: tuple[int, int], frame: Frame) -> str:
    line, (start, end) = sources.line(span.path, number), window
    text = _display(line[start:end])
    before, after = "..." if start and line else "", "..." if len(line) > end else ""
    return f"{frame.bar(number)} {before}{text}{after}".rstrip()


def _underline(line: str, span: Span, number: int, window: tuple[int, int], mark: str, role: str, frame: Frame) -> str:
    start, end = window
    first = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
    last = span.end_column - 1 if number == span.end_line else len(line)
    first, last = min(max(first, start), len(line)), min(last, end, len(line))
    indent = cells(_display(line[start:first])) + (3 if start else 0)
    return " " * indent + frame.paint(mark * max(1, cells(_display(line[first:last]))), role)


def _display(text: str) -> str:
    return visible(text.replace("\t", _TAB))
