"""Aligned tables in plain text, no wider than the terminal. Without rich: it costs more start-up time than most commands take."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from labmodels.terminal.colour import PLAIN, Paint
from labmodels.terminal.text import cells, one_line, wrapped

_GAP = "  "
_NARROWEST = 8


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], paint: Paint = PLAIN) -> str:
    """Return a table without a final newline: numbers to the right, None as "-", the widest columns wrapped to the paint's width.

    Columns whose values are all numbers are aligned right, their headers too.
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    is_number = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(headers))]
    natural = [max([cells(header)] + [cells(row[column]) for row in texts]) for column, header in enumerate(headers)]
    widths = natural if paint.width is None else _fitted(natural, paint.width - len(_GAP) * (len(headers) - 1))
    lines = [paint(line, "strong") for line in _lines(list(headers), widths, is_number)]
    for row in texts:
        lines += _lines(row, widths, is_number)
    return "\n".join(lines)


def _text(cell: object) -> str:
    return "-" if cell is None or cell == "" else one_line(str(cell))


def _is_number(cell: object) -> bool:
    return cell is None or (isinstance(cell, int | float | Decimal) and not isinstance(cell, bool))


def _fitted(widths: list[int], available: int) -> list[int]:
    """Return `widths` with the widest taken from until they sum to `available`, none below the narrowest legible one."""
    fitted = list(widths)
    while sum(fitted) > available:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= _NARROWEST:
            break
        runner_up = max([width for width in fitted if width < fitted[widest]], default=_NARROWEST)
        excess = sum(fitted) - available
        fitted[widest] -= max(1, min(excess, fitted[widest] - max(runner_up, _NARROWEST)))
    return fitted


def _lines(row: list[str], widths: list[int], is_number: list[bool]) -> list[str]:
    columns = [wrapped(text, width) for text, width in zip(row, widths, strict=True)]
    lines = []
    for index in range(max(len(column) for column in columns)):
        parts = []
        for column, width, right in zip(columns, widths, is_number, strict=True):
            text = column[index] if index < len(column) else ""
            padding = " " * (width - cells(text))
            parts.append(padding + text if right else text + padding)
        lines.append(_GAP.join(parts).rstrip())
    return lines
