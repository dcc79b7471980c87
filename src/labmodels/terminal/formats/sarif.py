"""SARIF 2.1.0, the exchange format of code scanning: rules with their help, results with places, related places and fixes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote

from labmodels import __version__
from labmodels.config.codes import CODES, Code
from labmodels.config.diagnostics import Diagnostic, Edit, Severity, Span
from labmodels.terminal.colour import Paint
from labmodels.terminal.formats.records import fingerprinted
from labmodels.terminal.report import Report, shown_path

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report, paint: Paint) -> str:
    """Return a log with one run; its rules are the codes that were found."""
    findings = list(fingerprinted(report.findings()))
    codes = sorted({finding.code for _, finding in findings})
    run = {
        "tool": {
            "driver": {
                "name": "labmodels",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(CODES[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, fingerprint, codes.index(finding.code)) for fingerprint, finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.explanation},
        "help": {"text": f"{code.explanation}\n\n{code.example}", "markdown": f"{code.explanation}\n\n{code.example}"},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
    }


def _result(finding: Diagnostic, fingerprint: str, rule_index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(_text(finding))},
        "locations": [{"physicalLocation": _location(finding.span)}],
        "partialFingerprints": {"labmodelsFinding/v1": fingerprint},
    }
    related = [
        {"id": number, "message": {"text": note.message}, "physicalLocation": _location(note.span)}
        for number, note in enumerate(finding.notes, start=1)
        if note.span
    ]
    if related:
        result["relatedLocations"] = related
    if finding.edits:
        result["fixes"] = [{"description": {"text": finding.help or "what --fix does"}, "artifactChanges": _changes(finding.edits)}]
    if finding.combinations:
        result["properties"] = {"combinations": list(finding.combinations)}
    return result


def _text(finding: Diagnostic) -> Iterator[str]:
    yield finding.message
    yield from (f"note: {note.message}" for note in finding.notes if not note.span)  # the others are related locations
    if finding.help:
        yield f"help: {finding.help}"


def _changes(edits: tuple[Edit, ...]) -> list[dict[str, Any]]:
    return [
        {
            "artifactLocation": {"uri": _uri(path)},
            "replacements": [{"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.replacement}} for edit in of_path],
        }
        for path, of_path in groupby(sorted(edits, key=lambda edit: edit.span), key=lambda edit: shown_path(edit.span.path))
    ]


def _location(span: Span) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(shown_path(span.path))}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    return {"startLine": span.line, "startColumn": span.column, "endLine": span.end_line, "endColumn": span.end_column}


def _uri(path: str) -> str:
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)
