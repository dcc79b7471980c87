"""The format for people: each finding with its source, the places that belong to it, help, and the change that --fix would make."""

from __future__ import annotations

from collections.abc import Iterator

from labmodels.config.diagnostics import Diagnostic, Note, Severity, Span
from labmodels.terminal.colour import Paint
from labmodels.terminal.report import Report, shown_path
from labmodels.terminal.snippet import Frame, changed_lines, gutter_for, snippet
from labmodels.terminal.sources import Sources
from labmodels.terminal.text import counted, wrapped

_MOST_COMBINATIONS = 3


def render(report: Report, paint: Paint) -> str:
    """Return every error and warning, a blank line between two; then the infos, a line each; then the summary line."""
    findings = list(report.findings())
    shown = [finding for finding in findings if finding.severity is not Severity.INFO]
    sources = Sources(report, shown)
    blocks = ["\n".join(_block(finding, sources, paint)) for finding in shown]
    infos = [_line(finding, paint) for finding in findings if finding.severity is Severity.INFO]
    blocks += ["\n".join(infos)] if infos else []
    summary = paint(report.summary(), "strong") if blocks else paint(report.summary(), "good")
    return "\n\n".join([*blocks, summary]) + "\n"


def _line(finding: Diagnostic, paint: Paint) -> str:
    also = f" (the same in {counted(finding.more, 'more place')})" if finding.more else ""
    return f"{paint(f'info[{finding.code}]', 'info')} {_place(finding.span)}: {finding.message}{also}"


def _block(finding: Diagnostic, sources: Sources, paint: Paint) -> Iterator[str]:
    severity = finding.severity.value
    spans = [finding.span, *(note.span for note in finding.notes if note.span), *(edit.span for edit in finding.edits)]
    frame = Frame(gutter_for(spans), paint)
    yield f"{paint(f'{severity}[{finding.code}]', severity)}{paint(f': {finding.message}', 'strong')}"
    yield frame.arrow(_place(finding.span))
    yield from snippet(sources, finding.span, frame, "^", severity)
    yield from _facts(finding, frame)
    for note in finding.notes:
        yield from _note(note, sources, frame)
    yield from _help(finding, sources, frame)


def _facts(finding: Diagnostic, frame: Frame) -> Iterator[str]:
    if finding.combinations:
        named = ", ".join(finding.combinations[:_MOST_COMBINATIONS])
        rest = len(finding.combinations) - _MOST_COMBINATIONS
        yield f"{frame.bar(sign='=')} {frame.paint('in:', 'strong')} {named}{f' and {rest:,} more' if rest > 0 else ''}"
    if finding.more:
        yield f"{frame.bar(sign='=')} {frame.paint('also:', 'strong')} the same in {counted(finding.more, 'more place')}"


def _note(note: Note, sources: Sources, frame: Frame) -> Iterator[str]:
    yield f"{frame.paint('note', 'note')}: {note.message}"
    if note.span:
        yield frame.arrow(_place(note.span))
        yield from snippet(sources, note.span, frame, "-", "note")


def _help(finding: Diagnostic, sources: Sources, frame: Frame) -> Iterator[str]:
    if finding.help or finding.edits:
        text = finding.help or "--fix changes this"
        width = frame.paint.width
        lines = [part for line in text.split("\n") for part in (wrapped(line, max(width - 6, 20)) if width else [line])]
        yield f"{frame.paint('help', 'help')}: " + "\n      ".join(lines)
    if finding.edits:
        yield from changed_lines(sources, finding.edits, frame)


def _place(span: Span) -> str:
    return f"{shown_path(span.path)}:{span.line}:{span.column}"
