"""A finding as plain values, for the formats that programs read; shared by json and jsonl."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from labmodels.config.diagnostics import Diagnostic, Span
from labmodels.terminal.report import shown_path


def record(finding: Diagnostic) -> dict[str, Any]:
    """Return a finding as JSON values; lines and columns count from 1, ends are exclusive."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        **place(finding.span),
        "help": finding.help,
        "notes": [{"message": note.message, **(place(note.span) if note.span else {})} for note in finding.notes],
        "fix": [{**place(edit.span), "replacement": edit.replacement} for edit in finding.edits],
        "combinations": list(finding.combinations),
        "more": finding.more,
    }


def place(span: Span) -> dict[str, Any]:
    """Return a span as JSON values."""
    return {
        "file": shown_path(span.path),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def fingerprinted(findings: Iterable[Diagnostic]) -> Iterator[tuple[str, Diagnostic]]:
    """Yield each finding with a fingerprint that lines moving above it leave alone, and that no other finding of the report has."""
    met: dict[str, int] = {}
    for finding in findings:
        identity = "\0".join((finding.code, shown_path(finding.span.path), finding.message))
        met[identity] = met.get(identity, 0) + 1
        yield hashlib.sha256(f"{identity}\0{met[identity]}".encode("utf-8", "replace")).hexdigest()[:32], finding
